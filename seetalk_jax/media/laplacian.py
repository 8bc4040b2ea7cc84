"""Laplacian of pictures: its variance is a measure of sharpness."""

from __future__ import annotations

import numpy as np


def variance(gray: np.ndarray, mask: np.ndarray | None = None) -> float:
  """Variance of the Laplacian of a gray picture `[h, w]`, levels 0 to 255; border pixels do not count.

  Args:
    mask: bool `[h, w]`, True where pixels count; None: everywhere. NaN if none counts.
  """
  g = np.asarray(gray, np.float64)
  laplacian = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4 * g[1:-1, 1:-1]
  if mask is not None:
    laplacian = laplacian[mask[1:-1, 1:-1]]
  return float(laplacian.var()) if laplacian.size else float('nan')
