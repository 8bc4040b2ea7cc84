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
_BLOCK = 1024  # frames at a time


def landmark_distances(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
  """Mean distances of landmarks in pixels, by the names in `NAMES`, over frames that have both faces.

  Args:
    made, real: `[n, 478, 2 or more]` in the pixels of one framing; the longer one is cut. NaN without a face.

  Returns:
    `m_lmd` of the lips and `f_lmd` of the face without them, each after its center is aligned in every frame; `lmd` of
    all these points, aligned by their common center. NaN without a common frame.
  """
  count = min(len(made), len(real))
  groups = {'lmd': (*LIPS, *FACE), 'm_lmd': LIPS, 'f_lmd': FACE}
  totals, frames = dict.fromkeys(groups, 0.0), 0
  for start in range(0, count, _BLOCK):
    block = [
      np.asarray(points[start : min(start + _BLOCK, count), :, :2], np.float64) for points in (made, real)
    ]
    seen = np.isfinite(block[0]).all(axis=(1, 2)) & np.isfinite(block[1]).all(axis=(1, 2))
    for name, group in groups.items():
      totals[name] += float(_aligned_distances(*(points[seen][:, group] for points in block)).sum())
    frames += np.count_nonzero(seen)
  return {name: total / frames if frames else float('nan') for name, total in totals.items()}


def _aligned_distances(made: np.ndarray, real: np.ndarray) -> np.ndarray:
  difference = (made - made.mean(axis=1, keepdims=True)) - (real - real.mean(axis=1, keepdims=True))
  return np.linalg.norm(difference, axis=-1).mean(axis=1)
