"""Landmark fit: MediaPipe's 478 points on the human head mesh, as triangles and barycentric weights in one npz file.

pip install 'seetalk-jax[data]'
python tools/fit_landmarks.py face_landmarker.task seetalk_jax/synthetic/human/landmarks.npz

Bald heads of several people are rendered from many sides and read by MediaPipe's Face Landmarker. What lies under a
detected point is a place on the mesh; the robust center of these places over people, views and the two mirrored
sides is the point. The inner contour of the lips is fitted to the edges of open mouths, lid margins to the edges of
the eyes; irises follow from the eyeballs. seetalk_jax/synthetic/human/landmarks.py reads the file.
"""

from __future__ import annotations

import argparse
import itertools
import pathlib
import re
import sys
import zipfile

import numpy as np
import plain_head
from make_head_asset import write_npz

from seetalk_jax import blendshapes, errors
from seetalk_jax.media import face_tasks
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.synthetic.human import mesh, rig
from seetalk_jax.synthetic.human.mesh import MeshPart

SIDE = 512
YAWS, PITCHES = (-0.5, -0.25, 0.0, 0.25, 0.5), (-0.25, 0.0, 0.25)
OPENINGS = (0.12, 0.25, 0.4, 0.55)
# Border of the iris as an angle about the eyeball's center, as skin.py paints it.
IRIS_ANGLE = 0.5
# Points whose samples lie farther from the center than this in the median, in face heights, are not reliable.
RELIABLE = 0.025
_METADATA = 'geometry_pipeline_metadata_landmarks.binarypb'
_NUM_FACE_POINTS = 468
_MIRRORED = np.array([-1, 1, 1])
# Right and left points of the irises: centers, then the borders at the picture's right, top, left and bottom.
_IRIS_PAIRS = ((468, 473), (469, 476), (470, 475), (471, 474), (472, 477))
_IRIS_BORDER = ((1, 0), (0, 1), (-1, 0), (0, -1))
_CONTOURS = {
  'lips': indices.INNER_LIP_CONTOUR,
  'right eye': indices.RIGHT_EYE_CONTOUR,
  'left eye': indices.LEFT_EYE_CONTOUR,
}


def mirrored_points(model: str) -> np.ndarray:
  """Index of the mirrored point of each of the 478, from the canonical face in the landmarker model, int `[478]`.

  Raises:
    InputError: the file is no landmarker model.
  """
  try:
    with zipfile.ZipFile(model) as file:
      data = file.read(_METADATA)
  except (OSError, KeyError, zipfile.BadZipFile) as error:
    raise errors.InputError(f'not a landmarker model ({error}), {model}: give face_landmarker.task') from None
  # The vertex buffer is a repeated float, tag 0x1d and four bytes each: x, y, z, u, v per vertex.
  found = re.search(rb'(?:\x1d.{4}){%d}' % (5 * _NUM_FACE_POINTS), data, re.DOTALL)
  if found is None:
    raise errors.InputError(f'no canonical face in the landmarker model, {model}: give face_landmarker.task')
  numbers = np.frombuffer(found.group(), np.dtype([('tag', 'u1'), ('value', '<f4')]))['value']
  place = numbers.reshape(_NUM_FACE_POINTS, 5)[:, :3]
  distance = np.linalg.norm(place[:, None] * _MIRRORED - place[None], axis=-1)
  mirror = np.concatenate([distance.argmin(1), np.arange(_NUM_FACE_POINTS, face_tasks.NUM_LANDMARKS)])
  for right, left in _IRIS_PAIRS:
    mirror[[right, left]] = left, right
  if (mirror[mirror] != np.arange(len(mirror))).any():
    raise errors.InputError(
      f'the canonical face is not symmetric, {model}: give the face_landmarker.task of seetalk_jax.media'
    )
  return mirror


def frames(people: int, seed: int):
  """(picture, angles, opening) of all people: closed mouths from all sides, then open mouths from the front."""
  rng = np.random.default_rng(seed)
  for _ in range(people):
    person = plain_head.sample_person(rng)
    key = (rng.uniform(-0.6, 0.6), rng.uniform(0.1, 0.7), 0.8)
    views = [((*view, 0.0), 0.03, 0.0) for view in itertools.product(YAWS, PITCHES)]
    views += [((0.0, 0.0, 0.0), 0.05, opening) for opening in OPENINGS]
    for angles, jitter, opening in views:
      angles = rng.normal(0, jitter, 3) + angles
      coefficients = np.zeros(blendshapes.NUM_BLENDSHAPES, np.float32)
      coefficients[blendshapes.INDEX['jawOpen']] = opening
      yield plain_head.draw(person, coefficients, tuple(angles), SIDE, 1, key), angles, opening


class Surface:
  """The neutral fine mesh, what its triangles belong to, and the closest places on it."""

  def __init__(self):
    self.mesh = rig.fine_head().mesh
    corners = self.mesh.triangles
    parts = self.mesh.triangle_parts
    self.corners = self.mesh.vertices[corners].astype(np.float64)
    self.inside = (parts == MeshPart.SKIN) & (self.mesh.masks['mouth_inside'][corners].mean(1) > 0.5)
    self.skin = (parts == MeshPart.SKIN) & ~self.inside
    self.eyes = np.isin(parts, [MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE])
    self.mouth = self.inside | np.isin(parts, [MeshPart.UPPER_TEETH, MeshPart.LOWER_TEETH, MeshPart.TONGUE])
    ordered = np.sort(corners, 1)
    rows = {tuple(row): index for index, row in enumerate(ordered)}
    self.mirror = np.array([rows[tuple(row)] for row in np.sort(self.mesh.mirror[corners], 1)])

  def closest(self, place: np.ndarray, chosen: np.ndarray) -> tuple[int, np.ndarray]:
    """(triangle, weights `[3]`) of the place on the chosen triangles that is closest to a place `[3]`."""
    near = np.flatnonzero(chosen & (np.linalg.norm(self.corners.mean(1) - place, axis=-1) < 0.3))
    a, b, c = np.moveaxis(self.corners[near], 1, 0)
    candidates = [_weights_in_plane(place, a, b, c)]
    for start, end, columns in ((a, b, (0, 1)), (b, c, (1, 2)), (c, a, (2, 0))):
      along = ((place - start) * (end - start)).sum(-1) / ((end - start) ** 2).sum(-1)
      along = np.clip(along, 0, 1)
      weights = np.zeros((len(near), 3))
      weights[:, columns[0]], weights[:, columns[1]] = 1 - along, along
      candidates.append(weights)
    weights = np.stack(candidates)
    distance = np.linalg.norm(np.einsum('ktc,tcx->ktx', weights, self.corners[near]) - place, axis=-1)
    distance[(weights < 0).any(-1)] = np.inf
    kind, row = np.unravel_index(distance.argmin(), distance.shape)
    return int(near[row]), weights[kind, row]

  def place(self, triangle, weights) -> np.ndarray:
    """The place `[..., 3]` on triangles `[...]` with weights `[..., 3]`."""
    return np.einsum('...c,...cx->...x', weights, self.corners[triangle])

  def mirrored(self, triangle: int, weights: np.ndarray) -> tuple[int, np.ndarray]:
    """(triangle, weights) of the mirrored place."""
    other = int(self.mirror[triangle])
    images = self.mesh.mirror[self.mesh.triangles[triangle]].tolist()
    return other, weights[[images.index(vertex) for vertex in self.mesh.triangles[other]]]


def _weights_in_plane(place, a, b, c):
  """Barycentric weights `[t, 3]` of a place that is projected onto the planes of triangles."""
  normal = np.cross(b - a, c - a)
  size = np.maximum((normal**2).sum(-1), 1e-18)
  second = (np.cross(place - a, c - a) * normal).sum(-1) / size
  third = (np.cross(b - a, place - a) * normal).sum(-1) / size
  return np.stack([1 - second - third, second, third], -1)


class Samples:
  """Places on the neutral mesh that lay under the detected points."""

  def __init__(self, surface: Surface):
    self.surface = surface
    self.places = [[] for _ in range(face_tasks.NUM_LANDMARKS)]
    self._contour = {
      point: name
      for name, contour in _CONTOURS.items()
      for point in contour
      if point not in indices.EYE_CORNERS
    }

  def add(self, picture: plain_head.Picture, detected: np.ndarray, angles, opening: float) -> None:
    """Adds one frame.

    Args:
      picture: with the mesh under its samples.
      detected: float `[478, 2]`, relative to the picture.
      angles: yaw, pitch and roll.
      opening: coefficient of jawOpen.
    """
    frontal = max(abs(angles[0]), abs(angles[1])) < 0.15
    triangle = picture.triangle
    edges = {'right eye': _edges(triangle, self.surface.skin, self.surface.eyes)}
    edges['left eye'] = edges['right eye']
    if opening:
      edges['lips'] = _edges(triangle, self.surface.skin, self.surface.mouth)
    facing = _facing(picture, self.surface.mesh.triangles)
    for point, (x, y) in enumerate(detected * len(triangle) - 0.5):
      contour = self._contour.get(point)
      if contour in edges:
        found = _nearest_edge(edges[contour], _CONTOURS[contour].index(point), len(_CONTOURS[contour]), x, y)
        if found is not None:
          self._add(point, picture, *found)
      elif point in indices.EYE_CORNERS:
        if not opening:
          self._add(point, picture, *_nearest_skin(triangle, self.surface.skin, x, y))
      elif point in indices.FACE_OUTLINE:
        # The outline follows the view: the front decides. Its points may lie a little beside the head.
        if frontal and not opening:
          self._add(point, picture, *_nearest_skin(triangle, self.surface.skin, x, y))
      elif contour is None and not opening:
        row, column = round(float(y)), round(float(x))
        if 0 <= row < len(triangle) and 0 <= column < len(triangle):
          hit = triangle[row, column]
          if hit >= 0 and self.surface.skin[hit] and facing[hit] > 0.3:
            self._add(point, picture, row, column)

  def _add(self, point, picture, row, column):
    place = self.surface.place(picture.triangle[row, column], picture.weights[:, row, column])
    self.places[point].append(place)


def _edges(triangle, outside, inside):
  """Rows and columns of samples outside an opening, above it and below it: two arrays `[k, 2]`."""
  seen = triangle >= 0
  hollow, solid = seen & inside[triangle], seen & outside[triangle]
  above = solid[:-1] & hollow[1:]
  below = solid[1:] & hollow[:-1]
  return np.argwhere(above), np.argwhere(below) + (1, 0)


def _nearest_edge(edges, order, count, x, y, reach=12):
  """(row, column) of the edge sample nearest to a detected contour point, or None if it is far."""
  above, below = edges
  corner = order % (count // 2) == 0
  candidates = np.concatenate(edges) if corner else (above if order < count // 2 else below)
  if not len(candidates):
    return None
  distance = np.hypot(candidates[:, 0] - y, candidates[:, 1] - x)
  return tuple(candidates[distance.argmin()]) if distance.min() < reach else None


def _nearest_skin(triangle, skin, x, y):
  """(row, column) of the sample of the skin that is nearest to a point."""
  rows, columns = np.nonzero((triangle >= 0) & skin[triangle])
  nearest = np.hypot(rows - y, columns - x).argmin()
  return rows[nearest], columns[nearest]


def _facing(picture, triangles):
  """Cosine between triangles and the direction to the camera, `[t]`."""
  normals = mesh.triangle_normals(picture.vertices, triangles)
  return normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=-1), 1e-12)


def geometric_median(places: np.ndarray) -> np.ndarray:
  """The point `[3]` with the least sum of distances to places `[n, 3]`."""
  center = np.median(places, axis=0)
  for _ in range(50):
    weights = 1 / np.maximum(np.linalg.norm(places - center, axis=-1), 1e-4)
    center = (weights[:, None] * places).sum(0) / weights.sum()
  return center


def fit(samples: Samples, mirror: np.ndarray) -> dict[str, np.ndarray]:
  """Triangles, weights and reliability of all points, see `landmarks.py`."""
  surface = samples.surface
  height = mesh.load().face_height(mesh.load().vertices)
  triangles = np.zeros(face_tasks.NUM_LANDMARKS, np.uint16)
  weights = np.zeros((face_tasks.NUM_LANDMARKS, 3))
  spread = np.zeros(face_tasks.NUM_LANDMARKS)
  for point in range(_NUM_FACE_POINTS):
    other = mirror[point]
    if other < point:
      continue
    places = samples.places[point] + [place * _MIRRORED for place in samples.places[other]]
    if len(places) < 8:
      raise errors.InputError(f'point {point} was seen {len(places)} times: render more people')
    center = geometric_median(np.array(places))
    if other == point:
      center[0] = 0
    found = surface.closest(center, surface.skin)
    spread[[point, other]] = np.median(np.linalg.norm(places - center, axis=-1)) / height
    for index, (triangle, weight) in ((other, surface.mirrored(*found)), (point, found)):
      triangles[index], weights[index] = triangle, weight
  for index, (triangle, weight) in iris_points(surface).items():
    triangles[index], weights[index] = triangle, weight
  reliable = (spread < RELIABLE) & ~np.isin(np.arange(len(spread)), indices.FACE_OUTLINE)
  return {
    'triangles': triangles,
    'weights': weights[:, 1:].astype(np.float16),
    'reliable': reliable,
    'mirror': mirror.astype(np.uint16),
  }


def iris_points(surface: Surface) -> dict[int, tuple[int, np.ndarray]]:
  """Point -> (triangle, weights) of the irises' centers and borders on the eyeballs."""
  found = {}
  for part, points in ((MeshPart.RIGHT_EYE, indices.RIGHT_IRIS), (MeshPart.LEFT_EYE, indices.LEFT_IRIS)):
    ball = surface.mesh.vertices[surface.mesh.parts == part]
    center = (ball.min(0) + ball.max(0)) / 2
    radius = np.linalg.norm(ball - center, axis=-1).mean()
    for point, (x, y) in zip(points, ((0, 0), *_IRIS_BORDER), strict=True):
      side = np.sin(IRIS_ANGLE) * np.array([x, y])
      direction = np.array([*side, np.sqrt(1 - (side**2).sum())])
      found[point] = surface.closest(center + radius * direction, surface.mesh.triangle_parts == part)
  return found


def main(arguments: list[str] | None = None) -> int:
  """Returns 0, or 2 after one line on stderr if the landmarker model cannot be used."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('model', help='face_landmarker.task')
  parser.add_argument('out', help='landmarks.npz')
  parser.add_argument('--people', type=int, default=16)
  parser.add_argument('--seed', type=int, default=0)
  options = parser.parse_args(arguments)
  surface = Surface()
  samples = Samples(surface)
  try:
    mirror = mirrored_points(options.model)
    seen = 0
    with face_tasks.open_reader(options.model, measure=False) as read:
      for picture, angles, opening in frames(options.people, options.seed):
        detected = read(picture.pixels).landmarks
        if len(detected) == 1:
          samples.add(picture, detected[0], angles, opening)
          seen += 1
    arrays = fit(samples, mirror)
    write_npz(options.out, arrays)
  except (errors.InputError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  size = pathlib.Path(options.out).stat().st_size
  print(f'{seen} pictures with one face; {arrays["reliable"].sum()} of 478 points reliable; {size} bytes')
  return 0


if __name__ == '__main__':
  sys.exit(main())
