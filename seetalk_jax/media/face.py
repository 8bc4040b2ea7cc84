"""Face detection and the portrait crop shared by data preparation, training and inference."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import image as image_lib

LANDMARKER_VARIABLE = 'SEETALK_FACE_LANDMARKER'

# Indices in MediaPipe's face mesh: the four eye corners and the lowest point of the chin.
EYE_CORNERS = (33, 133, 362, 263)
CHIN = 152
NUM_LANDMARKS = 478
NUM_BLENDSHAPES = 52
_MAX_FACES = 4
_SAME_FACE = 0.3  # boxes with at least this intersection over union are the same face


@dataclasses.dataclass(frozen=True)
class PortraitCrop:
  """Position and size of a face in a portrait, shared by the synthetic camera and by `seetalk prepare`.

  Attributes:
    version: stored with data sets, checkpoints and portraits; changes when any other field changes.
    eyes_x: x of the midpoint between the eyes, relative to the side.
    eyes_y: y of the midpoint between the eyes, relative to the side.
    side_over_face: side of the square divided by the vertical distance from the eye midpoint to the chin.
  """

  version: int = 1
  eyes_x: float = 0.5
  eyes_y: float = 0.43
  side_over_face: float = 2.6

  def box(self, eyes: Sequence[float], chin: Sequence[float]) -> FaceBox:
    """Returns the square for an eye midpoint and a chin point (x, y in pixels)."""
    side = self.side_over_face * (chin[1] - eyes[1])
    return FaceBox(eyes[0] - self.eyes_x * side, eyes[1] - self.eyes_y * side, side)


@dataclasses.dataclass(frozen=True)
class FaceBox:
  """Square face box in pixels of an image; it may extend beyond the image."""

  left: float
  top: float
  side: float

  def overlap(self, other: FaceBox) -> float:
    """Intersection over union."""
    width = min(self.left + self.side, other.left + other.side) - max(self.left, other.left)
    height = min(self.top + self.side, other.top + other.side) - max(self.top, other.top)
    shared = max(0.0, width) * max(0.0, height)
    return shared / (self.side**2 + other.side**2 - shared)


PORTRAIT_CROP = PortraitCrop()


class FaceReading(NamedTuple):
  """Landmarker measurements of the `n` faces in an image.

  Attributes:
    landmarks: float32 `[n, 478, 2]`, x and y relative to the image width and height.
    blendshapes: float32 `[n, 52]` in 0..1, MediaPipe's order (`_neutral` first); `[0, 52]` if not measured.
    transforms: float32 `[n, 4, 4]`, from the canonical face (x to the right of the image, y up, z to the
      camera, in centimeters) to camera space; `[0, 4, 4]` if not measured.
  """

  landmarks: np.ndarray
  blendshapes: np.ndarray
  transforms: np.ndarray


# uint8 [h, w, 3] -> landmarks of all faces, float [faces, 478, 2], x and y relative to width and height
Landmarker = Callable[[np.ndarray], np.ndarray]


def aligned_portrait(
  path: str | os.PathLike,
  size: int | None = None,
  *,
  landmarker: str | os.PathLike | None = None,
  aligned: bool = False,
) -> np.ndarray:
  """Loads the portrait crop of an image file, uint8 `[size, size, 3]`.

  A PNG written by `seetalk portrait` is marked as cropped in its metadata and is not cropped again. In any
  other image the face is detected first, unless `aligned` is set.

  Args:
    path: image file.
    size: side of the result in pixels; None keeps the resolution of the face in the image.
    landmarker: MediaPipe's `face_landmarker.task`; by default the environment variable
      SEETALK_FACE_LANDMARKER.
    aligned: treat the image as a portrait crop; it must be square.

  Raises:
    PortraitError: the file is unreadable, there is no face or several, no landmarker is available, or
      `aligned` is set for an image that is not square.
  """
  pixels, text = image_lib.load_image_and_text(path)
  if aligned or text.get(image_lib.CROP_VERSION_KEY) == str(PORTRAIT_CROP.version):
    height, width = pixels.shape[:2]
    if abs(height - width) > 0.02 * max(height, width):
      raise PortraitError(
        f'an aligned portrait must be square, not {width} x {height}, {path}: crop it, '
        'or let the face be found'
      )
    side = size or min(height, width)
    return image_lib.resize(pixels, (side, side))
  with open_landmarker(landmarker) as find:
    box = find_face(pixels, find, str(path))
  return crop(pixels, box, size or max(image_lib.MIN_SIDE, round(box.side)))


def find_face(pixels: np.ndarray, landmarker: Landmarker, source: str = 'the picture') -> FaceBox:
  """Finds the portrait box of the single face in uint8 `[h, w, 3]`.

  Raises:
    PortraitError: no face, or several.
  """
  boxes = find_faces(pixels, landmarker)
  if not boxes:
    raise PortraitError(f'no face found, {source}: give a clear frontal picture of one person')
  if len(boxes) > 1:
    raise PortraitError(f'{len(boxes)} faces found, {source}: crop the picture to one person')
  return boxes[0]


def find_faces(pixels: np.ndarray, landmarker: Landmarker) -> list[FaceBox]:
  """Finds the portrait boxes of all faces in uint8 `[h, w, 3]`, the largest first.

  The landmarker's detector is made for faces that fill a large part of the image. If it finds no face,
  overlapping tiles of the image are searched as well.
  """
  height, width = pixels.shape[:2]
  boxes = _boxes(landmarker(pixels), width, height, 0, 0)
  side = None
  for left, top, tile_w, tile_h in () if boxes else tiles(height, width):
    if boxes and tile_h != side:  # smaller tiles only if the larger ones have no face
      break
    side = tile_h
    tile = np.ascontiguousarray(pixels[top : top + tile_h, left : left + tile_w])
    found = _boxes(landmarker(tile), tile_w, tile_h, left, top)
    boxes += [box for box in found if all(box.overlap(other) < _SAME_FACE for other in boxes)]
  return sorted(boxes, key=lambda box: -box.side)


def tiles(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
  """Yields overlapping tiles as (left, top, width, height) in pixels: half the image sides first, then quarters."""
  for part in (0.5, 0.25):
    tile_h, tile_w = min(height, max(64, round(height * part))), min(width, max(64, round(width * part)))
    for top in np.unique(np.linspace(0, height - tile_h, round(2 / part) - 1).astype(int)):
      for left in np.unique(np.linspace(0, width - tile_w, round(2 / part) - 1).astype(int)):
        yield int(left), int(top), tile_w, tile_h


def portrait_box(points: np.ndarray) -> FaceBox | None:
  """Portrait box for the landmarks `[478, 2]` of one face in pixels; None for an upside-down face."""
  box = PORTRAIT_CROP.box(points[list(EYE_CORNERS)].mean(axis=0), points[CHIN])
  return box if box.side > 0 else None


def median_box(boxes: Sequence[FaceBox]) -> FaceBox:
  """Median position and size of the boxes: one square for all frames of a clip, without jitter."""
  rows = [(box.left + 0.5 * box.side, box.top + 0.5 * box.side, box.side) for box in boxes]
  x, y, side = map(float, np.median(np.array(rows), axis=0))
  return FaceBox(x - 0.5 * side, y - 0.5 * side, side)


def crop(pixels: np.ndarray, box: FaceBox, size: int) -> np.ndarray:
  """Crops the square `box` of uint8 `[h, w, 3]` to `[size, size, 3]`; edge pixels are repeated outside the image."""
  import PIL.Image

  height, width = pixels.shape[:2]
  before = max(0, int(np.ceil(max(-box.left, -box.top))))
  after = max(0, int(np.ceil(max(box.left + box.side - width, box.top + box.side - height))))
  padded = (
    np.pad(pixels, ((before, after), (before, after), (0, 0)), mode='edge') if before or after else pixels
  )
  corner = (box.left + before, box.top + before)
  square = (*corner, corner[0] + box.side, corner[1] + box.side)
  image = PIL.Image.fromarray(padded)
  return np.asarray(image.resize((size, size), PIL.Image.Resampling.LANCZOS, box=square))


@contextlib.contextmanager
def open_landmarker(path: str | os.PathLike | None = None):
  """Context manager that yields MediaPipe's Face Landmarker as a `Landmarker`.

  Args:
    path: the `face_landmarker.task` file; by default the environment variable SEETALK_FACE_LANDMARKER.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is not specified or missing.
  """
  with _opened(landmarker_file(path), measure=False) as read:
    yield lambda pixels: read(pixels).landmarks


@contextlib.contextmanager
def open_face_reader(path: str | os.PathLike):
  """Context manager that yields MediaPipe's Face Landmarker as a function: image -> `FaceReading`.

  Args:
    path: the `face_landmarker.task` file.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is missing.
  """
  with _opened(landmarker_file(path), measure=True) as read:
    yield read


def landmarker_file(path: str | os.PathLike | None = None, can_be_aligned: bool = True) -> str:
  """Returns the landmarker file: `path`, or the environment variable SEETALK_FACE_LANDMARKER.

  Args:
    path: the `face_landmarker.task` file, or None.
    can_be_aligned: whether the error message suggests a picture that is cropped already.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is not specified or missing.
  """
  path = path or os.environ.get(LANDMARKER_VARIABLE)
  otherwise = ', or crop the face yourself and pass --aligned' if can_be_aligned else ''
  if importlib.util.find_spec('mediapipe') is None:
    raise PortraitError(
      f"cannot find the face, MediaPipe is missing: pip install 'seetalk-jax[data]'{otherwise}"
    )
  if not path:
    raise PortraitError(
      f'cannot find the face, no landmarker model: give --landmarker FILE or set {LANDMARKER_VARIABLE}'
      f'{otherwise}'
    )
  if not pathlib.Path(path).is_file():
    raise PortraitError(f'no such landmarker model, {path}: give the path of face_landmarker.task')
  return str(path)


@contextlib.contextmanager
def _opened(path: str, *, measure: bool):
  import mediapipe

  vision = mediapipe.tasks.vision
  try:
    with _silence():
      options = vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=path),
        num_faces=_MAX_FACES,
        output_face_blendshapes=measure,
        output_facial_transformation_matrixes=measure,
      )
      task = vision.FaceLandmarker.create_from_options(options)
      # MediaPipe's threads start, and log, with the first image.
      task.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, np.zeros((64, 64, 3), np.uint8)))
  except (RuntimeError, ValueError) as error:
    raise InputError(f'not a landmarker model ({error}), {path}: give face_landmarker.task') from None

  def read(pixels: np.ndarray) -> FaceReading:
    picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels))
    with _silence():
      found = task.detect(picture)
    count = len(found.face_landmarks)
    points = [[(point.x, point.y) for point in face] for face in found.face_landmarks]
    scores = [[shape.score for shape in face] for face in found.face_blendshapes] if measure else []
    poses = found.facial_transformation_matrixes if measure else []
    return FaceReading(
      np.asarray(points, np.float32).reshape(count, NUM_LANDMARKS, 2),
      np.asarray(scores, np.float32).reshape(-1, NUM_BLENDSHAPES),
      np.asarray(poses, np.float32).reshape(-1, 4, 4),
    )

  try:
    yield read
  finally:
    with _silence():
      task.close()


@contextlib.contextmanager
def _silence():
  """Suppresses the log output of MediaPipe's C++ code on stderr, where a user error must be the only line."""
  sys.stderr.flush()
  kept = os.dup(2)
  nowhere = os.open(os.devnull, os.O_WRONLY)
  try:
    os.dup2(nowhere, 2)
    yield
  finally:
    os.dup2(kept, 2)
    os.close(nowhere)
    os.close(kept)


def _boxes(faces: np.ndarray, width: int, height: int, left: int, top: int) -> list[FaceBox]:
  boxes = [portrait_box(points * (width, height) + (left, top)) for points in faces]
  return [box for box in boxes if box is not None]
