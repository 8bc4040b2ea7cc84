"""Segmented video writing: a long video is encoded as finished segment files, which are joined at the end.

Finished segments survive any exit of the process, so an interrupted run can resume.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.media import video
from seetalk_jax.media.audio import Sound

# 10 s, where the encoder starts a new closed group of pictures anyway, so a joined video is not larger.
SEGMENT_FRAMES = 250


class SegmentWriter:
  """Writer with the interface of `VideoWriter` that writes segments to a folder and joins them into one mp4.

  Existing segments are not written again; the caller writes the frames from `num_frames` on. Every segment is
  encoded separately, so the video does not depend on interruptions. When the `with` block succeeds, the
  packets of the segments are copied to `path` together with the sound; the caller removes the folder. On an
  exception, finished segments are kept and the unfinished segment is removed.

  Attributes:
    path: output file.
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
    mark: video.MarkLuma | None = None,
    finish: video.Finish | None = None,
  ):
    """Opens the writer and counts the finished segments.

    Args:
      path: output file.
      folder: folder of the segments.
      size: (height, width) of the frames in pixels.
      num_frames: number of frames of the whole video.
      segment_frames: number of frames of every segment but the last.
      sound: sound track of the video, or None.
      metadata: container tags of the video.
      mark: marks the luma of every frame, or None; existing segments must have the same marks.
      finish: called with the path of the complete video before it gets its name, or None.
    """
    self.path = pathlib.Path(path)
    self._folder, self._size, self._total, self._length = folder, size, num_frames, segment_frames
    self._sound, self._metadata, self._mark, self._finish = sound, metadata, mark, finish
    self._segment: video.VideoWriter | None = None
    self._open = contextlib.ExitStack()  # the segment that is being written
    self._finished = 0  # frames in finished segments
    while self._finished < num_frames and self._is_whole(self._finished):
      self._finished = min(self._finished + segment_frames, num_frames)

  @property
  def num_frames(self) -> int:
    """Number of frames in finished segments and in the current one."""
    return self._finished + (self._segment.num_frames if self._segment is not None else 0)

  @property
  def num_finished(self) -> int:
    """Number of finished segments."""
    return -(-self._finished // self._length)

  def __enter__(self) -> SegmentWriter:
    return self

  def write(self, frames: np.ndarray) -> None:
    """Appends uint8 `[t, h, w, 3]` RGB frames."""
    while len(frames):
      if self._segment is None:
        writer = video.VideoWriter(self._path_of(self._finished), size=self._size, mark=self._mark)
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
    if self._segment is not None:  # too few frames were written
      self._open.pop_all()
      self._segment.discard()
      self._segment = None
    if kind is not None:
      return
    if self._finished != self._total:
      raise ValueError(f'{self._finished} of {self._total} frames were written to {self.path}')
    paths = [self._path_of(first) for first in range(0, self._total, self._length)]
    with video.VideoJoiner(
      self.path, paths[0], sound=self._sound, metadata=self._metadata, finish=self._finish
    ) as joiner:
      for path in paths:
        joiner.append(path)
      if joiner.num_frames != self._total:
        raise ValueError(f'{joiner.num_frames} of {self._total} frames lie in the segments of {self.path}')

  def _path_of(self, first: int) -> pathlib.Path:
    return self._folder / f'segment-{first // self._length:05d}.mp4'

  def _is_whole(self, first: int) -> bool:
    """Whether the segment that starts at frame `first` exists with all its frames."""
    path = self._path_of(first)
    return path.is_file() and video.count_frames(path) == min(self._length, self._total - first)


def encoder_id() -> str:
  """Identifier of the encoder; segments of two runs can be joined only if it is equal."""
  return f'{video.encoder_id()}, {FPS} fps, crf {video.CRF}, {video.PRESET}'
