"""Head mesh: a human head and chest as a triangle mesh, with identity targets and the 52 ARKit blendshapes.

`head.npz` beside this file holds it. `tools/make_head_asset.py` makes that file; LICENSE-head.md states its license
(CC0 1.0) and origin.

Coordinates are decimeters (0.1 m): x to the person's left, y up, z to the front. A viewer in front of the face has
the person's left eye (+x) on the right. The neutral mesh is the source's base mesh, symmetric about x = 0: eyes at
(+-0.31, 7.28, 1.25), chin at (0, 6.23, 1.46), hairline at (0, 8.01, 1.39), crown at y 8.49. Its face is 1.79 dm high
from hairline to chin. A person is the neutral mesh plus weighted macro and detail targets. Macro targets include
body height, which moves the whole head by up to 1 dm.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes, errors

ASSET = pathlib.Path(__file__).resolve().parent / 'head.npz'
# The asset stores the moves of targets as whole numbers of this many decimeters, the resolution of their source.
_STEP = 0.001
# Places on the neutral mesh.
_HAIRLINE, _CHIN = (0.0, 8.01, 1.39), (0.0, 6.23, 1.46)


class MeshPart(enum.IntEnum):
  """Parts of the mesh. They have no vertex in common. Left is the person's left, +x.

  Skin is also the inside of the mouth, see the mask `mouth_inside`. It is open at the cuts through chest and arms.
  """

  SKIN = 0
  LEFT_EYE = 1
  RIGHT_EYE = 2
  UPPER_TEETH = 3  # with gums, see the mask `gums`; open at the back
  LOWER_TEETH = 4
  TONGUE = 5
  LOWER_LASHES = 6  # strips of both eyes, open all around
  UPPER_LASHES = 7


class Target(NamedTuple):
  """Displacements of some vertices, for weight 1.

  Attributes:
    vertices: moved vertices, int32 `[k]`, ascending.
    deltas: displacements in decimeters, float32 `[k, 3]`.
  """

  vertices: np.ndarray
  deltas: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
  """A triangle mesh with parts, masks and texture coordinates. Arrays are read-only.

  Attributes:
    vertices: decimeters, float32 `[v, 3]`.
    triangles: vertices of every triangle, counterclockwise seen from outside, int32 `[t, 3]`.
    parts: `MeshPart` of every vertex, uint8 `[v]`.
    masks: name -> weight of every vertex in [0, 1], float32 `[v]`, 0 in parts that the mask does not concern.
      `lips`, `face`, `ears`, `eyelids`, `mouth_inside` are painted in the source. `scalp`, `brows`, `beard` are the
      regions where hair grows, and `gums` the gums of the teeth: 0.5 at the border, with a linear ramp 0.2 dm wide, so
      that thresholds draw a smooth border. Brows are thinner than the ramp: their middle is at 0.6.
    uv: texture coordinates in [0, 1], `(0, 0)` at the lower left, float32 `[u, 2]`. Eyes, teeth, tongue and lashes
      have places of their own.
    uv_triangles: texture coordinates of every triangle's corners, int32 `[t, 3]`.
    mirror: the vertex at the mirrored place, int32 `[v]`: `vertices[mirror] == vertices * (-1, 1, 1)`.
  """

  vertices: np.ndarray
  triangles: np.ndarray
  parts: np.ndarray
  masks: Mapping[str, np.ndarray]
  uv: np.ndarray
  uv_triangles: np.ndarray
  mirror: np.ndarray

  @property
  def triangle_parts(self) -> np.ndarray:
    """`MeshPart` of every triangle, uint8 `[t]`."""
    return self.parts[self.triangles[:, 0]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class HeadMesh(Mesh):
  """The neutral head and what moves it.

  Attributes:
    macro: name -> target of a body type, in two families: `{race}-{sex}-{age}` and
      `universal-{sex}-{age}-{muscle}muscle-{weight}weight`. Races are african, asian, caucasian; sexes female, male;
      ages young (about 25 years), old (about 90); muscle and weight min, average, max. For a person, the weights of
      each family add up to 1.
    detail: name -> target of one feature, `nose-width1-incr`; pairs `-incr`/`-decr`, `-up`/`-down` and the like are
      opposites, `l-` and `r-` are left and right.
    units: displacements of the ARKit blendshapes for coefficient 1 in the order of `blendshapes.NAMES`, decimeters,
      float32 `[52, v, 3]`. They add up. `mouthClose` closes the lips that an equal `jawOpen` opens; without `jawOpen`,
      the lips pass through each other. The eyes turn by 10 degrees up, 11 down, 15 in and out, and the lids follow.
    hairline: vertex where the forehead ends, in the middle.
    chin: foremost low vertex of the chin, in the middle.
  """

  macro: Mapping[str, Target]
  detail: Mapping[str, Target]
  units: np.ndarray
  hairline: int
  chin: int

  def face_height(self, vertices: np.ndarray) -> np.ndarray:
    """Distance from hairline to chin in decimeters, float `[...]`, of vertices `[..., v, 3]` of this mesh."""
    return np.linalg.norm(vertices[..., self.hairline, :] - vertices[..., self.chin, :], axis=-1)

  def shaped(self, weights: Mapping[str, float]) -> np.ndarray:
    """Vertices of a person: neutral plus weighted macro and detail targets.

    Args:
      weights: name of a target -> weight.

    Returns:
      float32 `[v, 3]`, decimeters.

    Raises:
      ValueError: a name is no target.
    """
    vertices = self.vertices.copy()
    for name, weight in weights.items():
      target = self.macro.get(name) or self.detail.get(name)
      if target is None:
        raise ValueError(f'unknown target {name!r}: it is neither in HeadMesh.macro nor in HeadMesh.detail')
      vertices[target.vertices] += np.float32(weight) * target.deltas
    return vertices


@functools.cache
def load() -> HeadMesh:
  """The head mesh of this installation, read once.

  Raises:
    InputError: the file is missing from the installation.
  """
  if not ASSET.is_file():
    raise errors.InputError(
      f'no head mesh, file {ASSET}: reinstall seetalk-jax, or make it with tools/make_head_asset.py'
    )
  with np.load(ASSET) as file:
    arrays = dict(file)
  parts = tuple(part.name.lower() for part in MeshPart)
  if tuple(arrays['part_names']) != parts or tuple(arrays['unit_names']) != blendshapes.NAMES:
    raise errors.InputError(
      f'parts or blendshapes of another version, file {ASSET}: make it with tools/make_head_asset.py'
    )
  vertices = arrays['neutral']
  macro, detail, units = _read_targets(arrays)
  dense = np.zeros((len(units), *vertices.shape), np.float32)
  for index, target in enumerate(units.values()):
    dense[index, target.vertices] = target.deltas
  masks = arrays['masks'].astype(np.float32) / 255
  mesh = HeadMesh(
    vertices=vertices,
    triangles=arrays['triangles'].astype(np.int32),
    parts=arrays['parts'],
    masks=dict(zip(map(str, arrays['mask_names']), masks, strict=True)),
    uv=arrays['uv'].astype(np.float32) / 65_535,
    uv_triangles=arrays['uv_triangles'].astype(np.int32),
    mirror=arrays['mirror'].astype(np.int32),
    macro=macro,
    detail=detail,
    units=dense,
    hairline=int(np.linalg.norm(vertices - _HAIRLINE, axis=1).argmin()),
    chin=int(np.linalg.norm(vertices - _CHIN, axis=1).argmin()),
  )
  freeze(mesh)
  return mesh


def _read_targets(arrays: Mapping[str, np.ndarray]) -> list[dict[str, Target]]:
  """Macro targets, detail targets and units by name; their displacements are views of one array."""
  offsets = arrays['target_offsets']
  vertices = arrays['target_indices'].astype(np.int32)
  deltas = arrays['target_deltas'].astype(np.float32) * np.float32(_STEP)
  vertices.setflags(write=False)
  deltas.setflags(write=False)
  result, position = [], 0
  for kind in ('macro', 'detail', 'unit'):
    targets = {}
    for name in map(str, arrays[f'{kind}_names']):
      rows = slice(offsets[position], offsets[position + 1])
      targets[name] = Target(vertices[rows], deltas[rows])
      position += 1
    result.append(targets)
  return result


def freeze(mesh: Mesh) -> None:
  """Makes the arrays of a mesh read-only, because `load` gives all callers the same ones."""
  for value in vars(mesh).values():
    for array in value.values() if isinstance(value, Mapping) else [value]:
      if isinstance(array, np.ndarray):
        array.setflags(write=False)


def triangle_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
  """Outward normals of triangles, as long as twice their areas: float `[..., t, 3]` of vertices `[..., v, 3]`."""
  a, b, c = (vertices[..., triangles[:, corner], :] for corner in range(3))
  return np.cross(b - a, c - a)


def triangle_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
  """Areas of triangles in square decimeters: float `[..., t]` of vertices `[..., v, 3]`."""
  return np.linalg.norm(triangle_normals(vertices, triangles), axis=-1) / 2


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
  """Outward unit normals of vertices, the mean of their triangles weighted by area.

  Args:
    vertices: float `[v, 3]`.
    triangles: int `[t, 3]`.

  Returns:
    `[v, 3]`, dtype of `vertices`; zero for a vertex without triangles.
  """
  normals = np.zeros_like(vertices)
  np.add.at(normals, triangles, triangle_normals(vertices, triangles)[:, None])
  length = np.linalg.norm(normals, axis=1, keepdims=True)
  return normals / np.maximum(length, np.finfo(normals.dtype).tiny)
