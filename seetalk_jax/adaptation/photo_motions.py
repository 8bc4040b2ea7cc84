"""Small turns and shifts of the head in a photo: pairs of frames whose geometry is known.

The landmarks of the photo have depths. They give a surface, which is turned about a point in the neck. Around the face
the surface goes on with the depth of its border, and its motion falls off to nothing in the background. So the
displacement of every pixel is known, and one warp moves the photo. Nothing is drawn by a network: what the motion
uncovers or folds over is masked.

The jaw opens in the same way, see `jaw_motion`; what is behind the lips is masked. Lids, brows and smiles do not move.
A network of the release would have to draw them, and a fit to its pictures takes its errors as the truth.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.interpolate
import scipy.ndimage
from scipy.spatial import transform

from seetalk_jax.adaptation import face_region, jaw_motion
from seetalk_jax.adaptation.measuring import Measured
from seetalk_jax.constants import MOTION_FIELDS, POSE
from seetalk_jax.data import landmark_parts
from seetalk_jax.inference import batching, renderer
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.models.motion.warping import grid_sample, identity_grid, invert_flow, resize_flow, warp
from seetalk_jax.models.nn import image_ops

# Field -> largest change. A change of size is left out: estimated motion has no field for it.
CHANGES = {
  'yaw': np.radians(9.0),
  'pitch': np.radians(5.0),
  'roll': np.radians(4.0),
  'shift_x': 0.04,
  'shift_y': 0.04,
}
_MOST_OPEN, _OPEN_RATE = 0.35, 0.5  # change of jawOpen, and share of the motions that open the jaw
_JAW = MOTION_FIELDS.index('jawOpen')
_IN_PLANE = ('roll', 'shift_x', 'shift_y')  # changes that need no depths
_SHIFT = slice(POSE.stop, POSE.stop + 2)
_PIXELS_PER_CELL = 2  # of displacement fields
# Hair and ears move with the head up to the first distance from the face; the background beyond the second stays.
_WITH_HEAD, _STAYS = 0.08, 0.30  # relative to the side
_JAW_STAYS = 0.12  # the neck below the jaw stays sooner
_PIVOT_DOWN = 0.7  # height of the neck's pivot, from the eyes to the chin, as in the synthetic heads
_EARS = (indices.JAW_LINE[0], indices.JAW_LINE[-1])  # the border of the face in front of the ears
_SMOOTHING = 1e-4  # of the depths between landmarks: over about 1 % of the side
_AREA = (0.5, 2.0)  # area in the photo that a pixel of a moved photo may show, in pixels
_RETURNS = 1 / 256  # largest error of the inverted displacement
_SHOWN = 0.99  # a warped pixel lies inside the picture if at least this share of its neighbors does


class MovedPhotos(NamedTuple):
  """A photo in small motions.

  Attributes:
    frames: uint8 `[n, s, s, 3]`.
    inside: bool `[n, s, s]`, True where a frame shows what the photo shows there under this motion.
    measured: landmarks, depths and motion of the frames; `found` is that of the photo.
  """

  frames: np.ndarray
  inside: np.ndarray
  measured: Measured


class Head(NamedTuple):
  """Surface of a head in a photo.

  Points are x to the right, y up and z to the camera, in units of the photo's side.

  Attributes:
    landmarks: `[478, 3]`; None without landmarks.
    surface: `[c, c, 3]`, the surface at each of `c` by `c` cells.
    moves: `[c, c, 1]`, 1 where a cell moves with the head, 0 where it stays.
    jaw, landmark_jaw: `[c, c, 1]` and `[478, 1]`, share of the jaw's motion; zeros without landmarks.
    pivot: `[3]`, the point about which the head turns.
    hinge: `[3]`, the point between the ears about which the jaw turns.
    motion: motion vector of the photo, `[58]`.
  """

  landmarks: np.ndarray | None
  surface: np.ndarray
  moves: np.ndarray
  jaw: np.ndarray
  landmark_jaw: np.ndarray
  pivot: np.ndarray
  hinge: np.ndarray
  motion: np.ndarray


def head_of(measured: Measured, cells: int) -> Head:
  """The head in a photo.

  Args:
    measured: of the photo, one frame. Without a face, the head is flat, at the place that the crop gives it.
    cells: number of cells along the surface, see `cells_of`.
  """
  grid = _grid(cells)
  motion = measured.motion[0].astype(np.float64)
  if not measured.found[0]:
    surface, no_jaw = (
      np.concatenate([grid, np.zeros((cells, cells, 1))], axis=-1),
      np.zeros((cells, cells, 1)),
    )
    pivot = np.array([*face_region.pivot(_PIVOT_DOWN), 0.0]) * (1, -1, 1)
    moves = _falloff(face_region.mask(cells), _WITH_HEAD, _STAYS)
    return Head(None, surface, moves, no_jaw, np.zeros((indices.NUM_LANDMARKS, 1)), pivot, pivot, motion)
  flat, depths = measured.landmarks[0].astype(np.float64), measured.depths[0].astype(np.float64)
  points = np.stack([flat[:, 0], -flat[:, 1], -depths], axis=-1)
  fitted = scipy.interpolate.RBFInterpolator(points[:, :2], points[:, 2], smoothing=_SMOOTHING)
  heights = fitted(grid.reshape(-1, 2)).reshape(cells, cells, 1)
  heights = np.clip(heights, points[:, 2].min(), points[:, 2].max())
  face = landmark_parts.estimated_parts(measured.landmarks[0], None, cells) > 0
  return Head(
    landmarks=points,
    surface=np.concatenate([grid, heights], axis=-1),
    moves=_falloff(face, _WITH_HEAD, _STAYS),
    jaw=jaw_motion.shares(flat, grid * (1, -1)) * _falloff(face, 0.0, _JAW_STAYS),
    landmark_jaw=jaw_motion.landmark_shares(flat),
    pivot=_pivot(points, motion),
    hinge=points[list(_EARS)].mean(axis=0),
    motion=motion,
  )


def random_motions(head: Head, count: int, seed: int) -> np.ndarray:
  """Random motion vectors near the photo's own, float32 `[count, 58]`; see `CHANGES`.

  A head without depths turns in its plane alone.
  """
  has_depths = np.ptp(head.surface[..., 2]) > 0
  rng = np.random.default_rng(seed)
  motions = np.tile(head.motion, (count, 1))
  for name, most in CHANGES.items():
    change = rng.uniform(-most, most, count)
    if has_depths or name in _IN_PLANE:
      motions[:, MOTION_FIELDS.index(name)] += change
  opens = rng.uniform(0, _MOST_OPEN, count) * (rng.uniform(size=count) < _OPEN_RATE)
  motions[:, _JAW] += opens * has_depths
  return motions.astype(np.float32)


def displaced(head: Head, motion: np.ndarray, points: np.ndarray, jaw: np.ndarray) -> np.ndarray:
  """Where points of the head move from the photo's pose, place and jaw to those of a motion vector.

  Args:
    motion: `[58]`; other fields do not count.
    points: `[..., 3]`.
    jaw: their share of the jaw's motion, `[..., 1]`.
  """
  own = _rotation(head.motion[POSE])
  points = jaw_motion.opened(
    points, jaw, head.hinge, own.apply((1.0, 0.0, 0.0)), motion[_JAW] - head.motion[_JAW]
  )
  turn = _rotation(motion[POSE]) * own.inv()
  shift = np.array([*(0.5 * (motion[_SHIFT] - head.motion[_SHIFT])), 0.0])
  offsets = (points - head.pivot).reshape(-1, 3)
  return turn.apply(offsets).reshape(points.shape) + head.pivot + shift


def move_photo(pixels: np.ndarray, inside: np.ndarray, head: Head, motions: np.ndarray) -> MovedPhotos:
  """Moves a photo.

  Args:
    pixels: portrait crop of the photo, uint8 `[s, s, 3]`.
    inside: bool `[s, s]`, see `recordings.Recording`.
    head: from `head_of`.
    motions: motion vectors that differ from the photo's in pose, shift and jawOpen, float32 `[n, 58]`.
  """
  one = functools.partial(_moved, pixels[None], inside[None, ..., None].astype(np.float32))
  forward = functools.partial(_forward, head, motions.astype(np.float64))
  frames, shown = batching.in_fixed_batches(
    lambda rows: one(forward(rows)), np.arange(len(motions)), size=renderer.CHUNK
  )
  n = len(motions)
  landmarks, depths = np.zeros((n, indices.NUM_LANDMARKS, 2)), np.zeros((n, indices.NUM_LANDMARKS))
  if head.landmarks is not None:
    places = np.stack(
      [displaced(head, motion, head.landmarks, head.landmark_jaw) for motion in motions.astype(np.float64)]
    )
    landmarks, depths = places[..., :2] * (1, -1), -places[..., 2]
  found = np.full(n, head.landmarks is not None)
  measured = Measured(landmarks.astype(np.float32), depths.astype(np.float32), motions, found)
  return MovedPhotos(frames, shown, measured)


def cells_of(side: int) -> int:
  """Number of cells along a displacement field for photos of `side` pixels."""
  return side // _PIXELS_PER_CELL


def _rotation(pose: np.ndarray) -> transform.Rotation:
  """Rotation of yaw, pitch and roll, as `prepare.clips.head_pose` measures them."""
  yaw, pitch, roll = pose
  return transform.Rotation.from_euler('YXZ', [yaw, -pitch, -roll])


def _pivot(points: np.ndarray, motion: np.ndarray) -> np.ndarray:
  """The point in the neck below the middle of the ears."""
  ears, eyes = (points[list(group)].mean(axis=0) for group in (_EARS, indices.EYE_CORNERS))
  down = _rotation(motion[POSE]).apply((0.0, -1.0, 0.0))
  height = eyes + _PIVOT_DOWN * (points[indices.CHIN] - eyes)
  return ears + ((height - ears) @ down) * down


def _falloff(face: np.ndarray, first: float, last: float) -> np.ndarray:
  """1 up to the distance `first` from the face `[c, c]`, falling smoothly to 0 at `last`: `[c, c, 1]`."""
  distance = scipy.ndimage.distance_transform_edt(~face) / len(face)
  far = np.clip((distance - first) / (last - first), 0.0, 1.0)
  return (0.5 + 0.5 * np.cos(np.pi * far))[..., None]


def _grid(cells: int) -> np.ndarray:
  """Centers of the cells, x to the right and y up, `[c, c, 2]`."""
  return np.asarray(identity_grid(cells, cells), np.float64) * (1, -1)


def _forward(head: Head, motions: np.ndarray, rows: np.ndarray) -> np.ndarray:
  """Displacement of each cell of the photo, x to the right and y down, float32 `[b, c, c, 2]`."""
  places = np.stack([displaced(head, motions[row], head.surface, head.jaw) for row in rows])
  return (head.moves * (places - head.surface)[..., :2] * (1, -1)).astype(np.float32)


@jax.jit
def _moved(pixels, inside, forward):
  """Moved photos, and where they show what the photo shows there, bool `[b, s, s]`."""
  size, count = pixels.shape[1:3], len(forward)
  flow = invert_flow(forward)
  photos = jnp.broadcast_to(image_ops.to_float(pixels), (count, *size, 3))
  frames = image_ops.to_uint8(warp(photos, flow))
  shown = warp(jnp.broadcast_to(inside, (count, *size, 1)), flow)[..., 0] > _SHOWN
  return frames, shown & _is_one_to_one(forward, flow, size)


def _is_one_to_one(forward, flow, size):
  """Where the displacement has one inverse that neither stretches nor folds the photo, bool `[b, *size]`."""
  cells = flow.shape[1]
  error = jnp.linalg.norm(flow + grid_sample(forward, identity_grid(cells, cells) + flow), axis=-1)
  along_y, along_x = (jnp.gradient(flow, axis=axis) * cells for axis in (1, 2))
  area = (1 + along_x[..., 0]) * (1 + along_y[..., 1]) - along_x[..., 1] * along_y[..., 0]
  good = (error < _RETURNS) & (area > _AREA[0]) & (area < _AREA[1])
  return resize_flow(good[..., None].astype(jnp.float32), size)[..., 0] > _SHOWN
