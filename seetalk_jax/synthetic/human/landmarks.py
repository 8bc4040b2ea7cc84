"""Face landmarks: MediaPipe's 478 points on the human head mesh, and what follows from them.

`landmarks.npz` beside this file holds the triangle and the barycentric weights of each point;
`tools/fit_landmarks.py` makes it. The points stay at their places on the skin and on the eyeballs. The points of the
face's outline do so too, while MediaPipe moves them along the visible outline when the head turns; `reliable` is
False for them. Groups of points: seetalk_jax/media/landmark_indices.py.
"""

from __future__ import annotations

import functools
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax import errors
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.synthetic.human import rig

FILE = pathlib.Path(__file__).resolve().parent / 'landmarks.npz'
NUM_LANDMARKS = 478


class Points(NamedTuple):
  """Places of the landmarks on the fine mesh of `rig.topology()`. Arrays are read-only.

  Attributes:
    triangles: int32 `[478]`.
    weights: of the triangles' corners, they add up to 1, float32 `[478, 3]`.
    reliable: whether MediaPipe finds the point at this place of the skin from all sides, bool `[478]`.
    mirror: index of the mirrored point, int32 `[478]`.
  """

  triangles: np.ndarray
  weights: np.ndarray
  reliable: np.ndarray
  mirror: np.ndarray


@functools.cache
def points() -> Points:
  """The landmarks of this installation, read once.

  Raises:
    InputError: the file is missing from the installation.
  """
  if not FILE.is_file():
    raise errors.InputError(
      f'no face landmarks, file {FILE}: reinstall seetalk-jax, or make it with tools/fit_landmarks.py'
    )
  with np.load(FILE) as file:
    others = file['weights'].astype(np.float32)
    weights = np.concatenate([1 - others.sum(1, keepdims=True), others], axis=1)
    found = Points(
      file['triangles'].astype(np.int32), weights, file['reliable'], file['mirror'].astype(np.int32)
    )
  for array in found:
    array.setflags(write=False)
  return found


def landmarks(vertices: jax.Array) -> jax.Array:
  """The 478 points of a head, as a gather that has gradients.

  Args:
    vertices: of the fine mesh, from `rig.expressed` or `rig.turned`, or projected, `[v, d]`.

  Returns:
    `[478, d]`.
  """
  found = points()
  corners = rig.fine_head().mesh.triangles[found.triangles]
  return sum(found.weights[:, k, None] * vertices[corners[:, k]] for k in range(3))


def mouth_opening(places: jax.Array) -> jax.Array:
  """Distance of the inner lips divided by the height of the face, `[...]`, as `prepare` measures real faces.

  Args:
    places: landmarks `[..., 478, d]`, in decimeters or in a picture.
  """

  def length(pair):
    return jnp.linalg.norm(places[..., pair[0], :] - places[..., pair[1], :], axis=-1)

  return length(indices.INNER_LIPS) / jnp.maximum(length(indices.FACE_ENDS), 1e-6)


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
