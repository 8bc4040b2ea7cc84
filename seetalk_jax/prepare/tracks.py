"""Following faces through a recording: which face of a frame is the face of the frame before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from seetalk_jax.media import face

Reader = Callable[[np.ndarray], face.FaceReading]

_SAME_FACE = 0.3  # boxes of neighbouring frames that share this much are one face
_MAX_GAP = 5  # frames (0.2 s) that a track may miss; filled in between
_SEARCH_EVERY = 12  # frames between searches in parts of the picture while no face is seen
_AROUND = 1.4  # of the last box: where a lost face is looked for
_CUT = 0.12  # mean change of a thumbnail (0..1) that is another camera ...
_CUT_RATIO = 4.0  # ... if it is so many times the usual change
_THUMBNAIL = (32, 18)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Track:
  """One face over successive frames `start .. start + n - 1`.

  Attributes:
    start: its first frame.
    landmarks: float32 `[n, 478, 2]` in pixels.
    blendshapes: float32 `[n, 52]`.
    rotations: float32 `[n, 3, 3]`, from the canonical face to the camera.
    seen: bool `[n]`; False where the frame's values are filled in.
  """

  start: int
  landmarks: np.ndarray
  blendshapes: np.ndarray
  rotations: np.ndarray
  seen: np.ndarray

  @property
  def stop(self) -> int:
    """The frame after the last."""
    return self.start + len(self.landmarks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watched:
  """What was seen in a recording.

  Attributes:
    tracks: all faces, in order of their first frame.
    num_frames: on the 25 fps grid.
    faces_seen: int32 `[num_frames]`, faces in every frame.
    size: (height, width) of the pictures.
  """

  tracks: Sequence[Track]
  num_frames: int
  faces_seen: np.ndarray
  size: tuple[int, int]


def watch(frames: Iterable[np.ndarray], read: Reader) -> Watched:
  """Finds and follows all faces.

  Args:
    frames: uint8 `[h, w, 3]` on the 25 fps grid; not kept.
    read: `face.open_face_reader`'s function.
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
        finished += [track.finish() for track in growing]  # another camera: other faces
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
  return Watched(tracks=finished, num_frames=len(counts), faces_seen=np.array(counts, np.int32), size=size)


class _Growing:
  def __init__(self, start: int):
    self.start, self.last, self.box = start, start, None
    self._indices, self._rows = [], []

  def add(self, index: int, box: face.FaceBox, reading: face.FaceReading, number: int) -> None:
    self.last, self.box = index, box
    self._indices.append(index)
    transform = reading.transforms[number][:3, :3]
    self._rows.append((reading.landmarks[number], reading.blendshapes[number], transform))

  def finish(self) -> Track:
    """The track with its gaps filled in linearly."""
    known = np.array(self._indices) - self.start
    every = np.arange(known[-1] + 1)
    landmarks, blendshapes, transforms = (np.stack(column) for column in zip(*self._rows, strict=True))
    filled = [_filled(known, every, values) for values in (landmarks, blendshapes, transforms)]
    return Track(
      start=self.start,
      landmarks=filled[0],
      blendshapes=filled[1],
      rotations=_rotations(filled[2]),
      seen=np.isin(every, known),
    )


def _filled(known: np.ndarray, every: np.ndarray, values: np.ndarray) -> np.ndarray:
  flat = values.reshape(len(values), -1)
  columns = [np.interp(every, known, column) for column in flat.T]
  return np.stack(columns, axis=1).reshape(len(every), *values.shape[1:]).astype(np.float32)


def _rotations(matrices: np.ndarray) -> np.ndarray:
  """The nearest rotations: the landmarker's matrices also scale a little."""
  u, _, vt = np.linalg.svd(matrices.astype(np.float64))
  return (u @ vt).astype(np.float32)


def _match(growing: list[_Growing], boxes: Sequence[face.FaceBox | None]) -> dict[int, _Growing]:
  """Which growing track each box continues: the most overlapping pairs first."""
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
  """All faces with landmarks in pixels; where the whole picture shows none, parts of it are looked at."""
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
