"""Videos to measure: a file, its first frame held still, or a file with the sound of another one.

The last two are the baselines of an evaluation: a copy of the portrait, and speech that does not belong to the face.
"""

from __future__ import annotations

import functools
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import InputError
from seetalk_jax.media import audio, timeline


class Video(Protocol):
  """A video whose frames can be read several times; `identity` names its content, for results that are kept."""

  name: str

  @property
  def identity(self) -> str: ...

  def frames(self) -> Iterator[np.ndarray]: ...

  def waveform(self) -> np.ndarray | None: ...


class VideoFile:
  """A video file at 25 fps, as `timeline.grid_frames` reads it.

  Args:
    path: the file.
    max_frames: only the first frames are read; None: all.
  """

  def __init__(self, path: pathlib.Path, max_frames: int | None = None):
    self.path, self.name, self.max_frames = path, path.stem, max_frames

  def __str__(self) -> str:
    return str(self.path)

  @functools.cached_property
  def identity(self) -> str:
    """SHA-256 of the file, and how much of it is read."""
    return f'{files.checksum(self.path)}:{self.max_frames}'

  def frames(self) -> Iterator[np.ndarray]:
    """Yields uint8 `[h, w, 3]`.

    Raises:
      InputError: the file is missing, not a video, or damaged.
    """
    for _, pixels in itertools.islice(timeline.grid_frames(self.path), self.max_frames):
      yield pixels

  def waveform(self) -> np.ndarray | None:
    """The sound from the first frame on, `[m]` at 16 kHz; None for a video without sound."""
    if not timeline.probe(self.path).audio_rate_hz:
      return None
    return timeline.sound(self.path, self._start)

  def sound(self, num_frames: int) -> audio.Sound | None:
    """The sound track of the first `num_frames` frames, for a new video; None without sound."""
    return timeline.sound_track(self.path, self._start, num_frames)

  @property
  def _start(self) -> float:
    return next(timeline.grid_frames(self.path))[0]


class StillVideo:
  """The first frame of `video` for its whole length, with its sound."""

  def __init__(self, video: Video):
    self._video, self.name = video, video.name

  @property
  def identity(self) -> str:
    """That of the video, marked."""
    return f'still:{self._video.identity}'

  def frames(self) -> Iterator[np.ndarray]:
    """Yields the first frame as often as the video has frames."""
    first = None
    for pixels in self._video.frames():
      first = pixels if first is None else first
      yield first

  def waveform(self) -> np.ndarray | None:
    """The sound of the video."""
    return self._video.waveform()


class WithOtherSound:
  """The frames of `video` with the sound of `other`."""

  def __init__(self, video: Video, other: Video):
    self.pictures, self._other, self.name = video, other, video.name

  def __str__(self) -> str:
    return f'{self.pictures} with the sound of {self._other}'

  @property
  def identity(self) -> str:
    """Those of both videos."""
    return f'{self.pictures.identity}+{self._other.identity}'

  def frames(self) -> Iterator[np.ndarray]:
    """Yields the frames of the video."""
    return self.pictures.frames()

  def waveform(self) -> np.ndarray | None:
    """The sound of the other video."""
    return self._other.waveform()


def folder_videos(folder: str, max_frames: int | None = None) -> list[VideoFile]:
  """The videos in a folder by name; each is opened, since an error after an hour of measuring would cost it.

  Raises:
    InputError: there is no such folder, it is empty, one of its files is not a video, or two have one name.
  """
  path = pathlib.Path(folder)
  found = (
    sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith('.')) if path.is_dir() else []
  )
  if not found:
    raise InputError(f'no videos, {folder}: give a folder of video files')
  for video in found:
    if not timeline.probe(video).has_picture:
      raise InputError(f'no picture that can be decoded, {video}: keep only videos in the folder')
  stems = [video.stem for video in found]
  for i, stem in enumerate(stems):
    if stem in stems[:i]:
      raise InputError(f'two videos of the name {stem!r}, {folder}: videos are paired by name, rename one')
  return [VideoFile(video, max_frames) for video in found]


def shuffled_sound(videos: Sequence[Video]) -> list[WithOtherSound]:
  """Every video with the sound of the one half of the list away; none for fewer than two."""
  if len(videos) < 2:
    return []
  half = len(videos) // 2
  return [WithOtherSound(video, videos[(i + half) % len(videos)]) for i, video in enumerate(videos)]
