"""Recordings of one person, photos and videos, as portrait crops; their split into fit, check and held-out frames."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.errors import InputError
from seetalk_jax.media import driving, face, image, motion_files, timeline

MAX_FRAMES = 300  # kept of a video, evenly spaced: neighboring frames are almost equal
MIN_FRAMES = 10  # of a video; shorter ones have nothing to hold out
CHECKED_SHARE = 0.15  # of the frames of a video that are not held out
_READ_BATCH = 16


@dataclasses.dataclass(frozen=True)
class Recording:
  """Photo or video of the person, cropped to the portrait.

  Attributes:
    path: path of the file.
    frames: portrait crops in order of time, uint8 `[n, side, side, 3]`; one for a photo.
    inside: bool `[side, side]`, True where the crop shows the picture and not repeated edge pixels.
    seconds: length of the video; 0 for a photo.
  """

  path: pathlib.Path
  frames: np.ndarray
  inside: np.ndarray
  seconds: float

  @property
  def is_photo(self) -> bool:
    """Whether it is a photo."""
    return self.seconds == 0


@dataclasses.dataclass(frozen=True)
class Split:
  """Rows of a recording's frames by their use; a later part of a video shares no moment with an earlier one.

  Attributes:
    fit: rows that the networks are fitted to.
    check: rows that choose the best state of the fit.
    held_out: rows that judge the result, used for nothing else.
  """

  fit: np.ndarray
  check: np.ndarray
  held_out: np.ndarray


def read(
  path: str | os.PathLike,
  side: int,
  *,
  landmarker: str | os.PathLike | None = None,
  aligned: bool = False,
  note: Callable[[str], None] | None = None,
) -> Recording:
  """Reads a photo or a video of one person.

  Args:
    path: a picture or a video.
    side: side of the portrait crops in pixels.
    landmarker, aligned, note: as for `media.face.aligned_portrait`.

  Raises:
    InputError: the file is missing, neither a picture nor a video, or a video of less than 10 frames.
    PortraitError: no face or several.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    raise InputError(f'a folder, {path}: give photos and videos of one person')
  if not path.exists():
    raise InputError(f'no such file, {path}: give photos and videos of one person')
  if image.is_image(path):
    photo = face.find_photo(path, landmarker=landmarker, aligned=aligned, note=note)
    inside = _inside(photo.box, photo.pixels.shape[:2], side)
    return Recording(path, face.crop_photo(photo, side)[None], inside, 0.0)
  if motion_files.is_motion_file(path) or not timeline.probe(path).has_picture:
    raise InputError(f'neither a photo nor a video, {path}: give photos and videos of one person')
  return _read_video(path, side, landmarker, aligned)


def split(recordings: Sequence[Recording], held_out: float) -> list[Split]:
  """Splits every recording: the end of a video is held out, and the part before it checks the fit.

  Photos are fitted to; of several photos without a video, the last are held out.

  Args:
    recordings: recordings of one person.
    held_out: share of the frames of every video that is held out, and of the photos; 0 to 0.9.
  """
  photos = [recording for recording in recordings if recording.is_photo]
  kept_photos = len(photos)
  if len(photos) == len(recordings) > 1:
    kept_photos = max(1, len(photos) - round(held_out * len(photos)))
  parts, none = [], np.arange(0)
  for recording in recordings:
    rows = np.arange(len(recording.frames))
    if recording.is_photo:
      kept_photos -= 1
      parts.append(Split(rows, none, none) if kept_photos >= 0 else Split(none, none, rows))
      continue
    until = max(1, len(rows) - round(held_out * len(rows)))
    fitted = max(1, until - round(CHECKED_SHARE * until))
    parts.append(Split(rows[:fitted], rows[fitted:until], rows[until:]))
  return parts


def _read_video(
  path: pathlib.Path, side: int, landmarker: str | os.PathLike | None, aligned: bool
) -> Recording:
  video = driving.open_driving(path, landmarker=landmarker, aligned=aligned)
  assert isinstance(video, driving.DrivingVideo)  # not a motion file
  if video.num_frames < MIN_FRAMES:
    raise InputError(f'a video of {video.num_frames} frames, {path}: give {MIN_FRAMES} or more, or a photo')
  stride, first, kept = -(-video.num_frames // MAX_FRAMES), 0, []
  for batch in video.crops(side, _READ_BATCH):
    kept.append(batch[(-first) % stride :: stride])
    first += len(batch)
  _, pixels = next(timeline.grid_frames(path))
  return Recording(
    path, np.concatenate(kept), _inside(video.box, pixels.shape[:2], side), video.num_frames / FPS
  )


def _inside(box: face.FaceBox | None, size: tuple[int, ...], side: int) -> np.ndarray:
  if box is None:
    return np.ones((side, side), bool)
  return face.inside_picture(box, (size[0], size[1]), side)
