"""A video that drives a face: its frames at 25 fps, all cut out with one square, and its sound."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import face, timeline, video
from seetalk_jax.media import image as image_lib
from seetalk_jax.media.audio import Sound

LOOK_EVERY = 5  # frames (0.2 s) between looks for the face
_PATIENCE = 25  # looks (5 s) in which a face must have been seen
_MOSTLY = 0.5  # share of the looks that must show the face, and no second one


@dataclasses.dataclass(frozen=True)
class DrivingVideo:
  """What is known of a driving video once it has been looked through.

  Attributes:
    path: of the file.
    num_frames: on the 25 fps grid.
    box: the portrait crop in pixels, one for all frames; None where the frames are portrait crops already.
    sound: its sound from the first picture on, exactly as long as the frames; None where it has none.
  """

  path: pathlib.Path
  num_frames: int
  box: face.FaceBox | None
  sound: Sound | None

  def crops(self, side: int, batch: int) -> Iterator[np.ndarray]:
    """Yields uint8 `[t, side, side, 3]` in order; t is `batch`, less at the end. One batch is held at a time."""
    held = []
    for _, pixels in timeline.grid_frames(self.path):
      if self.box is None:
        held.append(image_lib.resize(pixels, (side, side)))
      else:
        held.append(face.crop(pixels, self.box, side))
      if len(held) == batch:
        yield np.stack(held)
        held = []
    if held:
      yield np.stack(held)

  def checksum(self) -> str:
    """16 hexadecimal digits that stand for the file's content."""
    return files.checksum(self.path)[:16]


def open_driving(
  path: str | os.PathLike, *, landmarker: str | os.PathLike | None = None, aligned: bool = False
) -> DrivingVideo:
  """Looks through a video: where its one face is, how long it is, whether it sounds.

  The crop is the median of those of the frames: it stands still while the head moves. A video that this library
  made says itself that it is cropped already.

  Args:
    path: any video; its frames are taken at 25 fps by their time stamps.
    landmarker: MediaPipe's `face_landmarker.task`; by default the environment's SEETALK_FACE_LANDMARKER.
    aligned: take the frames as portrait crops; they must be square.

  Raises:
    InputError: missing, not a video, damaged.
    PortraitError: no face or several, no landmarker to find them, `aligned` and not square.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    raise InputError(f'the driving video is a folder, {path}: give a video file')
  if not path.is_file():
    raise InputError(f'no such driving video, {path}: check the path')
  if not timeline.probe(path).has_picture:
    raise InputError(f'no picture in the file, {path}: give a video of one person to --driving')
  aligned = aligned or _made_here(path)
  first, num_frames, looks = 0.0, 0, []
  with contextlib.nullcontext() if aligned else face.open_landmarker(landmarker) as find:
    for first, pixels in timeline.grid_frames(path):  # noqa: B007
      if aligned and num_frames == 0:
        _check_square(pixels, path)
      if not aligned and num_frames % LOOK_EVERY == 0:
        looks.append(face.find_faces(pixels, find))
        if len(looks) == _PATIENCE and not any(looks):
          break
      num_frames += 1
  return DrivingVideo(
    path, num_frames, None if aligned else _box(looks, path), _sound(path, first, num_frames)
  )


def _made_here(path: pathlib.Path) -> bool:
  comment = video.read_metadata(path).get('comment', '')
  return 'seetalk-jax' in comment and f'crop_version {face.PORTRAIT_CROP.version};' in comment


def _check_square(pixels: np.ndarray, path: pathlib.Path) -> None:
  height, width = pixels.shape[:2]
  if abs(height - width) > 0.02 * max(height, width):
    raise PortraitError(
      f'an aligned video must be square, not {width} x {height}, {path}: crop it, or let the face be found'
    )


def _box(looks: list[list[face.FaceBox]], path: pathlib.Path) -> face.FaceBox:
  """The steady crop of what was found in every look, the largest face first."""
  seen = [boxes for boxes in looks if boxes]
  if len(seen) < _MOSTLY * len(looks):
    raise PortraitError(
      f'a face in {len(seen)} of {len(looks)} pictures, {path}: give a video that shows one person from the front'
    )
  if sum(len(boxes) > 1 for boxes in seen) > (1 - _MOSTLY) * len(seen):
    raise PortraitError(f'several faces found, {path}: crop the video to one person')
  return face.median_box([boxes[0] for boxes in seen])


def _sound(path: pathlib.Path, first: float, num_frames: int) -> Sound | None:
  """The sound track, heard through once so that a damaged one is known before any work is done."""
  sound = timeline.sound_track(path, first, num_frames)
  if sound is not None and not all(np.isfinite(block).all() for block in sound.open_blocks()):
    raise InputError(f'NaN or infinite samples in the sound, {path}: export it again')
  return sound
