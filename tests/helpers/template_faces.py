"""Landmarks whose five points for face recognizers are given."""

from __future__ import annotations

import numpy as np

from seetalk_jax.media import landmark_indices as indices

_NOSE_TIP = 1


def landmarks(places: np.ndarray) -> np.ndarray:
  """Landmarks `[478, 2]` with eyes, tip of the nose and corners of the mouth at `places [5, 2]`; others are 0."""
  points = np.zeros((478, 2))
  for corners, place in zip((indices.EYE_CORNERS[:2], indices.EYE_CORNERS[2:]), places, strict=False):
    points[list(corners)] = place
  points[_NOSE_TIP] = places[2]
  points[list(indices.MOUTH_CORNERS)] = places[3:]
  return points
