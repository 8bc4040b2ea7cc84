"""The one portrait crop of data, training and inference; and finding the face of a photo."""

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

# Points of MediaPipe's face mesh: the four eye corners and the lowest point of the chin.
EYE_CORNERS = (33, 133, 362, 263)
CHIN = 152
NUM_LANDMARKS = 478
NUM_BLENDSHAPES = 52
_MAX_FACES = 4
_SAME_FACE = 0.3  # boxes that share this much (intersection over union) are one face


@dataclasses.dataclass(frozen=True)
class PortraitCrop:
  """Where a face stands in a portrait; the numbers shared by the synthetic camera and by `prepare`.

  Attributes:
    version: stored with data sets, checkpoints and portraits; changes when any number does.
    eyes_x: the eyes' midpoint across, as a part of the side.
    eyes_y: the eyes' midpoint down, as a part of the side.
    side_over_face: side of the square over the vertical distance from the eyes' midpoint to the chin.
  """

  version: int = 1
  eyes_x: float = 0.5
  eyes_y: float = 0.43
  side_over_face: float = 2.6

  def box(self, eyes: Sequence[float], chin: Sequence[float]) -> FaceBox:
    """The square for an eyes' midpoint and a chin (x, y in pixels)."""
    side = self.side_over_face * (chin[1] - eyes[1])
    return FaceBox(eyes[0] - self.eyes_x * side, eyes[1] - self.eyes_y * side, side)


@dataclasses.dataclass(frozen=True)
class FaceBox:
  """A square in pixels of a picture; may reach over its edges."""

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
  """What the landmarker measures of the `n` faces in a picture.

  Attributes:
    landmarks: float32 `[n, 478, 2]`, x and y as parts of the picture's width and height.
    blendshapes: float32 `[n, 52]` in 0..1, MediaPipe's order (`_neutral` first); `[0, 52]` if not measured.
    transforms: float32 `[n, 4, 4]`, from the canonical face (x to the picture's right, y up, z to the camera,
      centimetres) to the camera's space; `[0, 4, 4]` if not measured.
  """

  landmarks: np.ndarray
  blendshapes: np.ndarray
  transforms: np.ndarray


# uint8 [h, w, 3] -> the landmarks of every face, float [faces, 478, 2], x and y as parts of width and height
Landmarker = Callable[[np.ndarray], np.ndarray]


def aligned_portrait(
  path: str | os.PathLike,
  size: int | None = None,
  *,
  landmarker: str | os.PathLike | None = None,
  aligned: bool = False,
) -> np.ndarray:
  """The portrait crop of a picture file, uint8 `[size, size, 3]`.

  A PNG that `seetalk portrait` wrote says itself that it is cropped already; of any other picture the face is
  found first, unless `aligned`.

  Args:
    path: picture file.
    size: side of the result in pixels; None: as many as the face has in the picture.
    landmarker: MediaPipe's `face_landmarker.task`; by default the environment's SEETALK_FACE_LANDMARKER.
    aligned: take the picture as cropped already; it must be square.

  Raises:
    PortraitError: unreadable, no face or several, no landmarker to find them, `aligned` and not square.
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
  """The portrait box of the only face in uint8 `[h, w, 3]`.

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
  """The portrait boxes of all faces in uint8 `[h, w, 3]`, the largest first.

  The landmarker's detector is made for faces that fill a good part of the picture, so where it sees none,
  overlapping parts of the picture are searched too.
  """
  height, width = pixels.shape[:2]
  boxes = _boxes(landmarker(pixels), width, height, 0, 0)
  side = None
  for left, top, tile_w, tile_h in () if boxes else tiles(height, width):
    if boxes and tile_h != side:  # smaller parts only where the larger ones showed none
      break
    side = tile_h
    tile = np.ascontiguousarray(pixels[top : top + tile_h, left : left + tile_w])
    found = _boxes(landmarker(tile), tile_w, tile_h, left, top)
    boxes += [box for box in found if all(box.overlap(other) < _SAME_FACE for other in boxes)]
  return sorted(boxes, key=lambda box: -box.side)


def tiles(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
  """Overlapping parts of a picture as (left, top, width, height) in pixels: halves of its sides, then quarters."""
  for part in (0.5, 0.25):
    tile_h, tile_w = min(height, max(64, round(height * part))), min(width, max(64, round(width * part)))
    for top in np.unique(np.linspace(0, height - tile_h, round(2 / part) - 1).astype(int)):
      for left in np.unique(np.linspace(0, width - tile_w, round(2 / part) - 1).astype(int)):
        yield int(left), int(top), tile_w, tile_h


def portrait_box(points: np.ndarray) -> FaceBox | None:
  """The portrait crop of one face's landmarks `[478, 2]` in pixels; None for a face that is upside down."""
  box = PORTRAIT_CROP.box(points[list(EYE_CORNERS)].mean(axis=0), points[CHIN])
  return box if box.side > 0 else None


def median_box(boxes: Sequence[FaceBox]) -> FaceBox:
  """One square for all frames of a clip, that of the median place and size: no jitter."""
  rows = [(box.left + 0.5 * box.side, box.top + 0.5 * box.side, box.side) for box in boxes]
  x, y, side = map(float, np.median(np.array(rows), axis=0))
  return FaceBox(x - 0.5 * side, y - 0.5 * side, side)


def crop(pixels: np.ndarray, box: FaceBox, size: int) -> np.ndarray:
  """Cuts the square `box` out of uint8 `[h, w, 3]` to `[size, size, 3]`; outside, the edge repeats."""
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
  """A context manager around MediaPipe's Face Landmarker as a `Landmarker`.

  Args:
    path: the `face_landmarker.task` file; by default the environment's SEETALK_FACE_LANDMARKER.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is not given or missing.
  """
  with _opened(landmarker_file(path), measure=False) as read:
    yield lambda pixels: read(pixels).landmarks


@contextlib.contextmanager
def open_face_reader(path: str | os.PathLike):
  """A context manager around MediaPipe's Face Landmarker as a function: picture -> `FaceReading`.

  Args:
    path: the `face_landmarker.task` file.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is missing.
  """
  with _opened(landmarker_file(path), measure=True) as read:
    yield read


def landmarker_file(path: str | os.PathLike | None = None, can_be_aligned: bool = True) -> str:
  """The landmarker model to use: `path`, or what the environment's SEETALK_FACE_LANDMARKER names.

  Args:
    can_be_aligned: whether a picture that is cropped already would do, which the error then says.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is not given or missing.
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
      # Its threads start, and talk, with the first picture.
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
  """Keeps the chatter of MediaPipe's C++ half off stderr, where a user's error must be the only line."""
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
