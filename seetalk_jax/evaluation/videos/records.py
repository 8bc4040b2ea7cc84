"""Videos to measure from a prepared corpus: the clips of `seetalk prepare`, or rendered `clips`."""

from __future__ import annotations

import functools
import hashlib
import itertools
import pathlib
import re
from collections.abc import Iterator

import numpy as np

from seetalk_jax.constants import FPS, SAMPLES_PER_FRAME
from seetalk_jax.data import schema
from seetalk_jax.data import sources as corpora
from seetalk_jax.errors import InputError

_KINDS = ('real', 'clips')  # kinds whose frames follow each other


class RecordVideo:
  """Successive records of one clip as a video at 25 fps. Frames are read from the corpus when they are needed.

  Args:
    source: `source[i]` -> ClipRecord.
    first, stop: the records `first` to `stop - 1`, each the continuation of the one before.
    name: of the video.
    max_frames: only the first frames are read; None: all.
  """

  def __init__(self, source, first: int, stop: int, name: str, max_frames: int | None = None):
    self._source, self._range, self.name, self.max_frames = source, range(first, stop), name, max_frames

  def __str__(self) -> str:
    return self.name

  @functools.cached_property
  def identity(self) -> str:
    """SHA-256 of the records, and how much of them is read."""
    total = hashlib.sha256()
    for index in self._range:
      total.update(schema.encode(self._source[index]))
    return f'{total.hexdigest()}:{self.max_frames}'

  def frames(self) -> Iterator[np.ndarray]:
    """Yields uint8 `[s, s, 3]`: the portrait crop.

    Raises:
      InputError: a record is damaged.
    """
    stored = (frame for index in self._range for frame in self._source[index].frames)
    for data in itertools.islice(stored, self.max_frames):
      yield schema.decode_frame(data)

  def waveform(self) -> np.ndarray:
    """The sound of the frames, float32 `[640 n]` at 16 kHz."""
    parts = []
    for index in self._range:
      record = self._source[index]
      begin = record.audio_lead
      parts.append(record.audio[begin : begin + len(record.frames) * SAMPLES_PER_FRAME])
    samples = np.concatenate(parts)
    if self.max_frames is not None:
      samples = samples[: self.max_frames * SAMPLES_PER_FRAME]
    return schema.to_waveform(samples)


def is_corpus(folder: str) -> bool:
  """Whether a folder is a prepared corpus, or holds some."""
  path = pathlib.Path(folder)
  return (path / corpora.CORPUS_FILE).is_file() or any(path.glob(f'*/{corpora.CORPUS_FILE}'))


def record_videos(
  folder: str,
  split: str,
  *,
  max_frames: int | None = None,
  min_seconds: float = 0.0,
  num_videos: int = 0,
) -> list[RecordVideo]:
  """The clips of a prepared corpus as videos, in the order of the records.

  Args:
    folder: a corpus, or a folder of corpora.
    split: `train`, `validation` or `test`.
    max_frames: only the first frames of a video are read; None: all.
    min_seconds: shorter clips are left out.
    num_videos: at most as many, the first ones; 0: all.

  Raises:
    InputError: no corpus, no records of this split with frames that follow each other, or no clip is long enough.
  """
  try:
    source = corpora.open_corpora(folder, _KINDS, split)
  except corpora.MissingRecordsError as error:
    raise InputError(f'{error}. Videos need frames that follow each other: talks have none') from error
  videos, names = [], {}
  for first, stop, num_frames in _runs(source):
    if not num_frames or num_frames / FPS < min_seconds:
      continue
    name = _file_name(source[first])
    names[name] = names.get(name, 0) + 1
    name = f'{name}_{names[name]}' if names[name] > 1 else name
    videos.append(RecordVideo(source, first, stop, name, max_frames))
    if len(videos) == num_videos:
      break
  if not videos:
    raise InputError(
      f'no clip of split {split!r} with {min_seconds:g} s or more, {folder}: lower config.min_seconds'
    )
  return videos


def _runs(source) -> Iterator[tuple[int, int, int]]:
  """(first, stop, frames) of the records of every clip. Rendered records are clips of their own."""
  first, num_frames, before = 0, 0, None
  for index in range(len(source)):
    record = source[index]
    if before is not None and (record.truth is not None or not schema.follows(record, before)):
      yield first, index, num_frames
      first, num_frames = index, 0
    before, num_frames = record, num_frames + len(record.frames)
  if before is not None:
    yield first, len(source), num_frames


def _file_name(record: schema.ClipRecord) -> str:
  """A name that a file may have: speaker and clip, with `_` for other characters."""
  return re.sub(r'[^\w.-]+', '_', f'{record.speaker}-{record.clip}').strip('._') or 'clip'
