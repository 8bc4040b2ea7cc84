"""Face landmarks: MediaPipe's 478 points on the human head mesh, and what follows from them.

See landmark_file.py for their places, seetalk_jax/media/landmark_indices.py for groups of points.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax import blendshapes
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.synthetic.human import landmark_file, rig


def landmarks(vertices: jax.Array) -> jax.Array:
  """The 478 points of a head, as a gather that has gradients.

  Args:
    vertices: of the fine mesh, from `rig.expressed` or `rig.turned`, or projected, `[v, d]`.

  Returns:
    `[478, d]`.
  """
  found = landmark_file.points()
  corners = rig.fine_head().mesh.triangles[found.triangles]
  return sum(found.weights[:, k, None] * vertices[corners[:, k]] for k in range(3))


def at_rest(shape: jax.Array, topology: rig.Topology) -> jax.Array:
  """Landmarks of a person's neutral face, `[478, 3]`, of coarse vertices `[u, 3]`; `topology` is `rig.topology()`."""
  return landmarks(rig.expressed(shape, jnp.zeros(blendshapes.NUM_BLENDSHAPES), topology))


def mouth_opening(places: jax.Array) -> jax.Array:
  """Distance of the inner lips divided by the height of the face, `[...]`, as `prepare` measures real faces.

  It is 0 where the edges of the lips overlap.

  Args:
    places: landmarks `[..., 478, d]`, in decimeters or in a picture.
  """
  (upper, lower), (top, bottom) = (
    [places[..., index, :] for index in pair] for pair in (indices.INNER_LIPS, indices.FACE_ENDS)
  )
  is_open = ((upper - lower) * (top - bottom)).sum(-1) > 0
  gap = jnp.linalg.norm(jnp.where(is_open[..., None], upper - lower, 1.0), axis=-1)
  return jnp.where(is_open, gap, 0) / jnp.maximum(jnp.linalg.norm(top - bottom, axis=-1), 1e-6)


def lip_box(places: jax.Array) -> jax.Array:
  """Square around mouth and chin, `[..., 4]`: left, top, right, bottom relative to the picture, as in `prepare`.

  Args:
    places: landmarks in the picture, `[..., 478, 2]`, relative to its side, y downwards.
  """
  corners = indices.MOUTH_CORNERS
  center = (places[..., corners[0], :] + places[..., corners[1], :]) / 2
  center = center + jnp.asarray([0.0, indices.LIP_BOX_BELOW])
  half = indices.LIP_BOX_SIDE / 2
  return jnp.concatenate([center - half, center + half], axis=-1)
