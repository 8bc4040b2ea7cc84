"""Face detection and the portrait crop shared by data preparation, training and inference."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from seetalk_jax.errors import PortraitError
from seetalk_jax.media import face_tasks
from seetalk_jax.media import image as image_lib
from seetalk_jax.media.face_tasks import NUM_LANDMARKS as NUM_LANDMARKS
from seetalk_jax.media.face_tasks import FaceReading as FaceReading
from seetalk_jax.media.landmark_indices import CHIN as CHIN
from seetalk_jax.media.landmark_indices import EYE_CORNERS as EYE_CORNERS

LANDMARKER_VARIABLE = 'SEETALK_FACE_LANDMARKER'

_SAME_FACE = 0.3  # boxes with at least this intersection over union are the same face
# The detector's confidence for portrait crops is 0.82 to 0.96 for upright faces, and 0.84 at most for others.
_SURE, _CLEARLY = 0.75, 0.05
_CHECK_SIDE = 256  # side in pixels of crops for the detector


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

  def inside(self, height: int, width: int) -> tuple[float, float, float, float]:
    """Part of the square that lies in an image of this size: left, top, right, bottom, relative to the side, 0 to 1."""

    def part(first: float, size: int) -> tuple[float, float]:
      return min(max(-first / self.side, 0.0), 1.0), min(max((size - first) / self.side, 0.0), 1.0)

    (left, right), (top, bottom) = part(self.left, width), part(self.top, height)
    return left, top, right, bottom

  def outside_share(self, height: int, width: int) -> float:
    """Share of the square that lies outside of an image of this size, 0 to 1; `crop` repeats edge pixels there."""
    left, top, right, bottom = self.inside(height, width)
    return 1.0 - (right - left) * (bottom - top)


PORTRAIT_CROP = PortraitCrop()


# uint8 [h, w, 3] -> landmarks of all faces, float [faces, 478, 2], x and y relative to width and height. If it has
# a method `confidence`, uint8 [h, w, 3] -> 0..1, faces that stand on their head are recognized too.
Landmarker = Callable[[np.ndarray], np.ndarray]


def aligned_portrait(
  path: str | os.PathLike,
  size: int | None = None,
  *,
  landmarker: str | os.PathLike | None = None,
  aligned: bool = False,
  note: Callable[[str], None] | None = None,
) -> np.ndarray:
  """Loads the portrait crop of an image file, uint8 `[size, size, 3]`.

  A PNG written by `seetalk portrait` is marked as cropped in its metadata and is not cropped again. In any
  other image the face is detected first, unless `aligned` is set. If the face lies on its side or stands on
  its head, the picture is turned upright.

  Args:
    path: image file.
    size: side of the result in pixels; None keeps the resolution of the face in the image.
    landmarker: MediaPipe's `face_landmarker.task`; by default the environment variable
      SEETALK_FACE_LANDMARKER.
    aligned: treat the image as a portrait crop; it must be square.
    note: called with one line of text if the picture is turned.

  Raises:
    PortraitError: the file is unreadable, there is no face or several, the face is not upright, no landmarker
      is available, or `aligned` is set for an image that is not square.
  """
  return crop_photo(find_photo(path, landmarker=landmarker, aligned=aligned, note=note), size)


@dataclasses.dataclass(frozen=True)
class Photo:
  """Picture of one person with the place of the face.

  Attributes:
    pixels: the whole picture, uint8 `[h, w, 3]`, turned so that the face is upright.
    box: portrait crop in pixels; None if the picture is a portrait crop already.
  """

  pixels: np.ndarray
  box: FaceBox | None


def find_photo(
  path: str | os.PathLike,
  *,
  landmarker: str | os.PathLike | None = None,
  aligned: bool = False,
  note: Callable[[str], None] | None = None,
) -> Photo:
  """Loads the whole picture of an image file and finds its face; arguments and errors as `aligned_portrait`."""
  pixels, text = image_lib.load_image_and_text(path)
  if aligned or text.get(image_lib.CROP_VERSION_KEY) == str(PORTRAIT_CROP.version):
    height, width = pixels.shape[:2]
    if abs(height - width) > 0.02 * max(height, width):
      raise PortraitError(
        f'an aligned portrait must be square, not {width} x {height}, {path}: crop it, '
        'or let the face be found'
      )
    return Photo(pixels, None)
  with open_landmarker(landmarker) as find:
    turns = turns_to_upright(pixels, find, str(path))
    if turns:
      pixels = _turned(pixels, turns)
      if note is not None:
        note(
          f'{path}: the face is not upright, the picture is turned by {360 - 90 * turns} degrees clockwise'
        )
    return Photo(pixels, find_face(pixels, find, str(path)))


def crop_photo(photo: Photo, size: int | None = None) -> np.ndarray:
  """The portrait crop of a photo, uint8 `[size, size, 3]`; None: in the resolution of the photo."""
  if photo.box is None:
    side = size or min(photo.pixels.shape[:2])
    return image_lib.resize(photo.pixels, (side, side))
  return crop(photo.pixels, photo.box, size or max(image_lib.MIN_SIDE, round(photo.box.side)))


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
    tile_boxes = _boxes(landmarker(tile), tile_w, tile_h, left, top)
    boxes += [box for box in tile_boxes if all(box.overlap(other) < _SAME_FACE for other in boxes)]
  return sorted(boxes, key=lambda box: -box.side)


def turns_to_upright(pixels: np.ndarray, landmarker: Landmarker, source: str = 'the picture') -> int:
  """Finds the number of quarter turns, 0 to 3, that make the largest face in uint8 `[h, w, 3]` upright.

  `np.rot90(pixels, turns)` is the upright picture. Landmarks mostly show whether a face lies on its side. Those
  of a face that stands on its head often look upright, or there are none; here the detector's confidence
  decides, which is highest for upright faces.

  Returns:
    the number of turns; 0 without a face.

  Raises:
    PortraitError: the face is not upright, and is not found in the turned picture.
  """
  for start in (0, 2, 1, 3):
    turns, tried = start, set()
    while turns is not None and turns not in tried:
      tried.add(turns)
      better = _better_turns(pixels, turns, landmarker)
      if better == turns:
        return turns
      turns = better
  points = _largest_face(pixels, landmarker)
  if points is not None and _quarter_turns(points):
    raise PortraitError(f'the face is not upright, {source}: turn the picture')
  return 0


def _better_turns(pixels: np.ndarray, turns: int, landmarker: Landmarker) -> int | None:
  """Quarter turns that seem to be right in the picture turned by `turns`; None if no face is found there."""
  points = _largest_face(_turned(pixels, turns), landmarker)
  if points is None:
    return None
  turns = (turns + _quarter_turns(points)) % 4
  turned = _turned(pixels, turns)
  boxes = find_faces(turned, landmarker)
  confidence = getattr(landmarker, 'confidence', None)
  if not boxes or confidence is None:
    return turns if boxes else None
  portrait = crop(turned, boxes[0], _CHECK_SIDE)
  sure = [confidence(_turned(portrait, more)) for more in range(4)]
  best = int(np.argmax(sure))
  if sure[best] >= _SURE and sure[best] > sure[0] + _CLEARLY:
    return (turns + best) % 4
  return turns if turns == 0 or sure[0] >= _SURE else None


def _largest_face(pixels: np.ndarray, landmarker: Landmarker) -> np.ndarray | None:
  """Landmarks `[478, 2]` in pixels of the largest face in the image, or else in the first tile that has one."""
  height, width = pixels.shape[:2]
  for left, top, tile_w, tile_h in ((0, 0, width, height), *tiles(height, width)):
    faces = landmarker(np.ascontiguousarray(pixels[top : top + tile_h, left : left + tile_w]))
    if len(faces):
      return max(faces * (tile_w, tile_h), key=lambda points: np.linalg.norm(_down(points)))
  return None


def _down(points: np.ndarray) -> np.ndarray:
  """Vector from the eye midpoint to the chin."""
  return points[CHIN] - points[list(EYE_CORNERS)].mean(axis=0)


def _quarter_turns(points: np.ndarray) -> int:
  """Quarter turns, counterclockwise, that bring the chin below the eyes."""
  right, down = _down(points)
  return round(np.arctan2(-right, down) / (np.pi / 2)) % 4


def _turned(pixels: np.ndarray, turns: int) -> np.ndarray:
  return np.ascontiguousarray(np.rot90(pixels, turns))


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


def inside_picture(box: FaceBox, picture_size: tuple[int, int], size: int) -> np.ndarray:
  """Mask of a crop, bool `[size, size]`: True where the crop shows the picture and not repeated edge pixels.

  Args:
    box: the crop, in pixels of the picture.
    picture_size: (height, width) of the picture.
    size: side of the crop in pixels, as for `crop`.
  """
  left, top, right, bottom = box.inside(*picture_size)
  centers = (np.arange(size) + 0.5) / size
  return ((centers > top) & (centers < bottom))[:, None] & ((centers > left) & (centers < right))[None]


@contextlib.contextmanager
def open_landmarker(path: str | os.PathLike | None = None):
  """Context manager that yields MediaPipe's Face Landmarker as a `Landmarker` with a method `confidence`.

  Args:
    path: the `face_landmarker.task` file; by default the environment variable SEETALK_FACE_LANDMARKER.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is not specified or missing.
  """
  path = landmarker_file(path)
  with face_tasks.open_reader(path, measure=False) as read, contextlib.ExitStack() as detector:
    yield _MediaPipeLandmarker(read, path, detector)


class _MediaPipeLandmarker:
  def __init__(self, read: Callable[[np.ndarray], FaceReading], path: str, detector: contextlib.ExitStack):
    self._read, self._path, self._detector, self._detect = read, path, detector, None

  def __call__(self, pixels: np.ndarray) -> np.ndarray:
    return self._read(pixels).landmarks

  def confidence(self, pixels: np.ndarray) -> float:
    """The detector's confidence, 0 to 1, that uint8 `[h, w, 3]` shows a face."""
    if self._detect is None:
      self._detect = self._detector.enter_context(face_tasks.open_detector(self._path))
    return self._detect(pixels)


@contextlib.contextmanager
def open_face_reader(path: str | os.PathLike):
  """Context manager that yields MediaPipe's Face Landmarker as a function: image -> `FaceReading`.

  Args:
    path: the `face_landmarker.task` file.

  Raises:
    PortraitError: MediaPipe is not installed, or the file is missing.
  """
  with face_tasks.open_reader(landmarker_file(path), measure=True) as read:
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


def _boxes(faces: np.ndarray, width: int, height: int, left: int, top: int) -> list[FaceBox]:
  boxes = [portrait_box(points * (width, height) + (left, top)) for points in faces]
  return [box for box in boxes if box is not None]
