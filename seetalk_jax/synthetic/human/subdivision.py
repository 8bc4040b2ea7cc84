"""Loop subdivision of a triangle mesh: a sparse matrix from the vertices of a mesh to those of the finer mesh.

Charles Loop, Smooth Subdivision Surfaces Based on Triangles, 1987, with Warren's vertex weights. A vertex with n
neighbors keeps 1 - n b of its place and takes b of each: b is 3 / (8 n), or 3 / 16 for n = 3. The new vertex of an edge
takes 3/8 of its ends and 1/8 of the two opposite vertices. On an open border, a vertex keeps 3/4 and takes 1/8 of its
two neighbors on the border, and the new vertex is the middle of the edge. Weights are positive and add up to 1.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse

from seetalk_jax.synthetic.human import mesh as meshes


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Subdivision:
  """A finer mesh and the way there.

  Attributes:
    mesh: the finer mesh. Its first v vertices are those of the coarse mesh, smoothed; then one for each split edge.
    matrix: weights, float32 CSR `[v', v]`: `matrix @ x` carries values `[v, k]` of the coarse mesh's vertices
      (places of a person, displacements, masks) to the finer mesh.
    parents: the coarse triangle that each triangle is part of, int32 `[t']`, ascending.
  """

  mesh: meshes.Mesh
  matrix: scipy.sparse.csr_matrix
  parents: np.ndarray

  def apply(self, values: np.ndarray) -> np.ndarray:
    """Values of vertices `[..., v, k]` on the finer mesh, float32 `[..., v', k]`."""
    flat = np.moveaxis(np.asarray(values, np.float32), -2, 0)
    fine = self.matrix @ flat.reshape(len(flat), -1)
    return np.moveaxis(fine.reshape(-1, *flat.shape[1:]), 0, -2)


def subdivide(mesh: meshes.Mesh, where: np.ndarray | None = None) -> Subdivision:
  """Splits triangles into four and smooths the vertices.

  Args:
    mesh: any mesh, each edge with one or two triangles.
    where: bool `[t]`, the triangles to split, with their mirror images; None splits all. Triangles beside them are
      split in two or three, so that the mesh stays closed. Only vertices that have all of their triangles split
      are smoothed.

  Returns:
    The finer mesh, with its matrix.

  Raises:
    ValueError: `where` has another length, an edge has more than two triangles, or a triangle has no mirror image.
  """
  where = np.ones(len(mesh.triangles), bool) if where is None else np.asarray(where, bool)
  if where.shape != (len(mesh.triangles),):
    raise ValueError(f'where has shape {where.shape}: the mesh has {len(mesh.triangles)} triangles')
  where = where | where[_mirrored_triangles(mesh.triangles, mesh.mirror)]
  edges, triangle_edges = _edges(mesh.triangles)
  split = np.zeros(len(edges), bool)
  split[triangle_edges[where]] = True
  smooth = np.ones(len(mesh.vertices), bool)
  smooth[mesh.triangles[~where]] = False
  matrix = scipy.sparse.vstack(
    [
      _vertex_rows(triangle_edges, edges, smooth),
      _edge_rows(mesh.triangles, triangle_edges, edges, len(mesh.vertices))[split],
    ],
    format='csr',
    dtype=np.float32,
  )
  triangles, parents = _split(mesh.triangles, triangle_edges, split, len(mesh.vertices))
  uv_edges, uv_triangle_edges = _edges(mesh.uv_triangles)
  uv_split = np.zeros(len(uv_edges), bool)
  uv_split[uv_triangle_edges[split[triangle_edges]]] = True
  uv_triangles, _ = _split(
    mesh.uv_triangles, uv_triangle_edges, uv_split, len(mesh.uv), split[triangle_edges]
  )
  fine = meshes.Mesh(
    vertices=matrix @ mesh.vertices,
    triangles=triangles,
    parts=np.concatenate([mesh.parts, mesh.parts[edges[split, 0]]]),
    masks={name: np.clip(matrix @ mask, 0, 1) for name, mask in mesh.masks.items()},
    uv=np.concatenate([mesh.uv, mesh.uv[uv_edges[uv_split]].mean(1)]),
    uv_triangles=uv_triangles,
    mirror=_mirror(mesh.mirror, edges, split),
  )
  meshes.freeze(fine)
  return Subdivision(mesh=fine, matrix=matrix, parents=parents)


def _edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Edges `[e, 2]` with ascending ends, and the edges of every triangle's sides `[t, 3]`; side k begins at corner k."""
  sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]], axis=2)
  edges, inverse = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
  return edges, inverse.reshape(-1, 3)


def _border(triangle_edges: np.ndarray, num_edges: int) -> np.ndarray:
  """Whether each edge has one triangle only, bool `[e]`."""
  counts = np.bincount(triangle_edges.reshape(-1), minlength=num_edges)
  if counts.max(initial=0) > 2:
    raise ValueError(f'an edge has {counts.max()} triangles: Loop subdivision needs one or two')
  return counts == 1


def _vertex_rows(triangle_edges, edges, smooth) -> scipy.sparse.csr_matrix:
  """Weights of the coarse vertices' new places, `[v, v]`."""
  count = len(smooth)
  border = _border(triangle_edges, len(edges))
  on_border = np.bincount(edges[border].reshape(-1), minlength=count)
  # Two border edges: a point of the border curve. More: several borders meet, and the vertex stays.
  curve, inner = smooth & (on_border == 2), smooth & (on_border == 0)
  starts, ends = np.concatenate([edges, edges[:, ::-1]]).T
  along_border = np.concatenate([border, border])
  neighbors = np.maximum(np.bincount(starts, minlength=count), 1)
  each = np.where(neighbors == 3, 3 / 16, 3 / (8 * neighbors))
  weight = np.where(curve[starts], along_border / 8, np.where(inner[starts], each[starts], 0))
  rest = 1 - np.bincount(starts, weight, minlength=count)
  rows, columns = np.concatenate([starts, np.arange(count)]), np.concatenate([ends, np.arange(count)])
  matrix = scipy.sparse.csr_matrix((np.concatenate([weight, rest]), (rows, columns)), (count, count))
  matrix.eliminate_zeros()
  return matrix


def _edge_rows(triangles, triangle_edges, edges, num_vertices) -> scipy.sparse.csr_matrix:
  """Weights of a new vertex on every edge, `[e, v]`."""
  border = _border(triangle_edges, len(edges))
  end_weight = np.where(border, 1 / 2, 3 / 8)
  sides = triangle_edges.reshape(-1)
  opposite = triangles[:, [2, 0, 1]].reshape(-1)
  inner = ~border[sides]
  every = np.arange(len(edges))
  rows = np.concatenate([every, every, sides[inner]])
  columns = np.concatenate([edges[:, 0], edges[:, 1], opposite[inner]])
  weights = np.concatenate([end_weight, end_weight, np.full(inner.sum(), 1 / 8)])
  return scipy.sparse.csr_matrix((weights, (rows, columns)), (len(edges), num_vertices))


def _split(triangles, triangle_edges, split, num_vertices, sides_split=None) -> tuple[np.ndarray, np.ndarray]:
  """Triangles over the old vertices and the split edges' new ones, int32 `[t', 3]`, and their parents `[t']`."""
  number = np.cumsum(split) - 1 + num_vertices
  middle = number[triangle_edges]
  is_split = split[triangle_edges] if sides_split is None else sides_split
  count = is_split.sum(1)
  # Sides are rotated: the one split side first, or the one side that is not split last.
  turn = np.where(count == 1, is_split.argmax(1), np.where(count == 2, (~is_split).argmax(1) + 1, 0))
  order = (np.arange(3) + turn[:, None]) % 3
  (a, b, c), (ab, bc, ca) = (np.take_along_axis(x, order, 1).T for x in (triangles, middle))
  patterns = [
    [(a, b, c)],
    [(a, ab, c), (ab, b, c)],
    [(ab, b, bc), (a, ab, bc), (a, bc, c)],
    [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)],
  ]
  pieces, parents = [], []
  for splits, pattern in enumerate(patterns):
    chosen = np.flatnonzero(count == splits)
    pieces.append(np.stack([np.stack(corners, 1)[chosen] for corners in pattern], 1).reshape(-1, 3))
    parents.append(np.repeat(chosen, len(pattern)))
  parent = np.concatenate(parents)
  ascending = np.argsort(parent, kind='stable')
  return np.concatenate(pieces)[ascending].astype(np.int32), parent[ascending].astype(np.int32)


def _mirrored_triangles(triangles, mirror) -> np.ndarray:
  """The triangle between the mirrored corners of every triangle, int64 `[t]`."""
  corners, images = np.sort(triangles, axis=1), np.sort(mirror[triangles], axis=1)
  order, image_order = np.lexsort(corners.T), np.lexsort(images.T)
  if not np.array_equal(corners[order], images[image_order]):
    raise ValueError('mirror: a triangle has no mirror image')
  result = np.empty(len(triangles), np.int64)
  result[image_order] = order
  return result


def _mirror(mirror, edges, split) -> np.ndarray:
  """The mirrored vertex of every old vertex and of every split edge's new one, int32 `[v']`."""
  number = np.cumsum(split) - 1 + len(mirror)
  image = np.sort(mirror[edges[split]], axis=1)
  keys, wanted = (pair[:, 0].astype(np.int64) * len(mirror) + pair[:, 1] for pair in (edges, image))
  found = np.searchsorted(keys, wanted)  # edges are in ascending order
  return np.concatenate([mirror, number[found]]).astype(np.int32)
