"""Record sources: random access to corpora on disk, a `corpus.json` and finished ArrayRecord shards."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence

import grain
import numpy as np

from seetalk_jax import files
from seetalk_jax.data import prepared_clips, record_filter, schema, speaker_runs
from seetalk_jax.errors import InputError, OutputError

CORPUS_FILE = 'corpus.json'
REPORT_FILE = 'report.json'  # of a preparation, beside its corpus.json
_SHARD = re.compile(r'(?P<part>[a-z]+-[a-z]+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.array_record')

_KEPT_RUNS = 2**16  # runs of speakers that are kept in memory, a few megabytes

PathLike = str | os.PathLike


class MissingRecordsError(InputError):
  """No corpus has records of a kind and split."""


def shard_name(kind: str, split: str, index: int, count: int) -> str:
  """File name of a shard, such as `faces-train-00003-of-00047.array_record`."""
  return f'{kind}-{split}-{index:05d}-of-{count:05d}.array_record'


def clips_name(kind: str, split: str) -> str:
  """File name of the clip lengths of a prepared part, such as `real-train.clips.npy`; see `prepared_clips`."""
  return f'{kind}-{split}.clips.npy'


def read_manifest(corpus_dir: PathLike) -> dict:
  """Reads `corpus.json`: {'schema': version, 'parts': {'KIND-SPLIT': settings}}.

  Raises:
    InputError: the directory is not a corpus, or the file is damaged.
  """
  path = pathlib.Path(corpus_dir) / CORPUS_FILE
  try:
    manifest = json.loads(path.read_text())
    schema.check_version(manifest['schema'], f'corpus {corpus_dir}')
    manifest['parts'].items()
  except FileNotFoundError as e:
    raise InputError(
      f'{corpus_dir} is no corpus (it has no {CORPUS_FILE}): make one of recordings with '
      f"'seetalk prepare RAW_DIR {corpus_dir}', or a synthetic one with 'seetalk corpus {corpus_dir}'"
    ) from e
  except (ValueError, KeyError, AttributeError, TypeError) as e:
    raise InputError(f'{path} is damaged: render or prepare the corpus again') from e
  return manifest


def is_synthetic(corpus_dir: PathLike) -> bool:
  """Whether a corpus was rendered by `seetalk corpus`, and holds no recordings; False for a folder without one."""
  try:
    manifest = read_manifest(corpus_dir)
  except InputError:
    return False
  rendered = [
    not name.startswith('real-') and 'records_per_speaker' in settings
    for name, settings in manifest['parts'].items()
  ]
  return 'prepared' not in manifest and bool(rendered) and all(rendered)


def add_part(corpus_dir: PathLike, kind: str, split: str, settings: dict) -> None:
  """Adds KIND-SPLIT to `corpus.json`; safe to call from several processes concurrently.

  Raises:
    InputError: the part already exists with other settings, or the corpus has an older schema version.
  """
  corpus_dir = pathlib.Path(corpus_dir)
  files.make_folder(corpus_dir)
  path = corpus_dir / CORPUS_FILE
  name = f'{kind}-{split}'
  with files.locked(corpus_dir / '.corpus.lock'):
    if path.exists():
      manifest = read_manifest(corpus_dir)
      if manifest['schema'] != schema.SCHEMA_VERSION:
        raise InputError(
          f'corpus {corpus_dir} has records of schema version {manifest["schema"]}, and new ones are of '
          f'{schema.SCHEMA_VERSION}: use another directory; training mixes corpora'
        )
    else:
      manifest = {'schema': schema.SCHEMA_VERSION, 'parts': {}}
    stored = manifest['parts'].get(name)
    if stored is not None and stored != settings:
      differing = ', '.join(k for k in {**stored, **settings} if stored.get(k) != settings.get(k))
      raise InputError(
        f'corpus {corpus_dir} already holds {name} with another {differing}: '
        'use the same settings to go on with it, or another directory'
      )
    manifest['parts'][name] = settings
    files.write_text(path, json.dumps(manifest, indent=2, sort_keys=True))


def write_shard(path: pathlib.Path, records: Iterable[bytes]) -> None:
  """Writes encoded records as one ArrayRecord shard, atomically.

  Raises:
    OutputError: the shard cannot be written.
  """
  from array_record.python import array_record_module

  @contextlib.contextmanager
  def output_errors():
    try:
      yield
    except RuntimeError as error:  # 'write() failed: No space left on device; writing ...'
      raise OutputError(
        f'{str(error).split(";")[0]}, {path}: free some space, or give another place'
      ) from error

  with files.replacing(path) as part:
    writer = array_record_module.ArrayRecordWriter(os.fspath(part), 'group_size:1')
    try:
      for data in records:
        with output_errors():
          writer.write(data)
    except BaseException:
      with contextlib.suppress(RuntimeError):
        writer.close()
      raise
    with output_errors():
      writer.close()


def finished_shards(corpus_dir: PathLike, kind: str, split: str) -> list[pathlib.Path]:
  """Lists the finished shards of KIND-SPLIT by name; a shard gets its name only when it is complete."""
  shards = []
  for path in sorted(pathlib.Path(corpus_dir).iterdir()):
    match = _SHARD.fullmatch(path.name)
    if match and match['part'] == f'{kind}-{split}':
      shards.append(path)
  return shards


class RecordSource:
  """Random-access source of one KIND-SPLIT of a corpus: `len`, and `source[i]` -> ClipRecord.

  Usable by `grain.MapDataset.source`. While a corpus is being rendered, the source contains the shards that
  were finished at construction; construct it again to include later ones. Shards contain an even number of
  records, so records 2i and 2i + 1 (which share their motions in `faces`) are always in the same shard.

  Attributes:
    kind: record kind of the corpus part.
    split: split of the corpus part.
    settings: settings of the part in `corpus.json`.
    shards: shard files in use.
    num_stored: number of records in these files; `len` is less with `max_records`.
  """

  def __init__(self, corpus_dir: PathLike, kind: str, split: str, *, max_records: int | None = None):
    """Opens the corpus.

    Args:
      corpus_dir: directory with `corpus.json`.
      kind: `faces`, `clips`, `talks` or `real`.
      split: `train`, `validation` or `test`.
      max_records: use at most this many records from the start (an even number); None uses all.

    Raises:
      InputError: no corpus, no such part, or no finished shard yet.
    """
    part = f'{kind}-{split}'
    parts = read_manifest(corpus_dir)['parts']
    if part not in parts:
      held = ', '.join(parts) or 'nothing'
      raise InputError(
        f'corpus {corpus_dir} has no {part}, only {held}: {_advice([kind], split, corpus_dir)}'
      )
    self.kind, self.split, self.settings = kind, split, parts[part]
    self._name = f'{corpus_dir}:{part}'
    self.shards = finished_shards(corpus_dir, kind, split)
    if not self.shards:
      raise InputError(
        f'corpus {corpus_dir} has no finished shard of {part} yet: wait for one, or '
        f'{_advice([kind], split, corpus_dir)}'
      )
    self._records = grain.sources.ArrayRecordDataSource([os.fspath(path) for path in self.shards])
    self.num_stored = len(self._records)
    self._length = self.num_stored if max_records is None else min(max_records, self.num_stored)

  def __len__(self) -> int:
    return self._length

  def __getitem__(self, index: int) -> schema.ClipRecord:
    if not 0 <= index < self._length:
      raise IndexError(f'record {index} of {self._length}')
    return schema.decode(self._records[index])

  def prepared_clips(self) -> np.ndarray | None:
    """Lengths of all clips, int32 `[c, 2]`: (records, frames), in the order of the records; None if not stored."""
    folder = self.shards[0].parent
    stored = folder / clips_name(self.kind, self.split)
    return prepared_clips.read(stored, folder / REPORT_FILE, self.split, self.num_stored)

  def __repr__(self) -> str:
    return f'RecordSource({self._name}, {self._length} records in {len(self.shards)} shards)'


class ConcatenatedSource:
  """Concatenation of record sources; the neighbors of a record are in the same source.

  Attributes:
    sources: the sources, in order.
    group_lengths: number of records in each group of sources. The sources of one directory form a group;
      mixture weights apply to groups.
  """

  def __init__(self, sources: Sequence, group_sizes: Sequence[int] | None = None):
    """Concatenates sources.

    Args:
      sources: the sources, in order.
      group_sizes: number of sources in each group; None makes every source a group.
    """
    self.sources = list(sources)
    self._lengths = [len(source) for source in self.sources]
    sizes = [1] * len(self.sources) if group_sizes is None else list(group_sizes)
    if sum(sizes) != len(self.sources):
      raise ValueError(f'groups of {sizes} sources do not make {len(self.sources)}')
    lengths = iter(self._lengths)
    self.group_lengths = [sum(next(lengths) for _ in range(size)) for size in sizes]
    self._runs: dict[tuple[int, int | str], speaker_runs.SpeakerRun] = {}
    self._accepted: dict[tuple[int, record_filter.RecordFilter], speaker_runs.AcceptedRecords] = {}

  def __len__(self) -> int:
    return sum(self._lengths)

  def __getitem__(self, index: int) -> schema.ClipRecord:
    source, inside = self._find(index)
    return source[inside]

  def partner(self, index: int) -> schema.ClipRecord:
    """Returns the record that shares the motions of frames 1..k-1 with record `index` (`faces` corpora only)."""
    source, inside = self._find(index)
    if inside ^ 1 >= len(source):
      raise InputError(f'record {inside} of {source} has no partner: render an even number of records')
    return source[inside ^ 1]

  def beside(self, index: int, step: int) -> schema.ClipRecord | None:
    """Returns the record at `index + step` in the same source, or None beyond its ends."""
    source, inside = self._find(index)
    return source[inside + step] if 0 <= inside + step < len(source) else None

  def speaker_run(self, index: int) -> speaker_runs.SpeakerRun:
    """Returns the run of record `index` in its source; runs of the last `_KEPT_RUNS` speakers are kept in memory."""
    source, inside = self._find(index)
    start = index - inside
    key = start, source[inside].speaker
    run = self._runs.get(key)
    if run is None or not run.first <= index < run.stop:
      run = speaker_runs.find_run(source, inside).moved(start)
      if len(self._runs) >= _KEPT_RUNS:
        self._runs.clear()
      self._runs[key] = run
    return run

  def accepted_in_run(
    self, run: speaker_runs.SpeakerRun, accepted: record_filter.RecordFilter
  ) -> speaker_runs.AcceptedRecords:
    """Returns the records of a run that have frames and pass a filter.

    The first call reads the run; then 24 bytes a record are kept in memory.
    """
    key = run.first, accepted
    found = self._accepted.get(key)
    if found is None:
      found = self._accepted[key] = speaker_runs.accepted_in(self, run, accepted)
    return found

  def __repr__(self) -> str:
    return ' + '.join(map(repr, self.sources))

  def _find(self, index: int) -> tuple:
    for source, length in zip(self.sources, self._lengths, strict=True):
      if index < length:
        return source, index
      index -= length
    raise IndexError(f'record {index} beyond {len(self)}')


def open_corpora(
  corpus_dirs: PathLike | Sequence[PathLike],
  kinds: Sequence[str],
  split: str,
  max_records: int | None = None,
  accepted: record_filter.RecordFilter = record_filter.RecordFilter(),  # noqa: B008 (frozen)
) -> ConcatenatedSource:
  """Opens all parts of the directories with one of `kinds` and with `split`, as one source.

  Args:
    corpus_dirs: directories that are corpora or contain corpora; each directory is a group of the source.
    kinds: record kinds to open.
    split: `train`, `validation` or `test`.
    max_records: use at most this many records of each part.
    accepted: parts in which no record passes are left out.

  Raises:
    InputError: no directory.
    MissingRecordsError: no directory has such a part.
  """
  if isinstance(corpus_dirs, (str, os.PathLike)):
    corpus_dirs = [corpus_dirs]
  sources, group_sizes, left_out = [], [], []
  for pattern in corpus_dirs:
    before = len(sources)
    for corpus_dir in _expand([pattern]):
      parts = read_manifest(corpus_dir)['parts']
      for kind in kinds:
        part = f'{kind}-{split}'
        if part in parts and not accepted.accepts_part(parts[part]):
          left_out.append(f'{corpus_dir}:{part}')
        elif part in parts:
          sources.append(RecordSource(corpus_dir, kind, split, max_records=max_records))
    group_sizes.append(len(sources) - before)
  if not sources:
    if left_out:
      raise MissingRecordsError(
        f'no records with {accepted} in {", ".join(left_out)}: lower config.data.min_side, or add larger recordings'
      )
    where = ', '.join(map(str, corpus_dirs)) or 'no directory'
    raise MissingRecordsError(
      f'no {" or ".join(kinds)} records of split {split!r} in {where}: '
      f'{_other_splits(kinds, corpus_dirs)}{_advice(kinds, split, "OUT_DIR")}'
    )
  return ConcatenatedSource(sources, group_sizes)


def _other_splits(kinds: Sequence[str], corpus_dirs: Sequence[PathLike]) -> str:
  """'all of them are of split A, B; ' where directories have records of the kinds, in other splits; else ''."""
  parts = {part for corpus_dir in _expand(corpus_dirs) for part in read_manifest(corpus_dir)['parts']}
  splits = sorted(part.partition('-')[2] for part in parts if part.partition('-')[0] in kinds)
  return f'all of them are of split {", ".join(map(repr, splits))}; ' if splits else ''


def _advice(kinds: Sequence[str], split: str, corpus_dir: PathLike) -> str:
  """Error hint with the command that creates records of `kinds`: `seetalk prepare` or `seetalk corpus`."""
  advice = []
  if 'real' in kinds:
    advice.append(
      f"prepare recordings with 'seetalk prepare RAW_DIR {corpus_dir}' (of several speakers, or of one with --layout "
      'person)'
    )
  if synthetic := [kind for kind in kinds if kind != 'real']:
    advice.append(
      f"render some with 'seetalk corpus {corpus_dir} --kind {synthetic[0]} --split {split} --num N'"
    )
  return ', or '.join(advice)


def _expand(corpus_dirs: Sequence[PathLike]) -> Iterator[pathlib.Path]:
  for corpus_dir in map(pathlib.Path, corpus_dirs):
    if not (corpus_dir / CORPUS_FILE).exists() and corpus_dir.is_dir():
      inner = sorted(path.parent for path in corpus_dir.glob(f'*/{CORPUS_FILE}'))
      if inner:
        yield from inner
        continue
    yield corpus_dir
