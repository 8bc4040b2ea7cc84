"""A long video in segments: each a finished file, kept through any end of the process, and joined at last."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.media import video
from seetalk_jax.media.audio import Sound

# 10 s, where the encoder would begin a closed group of pictures anyway: a joined video is no larger.
SEGMENT_FRAMES = 250


class SegmentWriter:
  """Writes frames like a `VideoWriter`, but into a folder of segments that become one mp4 at the end.

  Segments that are there already are not written again: give the frames from `num_frames` on. Every segment is
  encoded by itself, so the video is the same whether it was made in one go or in several. When the `with` block
  ends well, the segments' packets are copied into `path` beside the sound; the folder is left to its owner. When
  it does not, finished segments stay and the unfinished one goes.

  Attributes:
    path: the file that will appear.
  """

  def __init__(
    self,
    path: str | os.PathLike,
    folder: pathlib.Path,
    *,
    size: tuple[int, int],
    num_frames: int,
    segment_frames: int,
    sound: Sound | None = None,
    metadata: Mapping[str, str] | None = None,
  ):
    """Args: `num_frames` of the whole video; `segment_frames` of every segment but the last."""
    self.path = pathlib.Path(path)
    self._folder, self._size, self._total, self._length = folder, size, num_frames, segment_frames
    self._sound, self._metadata = sound, metadata
    self._segment: video.VideoWriter | None = None
    self._open = contextlib.ExitStack()  # holds the segment that is being written
    self._finished = 0  # frames in finished segments
    while self._finished < num_frames and self._is_whole(self._finished):
      self._finished = min(self._finished + segment_frames, num_frames)

  @property
  def num_frames(self) -> int:
    """Frames in finished segments and in the one that is being written."""
    return self._finished + (self._segment.num_frames if self._segment is not None else 0)

  @property
  def num_finished(self) -> int:
    """Segments that are finished."""
    return -(-self._finished // self._length)

  def __enter__(self) -> SegmentWriter:
    return self

  def write(self, frames: np.ndarray) -> None:
    """Appends uint8 `[t, h, w, 3]` RGB frames."""
    while len(frames):
      if self._segment is None:
        writer = video.VideoWriter(self._path_of(self._finished), size=self._size)
        self._segment = self._open.enter_context(writer)
      whole = min(self._length, self._total - self._finished)
      room = whole - self._segment.num_frames
      self._segment.write(frames[:room])
      frames = frames[room:]
      if self._segment.num_frames == whole:
        self._segment = None
        self._open.close()
        self._finished += whole

  def __exit__(self, kind, error, traceback) -> None:
    if self._segment is not None:  # too few frames came
      self._open.pop_all()
      self._segment.discard()
      self._segment = None
    if kind is not None:
      return
    if self._finished != self._total:
      raise ValueError(f'{self._finished} of {self._total} frames were written to {self.path}')
    paths = [self._path_of(first) for first in range(0, self._total, self._length)]
    with video.VideoJoiner(self.path, paths[0], sound=self._sound, metadata=self._metadata) as joiner:
      for path in paths:
        joiner.append(path)
      if joiner.num_frames != self._total:
        raise ValueError(f'{joiner.num_frames} of {self._total} frames lie in the segments of {self.path}')

  def _path_of(self, first: int) -> pathlib.Path:
    return self._folder / f'segment-{first // self._length:05d}.mp4'

  def _is_whole(self, first: int) -> bool:
    """Whether the segment from frame `first` on is there with all its frames."""
    path = self._path_of(first)
    return path.is_file() and video.count_frames(path) == min(self._length, self._total - first)


def encoder_id() -> str:
  """What decides whether segments of two runs go into one file."""
  return f'{video.encoder_id()}, {FPS} fps, crf {video.CRF}, {video.PRESET}'
