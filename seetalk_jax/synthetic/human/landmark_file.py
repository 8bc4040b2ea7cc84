"""Landmark file: places of MediaPipe's 478 points on the human head mesh.

`landmarks.npz` beside this file holds the triangle and the barycentric weights of each point;
`tools/fit_landmarks.py` makes it. The points stay at their places on the skin and on the eyeballs. The points of the
face's outline do so too, while MediaPipe moves them along the visible outline when the head turns; `reliable` is
False for them.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax import errors
from seetalk_jax.synthetic.human.subdivision import Subdivision

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


def coarse_weights(indices: Sequence[int], fine: Subdivision) -> np.ndarray:
  """Weights of the coarse mesh's vertices in landmarks, float32 `[len(indices), u]`; `fine` is the fine head."""
  found, chosen = points(), list(indices)
  corners = fine.mesh.triangles[found.triangles[chosen]]
  return sum(fine.matrix[corners[:, k]].toarray() * found.weights[chosen, k, None] for k in range(3))
