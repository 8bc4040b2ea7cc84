"""Folder layouts of public corpora: from the path of a file to its speaker, clip and split."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Callable, Sequence

from seetalk_jax.errors import InputError

VIDEO_SUFFIXES = frozenset(
  '.3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .ts .vob .webm .wmv'.split()
)
SPLITS = ('train', 'validation', 'test')
_SPLIT_SHARES = (0.9, 0.05, 0.05)
# Names of HDTF: a subset, then the name of a person, or `Radio` and a number, then numbers of videos and clips.
_HDTF_SUBSETS = ('RD', 'WDA', 'WRA')
_HDTF_SUBSET = re.compile(rf'(?P<subset>{"|".join(_HDTF_SUBSETS)})_(?P<rest>.+)')
_HDTF_RADIO = re.compile(r'Radio\d+')
_HDTF_PERSON = re.compile(r'[^\W\d_]+(-[^\W\d_]+)*')
_HDTF_SAME = {'WhipJimClyburn': 'JamesClyburn'}  # people with two names in the lists
_NUMBERS = re.compile(r'([_-]?\d+)+$')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
  """One raw recording.

  Attributes:
    file: path relative to the raw folder, with forward slashes; the unique key of the recording.
    speaker: name of the speaker; a speaker is in one split only, except in the layout `person`.
    clip: identifies the recording of the speaker.
    split: 'train', 'validation' or 'test'.
  """

  file: str
  speaker: str
  clip: str
  split: str


def find_items(raw_dir: pathlib.Path, layout: str) -> list[Item]:
  """Finds all recordings under a folder, sorted by path; hidden files and other suffixes are skipped.

  Args:
    raw_dir: folder of the corpus as downloaded.
    layout: key of `LAYOUTS`.

  Raises:
    InputError: no such folder, no such layout, or no recordings in the folder.
  """
  if layout not in LAYOUTS:
    raise InputError(f'layout {layout!r} is unknown: use one of {", ".join(LAYOUTS)}')
  if not raw_dir.is_dir():
    raise InputError(f'no such folder, {raw_dir}: give the folder with the raw videos')
  files = sorted(
    path.relative_to(raw_dir).as_posix()
    for path in raw_dir.rglob('*')
    if path.suffix.lower() in VIDEO_SUFFIXES
    and path.is_file()
    and not any(part.startswith('.') for part in path.relative_to(raw_dir).parts)
  )
  if not files:
    raise InputError(f'no videos, {raw_dir}: it has no file that ends in {", ".join(sorted(VIDEO_SUFFIXES))}')
  items = [_printable(LAYOUTS[layout](file)) for file in files]
  if layout in ('folder', 'hdtf'):
    items = _with_train_split(items, lambda item: item.speaker)
  if layout == 'person':
    items = _with_validation_split(_with_train_split(items, lambda item: item.clip))
  return items


def _with_train_split(items: list[Item], group: Callable[[Item], str]) -> list[Item]:
  """The items, with the largest group moved to the train split if the hash put none there: few speakers."""
  if any(item.split == SPLITS[0] for item in items):
    return items
  counts = collections.Counter(map(group, items))
  largest = max(counts, key=lambda name: (counts[name], name))
  return [dataclasses.replace(item, split=SPLITS[0]) if group(item) == largest else item for item in items]


def _with_validation_split(items: list[Item]) -> list[Item]:
  """The items, with one clip moved to the validation split if there are several and none is in it."""
  if len(items) == 1 or any(item.split == SPLITS[1] for item in items):
    return items
  moved = next((item for item in items if item.split != SPLITS[0]), items[-1])
  return [dataclasses.replace(item, split=SPLITS[1]) if item == moved else item for item in items]


def _printable(item: Item) -> Item:
  """Writes bytes that are not UTF-8 in the names of speaker and clip as escapes like `\\xff`; records hold text."""
  escape = lambda name: name.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace')
  return dataclasses.replace(item, speaker=escape(item.speaker), clip=escape(item.clip))


def split_of(speaker: str, shares: Sequence[float] = _SPLIT_SHARES) -> str:
  """Split of a speaker, from a stable hash of the name; needs no list, and every speaker is in one split."""
  name = f'split/{speaker}'.encode('utf-8', 'surrogateescape')
  digest = hashlib.blake2b(name, digest_size=8).digest()
  place = int.from_bytes(digest, 'big') / 2**64
  for name, share in zip(SPLITS, shares, strict=True):
    if place < share:
      return name
    place -= share
  return SPLITS[0]


def _folder(file: str) -> Item:
  """One folder per speaker; every file at the top level is a speaker of its own."""
  path = pathlib.PurePosixPath(file)
  if len(path.parts) > 1:
    speaker, clip = path.parts[0], '/'.join(path.with_suffix('').parts[1:])
  else:
    speaker, clip = path.stem, path.stem
  return Item(file=file, speaker=speaker, clip=clip, split=split_of(speaker))


def _person(file: str) -> Item:
  """Videos of one person, in any folders; clips are split, not speakers."""
  clip = pathlib.PurePosixPath(file).with_suffix('').as_posix()
  return Item(file=file, speaker='person', clip=clip, split=split_of(clip))


def _hdtf(file: str) -> Item:
  """HDTF: `WDA_NancyPelosi0_001.mp4`, `WRA/JohnKasich2.mp4`, `RD_Radio34_000.mp4`.

  The speaker of `WDA` and `WRA` is the name without the numbers of video and clip. HDTF publishes no split, so these
  speakers are split by hash. `RD` gives no names, and one person may speak in several of its videos: each video counts
  as a speaker, and all are in the train split.
  """
  path = pathlib.PurePosixPath(file)
  clip = path.with_suffix(
    ''
  ).as_posix()  # a speaker has several videos, whose clips may have the same numbers
  subset, rest = _hdtf_subset(path)
  if radio := _HDTF_RADIO.match(rest):
    return Item(file=file, speaker=f'RD_{radio[0]}', clip=clip, split=SPLITS[0])
  if subset in ('WDA', 'WRA') and (person := _HDTF_PERSON.match(rest)):
    speaker = f'{subset}_{_HDTF_SAME.get(person[0], person[0])}'
  else:
    # Other names: without numbers at the end; a file with a number alone belongs to its folder.
    named = [_NUMBERS.sub('', part) for part in (path.stem, *path.parts[-2:-1])]
    speaker = next(filter(None, named), path.stem)
  return Item(file=file, speaker=speaker, clip=clip, split=split_of(speaker))


def _hdtf_subset(path: pathlib.PurePosixPath) -> tuple[str, str]:
  """(subset of HDTF or '', name without it); file and folder are searched, in this order."""
  inner = [path.stem, *reversed(path.parts[:-1])]
  for part in inner:
    if match := _HDTF_SUBSET.fullmatch(part):
      return match['subset'], match['rest']
  # A file with numbers alone is a clip of the video that its folder names.
  names = (part for part in inner if _NUMBERS.sub('', part) and part not in _HDTF_SUBSETS)
  return next((part for part in inner if part in _HDTF_SUBSETS), ''), next(names, path.stem)


def _voxceleb2(file: str) -> Item:
  """VoxCeleb2: `dev/mp4/id00012/21Uxsk56VDQ/00001.mp4` (identity, video, utterance).

  `test` in the path is the official test set.
  """
  path = pathlib.PurePosixPath(file)
  at = next((i for i, part in enumerate(path.parts) if re.fullmatch(r'id\d{5}', part)), None)
  if at is None:
    raise InputError(f'no VoxCeleb2 identity (id00012) in the path, {file}: use --layout folder')
  speaker = path.parts[at]
  clip = '/'.join(path.with_suffix('').parts[at + 1 :])
  # The official test identities are disjoint from those of dev; validation speakers are sampled from dev.
  official = 'test' if 'test' in path.parts[:at] else split_of(speaker, (0.98, 0.02, 0.0))
  return Item(file=file, speaker=speaker, clip=clip, split=official)


def _avspeech(file: str) -> Item:
  """AVSpeech: `YOUTUBEID_START_END.mp4` or `YOUTUBEID/START_END.mp4`; every video counts as a speaker.

  AVSpeech does not name speakers. `train` or `test` in the path is the official split.
  """
  path = pathlib.PurePosixPath(file)
  match = re.fullmatch(r'(?P<video>.{11})(_.*)?', path.stem)
  parent = path.parts[-2] if len(path.parts) > 1 else ''
  video = match['video'] if match else parent if len(parent) == 11 else path.stem
  named = [part for part in path.parts[:-1] if part in ('train', 'test')]
  official = 'test' if 'test' in named else split_of(video, (0.98, 0.02, 0.0))
  return Item(file=file, speaker=video, clip=path.stem, split=official)


LAYOUTS: dict[str, Callable[[str], Item]] = {
  'folder': _folder,
  'person': _person,
  'hdtf': _hdtf,
  'voxceleb2': _voxceleb2,
  'avspeech': _avspeech,
}
