"""Landmark distances between a generated and a real video of the same speech: lips, face without lips, both.

The landmark distance of arXiv 1803.10404 (LMD) compares the lips after the centers of both sets are aligned in every
frame. Later papers report it for the mouth (M-LMD) and for the rest of the face (F-LMD). Here the points are those of
MediaPipe's face mesh, so values do not compare with those of 68 points of dlib.
"""

from __future__ import annotations

import numpy as np

from seetalk_jax.evaluation.measures.theval import LIPS
from seetalk_jax.media import landmark_indices as indices

# Outline, brows and eyes; the forehead's part of the outline follows hair in real pictures.
FACE = (
  *indices.JAW_LINE,
  *indices.RIGHT_BROW,
  *indices.LEFT_BROW,
  *indices.RIGHT_EYE_CONTOUR,
  *indices.LEFT_EYE_CONTOUR,
)
NAMES = ('lmd', 'm_lmd', 'f_lmd')


def landmark_distances(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
  """Mean distances of landmarks in pixels, by the names in `NAMES`, over frames that have both faces.

  Args:
    made, real: `[n, 478, 2 or more]` in the pixels of one framing; the longer one is cut. NaN without a face.

  Returns:
    `m_lmd` of the lips and `f_lmd` of the face without them, each after its center is aligned in every frame; `lmd` of
    all these points, aligned by their common center. NaN without a common frame.
  """
  count = min(len(made), len(real))
  made, real = (np.asarray(points[:count, :, :2], np.float64) for points in (made, real))
  seen = np.isfinite(made).all(axis=(1, 2)) & np.isfinite(real).all(axis=(1, 2))
  groups = {'lmd': (*LIPS, *FACE), 'm_lmd': LIPS, 'f_lmd': FACE}
  return {
    name: _aligned_distance(made[seen][:, group], real[seen][:, group]) for name, group in groups.items()
  }


def _aligned_distance(made: np.ndarray, real: np.ndarray) -> float:
  if not len(made):
    return float('nan')
  difference = (made - made.mean(axis=1, keepdims=True)) - (real - real.mean(axis=1, keepdims=True))
  return float(np.linalg.norm(difference, axis=-1).mean())
