"""Face tracking: association of the faces in consecutive frames of a recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from seetalk_jax.media import face

Reader = Callable[[np.ndarray], face.FaceReading]

_SAME_FACE = 0.3  # boxes of consecutive frames with at least this intersection over union are the same face
_MAX_GAP = 5  # frames (0.2 s) that may be missing in a track; they are interpolated
_SEARCH_EVERY = 12  # frames between searches in tiles of the image while no face is found
_AROUND = 1.4  # size of the search region for a lost face, relative to its last box
# A cut is a mean thumbnail change (0..1) of more than _CUT that is also more than _CUT_RATIO times the usual
# change.
_CUT = 0.12
_CUT_RATIO = 4.0
_THUMBNAIL = (32, 18)
_BLOCK = 256  # frames, by which arrays of a track grow at least


@dataclasses.dataclass(frozen=True, kw_only=True)
class Track:
  """Track of one face over consecutive frames `start .. start + n - 1`.

  Attributes:
    start: first frame.
    landmarks: float32 `[n, 478, 2]` in pixels.
    blendshapes: float32 `[n, 52]`, scores in the order of `blendshapes.NAMES`.
    rotations: float32 `[n, 3, 3]`, from the canonical face to the camera.
    detected: bool `[n]`; False where the values of a frame are interpolated.
  """

  start: int
  landmarks: np.ndarray
  blendshapes: np.ndarray
  rotations: np.ndarray
  detected: np.ndarray

  @property
  def stop(self) -> int:
    """Index of the frame after the last one."""
    return self.start + len(self.landmarks)

  def between(self, start: int, stop: int) -> Track | None:
    """The part of the track in the frames `start .. stop - 1`; None if there is none."""
    start, stop = max(start, self.start), min(stop, self.stop)
    if start >= stop:
      return None
    rows = slice(start - self.start, stop - self.start)
    arrays = ('landmarks', 'blendshapes', 'rotations', 'detected')
    return Track(start=start, **{name: getattr(self, name)[rows] for name in arrays})


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackedFaces:
  """Result of tracking all faces in a recording.

  Attributes:
    tracks: tracks of all faces, in order of their first frame.
    num_frames: number of frames at 25 fps.
    face_counts: int32 `[num_frames]`, number of faces in every frame.
    size: (height, width) of the frames in pixels.
  """

  tracks: Sequence[Track]
  num_frames: int
  face_counts: np.ndarray
  size: tuple[int, int]


def watch(frames: Iterable[np.ndarray], read: Reader) -> TrackedFaces:
  """Detects and tracks all faces.

  Args:
    frames: uint8 `[h, w, 3]` at 25 fps; not kept in memory.
    read: function from `face.open_face_reader`.
  """
  growing: list[_Growing] = []
  finished: list[Track] = []
  counts, thumbnail, changes = [], None, []
  region: face.FaceBox | None = None
  size = (0, 0)
  for index, pixels in enumerate(frames):
    size = pixels.shape[:2]
    small = _thumbnail(pixels)
    if thumbnail is not None:
      change = float(np.mean(np.abs(small - thumbnail)))
      if change > _CUT and change > _CUT_RATIO * (np.median(changes[-25:]) if changes else 0.0):
        finished += [track.finish() for track in growing]  # a cut: the faces change
        growing, region = [], None
      changes.append(change)
    thumbnail = small
    reading = _read(pixels, read, region, search=index % _SEARCH_EVERY == 0)
    boxes = [face.portrait_box(points) for points in reading.landmarks]
    taken = _match(growing, boxes)
    for number, box in enumerate(boxes):
      if box is None:
        continue
      track = taken.get(number)
      if track is None:
        track = _Growing(index)
        growing.append(track)
      track.add(index, box, reading, number)
    ended = [track for track in growing if index - track.last > _MAX_GAP]
    finished += [track.finish() for track in ended]
    growing = [track for track in growing if track not in ended]
    region = growing[0].box if growing else None
    counts.append(sum(box is not None for box in boxes))
  finished += [track.finish() for track in growing]
  finished.sort(key=lambda track: (track.start, -len(track.landmarks), float(track.landmarks[0, 0, 0])))
  return TrackedFaces(
    tracks=finished, num_frames=len(counts), face_counts=np.array(counts, np.int32), size=size
  )


class _Growing:
  def __init__(self, start: int):
    self.start, self.last, self.box = start, start, None
    self._indices = []
    self._columns = [_Rows(), _Rows(), _Rows()]  # landmarks, blendshapes, transforms

  def add(self, index: int, box: face.FaceBox, reading: face.FaceReading, number: int) -> None:
    self.last, self.box = index, box
    self._indices.append(index)
    transform = reading.transforms[number][:3, :3]
    values = (reading.landmarks[number], reading.blendshapes[number], transform)
    for column, value in zip(self._columns, values, strict=True):
      column.append(value)

  def finish(self) -> Track:
    """Returns the track with linearly interpolated gaps."""
    rows = np.array(self._indices) - self.start
    every = np.arange(rows[-1] + 1)
    filled = [_filled(rows, every, column.taken()) for column in self._columns]
    return Track(
      start=self.start,
      landmarks=filled[0],
      blendshapes=filled[1],
      rotations=nearest_rotations(filled[2]),
      detected=np.isin(every, rows),
    )


class _Rows:
  """Growing array of rows.

  Rows of their own would be allocated in the gaps that freed pictures leave, so that the next picture does not fit and
  the process grows by a picture with every frame.
  """

  def __init__(self):
    self._array: np.ndarray | None = None
    self._count = 0

  def append(self, values: np.ndarray) -> None:
    """Copies a row; all have one shape."""
    if self._array is None:
      self._array = np.empty((_BLOCK, *values.shape), np.float32)
    if self._count == len(self._array):
      self._resize(self._count + max(_BLOCK, self._count // 8))
    self._array[self._count] = values
    self._count += 1

  def taken(self) -> np.ndarray:
    """All rows as one array float32 `[n, ...]`; they are no longer kept here."""
    self._resize(self._count)
    whole, self._array = self._array, None
    return whole

  def _resize(self, count: int) -> None:
    self._array.resize((count, *self._array.shape[1:]), refcheck=False)  # in place, without a second array


def _filled(rows: np.ndarray, every: np.ndarray, values: np.ndarray) -> np.ndarray:
  if len(rows) == len(every):
    return values
  flat = values.reshape(len(values), -1)
  filled = np.empty((len(every), flat.shape[1]), np.float32)
  for number, column in enumerate(flat.T):
    filled[:, number] = np.interp(every, rows, column)
  return filled.reshape(len(every), *values.shape[1:])


def nearest_rotations(matrices: np.ndarray) -> np.ndarray:
  """Nearest rotation matrices of `[n, 3, 3]`; the landmarker's matrices also contain a small scaling."""
  u, _, vt = np.linalg.svd(matrices.astype(np.float64))
  return (u @ vt).astype(np.float32)


def _match(growing: list[_Growing], boxes: Sequence[face.FaceBox | None]) -> dict[int, _Growing]:
  """Matches boxes to growing tracks greedily, the pairs with the largest overlap first."""
  pairs = [
    (track.box.overlap(box), order, number)
    for order, track in enumerate(growing)
    for number, box in enumerate(boxes)
    if box is not None
  ]
  taken, used = {}, set()
  for overlap, order, number in sorted(pairs, key=lambda pair: -pair[0]):
    if overlap >= _SAME_FACE and number not in taken and order not in used:
      taken[number] = growing[order]
      used.add(order)
  return taken


def _read(pixels: np.ndarray, read: Reader, region: face.FaceBox | None, search: bool) -> face.FaceReading:
  """Reads all faces with landmarks in pixels; if the whole image has none, parts of it are searched."""
  height, width = pixels.shape[:2]
  reading = read(pixels)
  if len(reading.landmarks):
    return _scaled(reading, width, height, 0, 0)
  if region is not None:
    half = 0.5 * _AROUND * region.side
    centre = (region.left + 0.5 * region.side, region.top + 0.5 * region.side)
    boxes = [tuple(round(c + sign * half) for sign in (-1, 1) for c in centre)]
  elif search:
    boxes = [
      (left, top, left + tile_w, top + tile_h) for left, top, tile_w, tile_h in face.tiles(height, width)
    ]
  else:
    boxes = []
  for left, top, right, bottom in boxes:
    left, top = max(0, left), max(0, top)
    part = np.ascontiguousarray(pixels[top : min(bottom, height), left : min(right, width)])
    if min(part.shape[:2]) < 32:
      continue
    reading = read(part)
    if len(reading.landmarks):
      return _scaled(reading, part.shape[1], part.shape[0], left, top)
  return reading


def _scaled(reading: face.FaceReading, width: int, height: int, left: int, top: int) -> face.FaceReading:
  scale, corner = np.array([width, height], np.float32), np.array([left, top], np.float32)
  return reading._replace(landmarks=reading.landmarks * scale + corner)


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
  import PIL.Image

  image = PIL.Image.fromarray(pixels).resize(_THUMBNAIL, PIL.Image.Resampling.BOX)
  return np.asarray(image, np.float32) / 255.0
