"""PSNR of pictures: peak signal-to-noise ratio, optionally within a mask."""

from __future__ import annotations

import numpy as np


def psnr(a, b, mask=None) -> float:
  """Peak signal-to-noise ratio in dB of two uint8 pictures `[h, w, 3]` over `mask [h, w]` (True = counts).

  Equal pictures give inf; an empty mask gives NaN.

  Raises:
    ValueError: pictures of other types or of two shapes, or a mask of another size.
  """
  a, b = np.asarray(a), np.asarray(b)
  if a.dtype != np.uint8 or b.dtype != np.uint8 or a.shape != b.shape:
    raise ValueError(
      f'psnr needs two uint8 pictures of one shape, got {a.dtype} {a.shape} and {b.dtype} {b.shape}'
    )
  error = (a.astype(np.float64) - b.astype(np.float64)) ** 2
  if mask is not None:
    mask = np.asarray(mask, bool)
    if mask.shape != a.shape[:-1]:
      raise ValueError(f'mask {mask.shape} does not fit pictures {a.shape}')
    error = error[mask]
  if error.size == 0:
    return float('nan')
  mse = error.mean()
  return float('inf') if mse == 0 else float(10 * np.log10(255.0**2 / mse))
