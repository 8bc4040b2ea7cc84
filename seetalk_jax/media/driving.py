"""Driving videos: frames at 25 fps, cropped with one fixed square, and their audio; or motion from a motion file."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from seetalk_jax import files
from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import face, motion_files, pipes, timeline, video
from seetalk_jax.media import image as image_lib
from seetalk_jax.media.audio import Sound

DETECT_EVERY = 5  # frames (0.2 s) between face detections
_PATIENCE = 25  # detections (5 s) within which a face must be found
_MOSTLY = 0.5  # share of the detections that must find a face, and must not find a second one


@dataclasses.dataclass(frozen=True)
class DrivingVideo:
  """Driving video after face detection.

  Attributes:
    path: path of the file.
    num_frames: number of frames at 25 fps.
    box: portrait crop in pixels for all frames; None if the frames are portrait crops already.
    sound: audio from the first frame on, exactly as long as the frames; None without a sound track that can be
      decoded.
  """

  path: pathlib.Path
  num_frames: int
  box: face.FaceBox | None
  sound: Sound | None

  def crops(self, side: int, batch: int) -> Iterator[np.ndarray]:
    """Yields uint8 `[t, side, side, 3]` in order; t is `batch`, or less at the end. Holds one batch in memory."""
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
    """Checksum of the file's content, 16 hexadecimal digits."""
    return files.checksum(self.path)[:16]


@dataclasses.dataclass(frozen=True)
class DrivingTrack:
  """Motion of a motion file, in the place of a driving video.

  Attributes:
    path: path of the file.
    motion: float32 `[num_frames, 58]` at 25 fps, see `constants.MOTION_FIELDS`.
  """

  path: pathlib.Path
  motion: np.ndarray
  box: None = None
  sound: None = None

  @property
  def num_frames(self) -> int:
    """Number of frames at 25 fps."""
    return len(self.motion)

  def checksum(self) -> str:
    """Checksum of the file's content, 16 hexadecimal digits."""
    return files.checksum(self.path)[:16]


def open_driving(
  path: str | os.PathLike, *, landmarker: str | os.PathLike | None = None, aligned: bool = False
) -> DrivingVideo | DrivingTrack:
  """Opens a driving video: locates its face, counts its frames and checks its sound track. Or reads a motion file.

  The crop is the median of the frames' crops, so it stays fixed while the head moves. Videos written by this
  library are marked as cropped in their metadata and are not cropped again.

  Args:
    path: any video; frames are resampled to 25 fps by their time stamps. A pipe is copied to a temporary file,
      which is removed when the process exits. Or a motion file, see `media.motion_files`.
    landmarker: MediaPipe's `face_landmarker.task`; by default the environment variable
      SEETALK_FACE_LANDMARKER.
    aligned: treat the frames as portrait crops; they must be square.

  Raises:
    InputError: the file is missing, neither a video nor a motion file, or damaged.
    PortraitError: there is no face or several, the face is not upright, no landmarker is available, or
      `aligned` is set for frames that are not square.
  """
  if motion_files.is_motion_file(path):
    return DrivingTrack(pathlib.Path(path), motion_files.read(path))
  with pipes.seekable(path) as readable:
    return _located(readable, landmarker, aligned)


class FaceScan(NamedTuple):
  """Faces of a video, found in every `DETECT_EVERY`-th frame.

  Attributes:
    first_seconds: container time of the first frame.
    num_frames: number of frames at 25 fps.
    size: (height, width) of the frames in pixels.
    detections: portrait crops of all faces per examined frame, the largest first; empty for an aligned video.
  """

  first_seconds: float
  num_frames: int
  size: tuple[int, int]
  detections: list[list[face.FaceBox]]


def _located(path: pathlib.Path, landmarker: str | os.PathLike | None, aligned: bool) -> DrivingVideo:
  if path.is_dir():
    raise InputError(f'the driving video is a folder, {path}: give a video file')
  if not path.is_file():
    raise InputError(f'no such driving video, {path}: check the path')
  if not timeline.probe(path).has_picture:
    raise InputError(f'no picture that can be decoded, {path}: give a video of one person to --driving')
  aligned = aligned or _made_here(path)
  found = scan_faces(path, landmarker, aligned=aligned)
  box = None if aligned else face.median_box([boxes[0] for boxes in one_person(found.detections, path)])
  return DrivingVideo(path, found.num_frames, box, _sound(path, found.first_seconds, found.num_frames))


def scan_faces(
  path: pathlib.Path, landmarker: str | os.PathLike | None = None, *, aligned: bool = False
) -> FaceScan:
  """Decodes a video once and finds its faces; with `aligned`, checks that the frames are square instead.

  Raises:
    InputError, PortraitError: as `open_driving`, but not for the number of faces.
  """
  first, num_frames, size, looks, shown = 0.0, 0, (0, 0), [], None
  with contextlib.nullcontext() if aligned else face.open_landmarker(landmarker) as find:
    for first, pixels in timeline.grid_frames(path):  # noqa: B007
      size = pixels.shape[:2]
      if aligned and num_frames == 0:
        _check_square(pixels, path)
      if not aligned and num_frames % DETECT_EVERY == 0:
        looks.append(face.find_faces(pixels, find))
        if shown is None or (looks[-1] and not any(looks[:-1])):
          shown = pixels  # the first picture with a face, or else the first of all
        if len(looks) == _PATIENCE and not any(looks):
          break
      num_frames += 1
    if shown is not None and face.turns_to_upright(shown, find, str(path)):
      raise PortraitError(f'the face is not upright, {path}: turn the video')
  return FaceScan(first, num_frames, (size[0], size[1]), looks)


def _made_here(path: pathlib.Path) -> bool:
  comment = video.read_metadata(path).get('comment', '')
  return 'seetalk-jax' in comment and f'crop_version {face.PORTRAIT_CROP.version};' in comment


def _check_square(pixels: np.ndarray, path: pathlib.Path) -> None:
  height, width = pixels.shape[:2]
  if abs(height - width) > 0.02 * max(height, width):
    raise PortraitError(
      f'an aligned video must be square, not {width} x {height}, {path}: crop it, or let the face be found'
    )


def one_person(detections: list[list[face.FaceBox]], path: pathlib.Path) -> list[list[face.FaceBox]]:
  """The detections that found a face, checked to be mostly one person.

  Raises:
    PortraitError: there is no face or several in most of the frames.
  """
  with_face = [boxes for boxes in detections if boxes]
  if len(with_face) < _MOSTLY * len(detections):
    raise PortraitError(
      f'a face in {len(with_face)} of {len(detections)} frames, {path}: give a video of one person from the front'
    )
  if sum(len(boxes) > 1 for boxes in with_face) > (1 - _MOSTLY) * len(with_face):
    raise PortraitError(f'several faces found, {path}: crop the video to one person')
  return with_face


def _sound(path: pathlib.Path, first: float, num_frames: int) -> Sound | None:
  """Sound track, decoded once so that damage is reported before any other work."""
  sound = timeline.sound_track(path, first, num_frames)
  if sound is not None and not all(np.isfinite(block).all() for block in sound.open_blocks()):
    raise InputError(f'NaN or infinite samples in the sound, {path}: export it again')
  return sound
