"""Pictures against pictures: PSNR in a region, colour of a region."""

from __future__ import annotations

import numpy as np


def psnr(a, b, mask=None) -> float:
  """Peak signal-to-noise ratio in dB of two uint8 pictures `[h, w, 3]` over `mask [h, w]` (True = counts).

  Equal pictures give inf; an empty mask gives NaN.
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


def grow_mask(mask, size: int) -> np.ndarray:
  """A bool mask `[h, w]` enlarged to `[size, size]` by repeating its pixels (nearest)."""
  mask = np.asarray(mask, bool)
  rows = (np.arange(size) * mask.shape[0]) // size
  columns = (np.arange(size) * mask.shape[1]) // size
  return mask[rows][:, columns]


def mean_colour(image, mask) -> np.ndarray:
  """Mean RGB in [0, 1], float32 `[3]`, over a bool mask; NaN where under 0.1 % of the picture is True."""
  mask = np.asarray(mask, bool)
  if mask.sum() < max(4, mask.size // 1000):
    return np.full(3, np.nan, np.float32)
  return (np.asarray(image)[mask].mean(axis=0) / 255.0).astype(np.float32)


def halve(images, size: int) -> np.ndarray:
  """Shrinks uint8 pictures `[*b, h, h, 3]` to `size`, of which h is a multiple, by averaging blocks."""
  images = np.asarray(images)
  factor, rest = divmod(images.shape[-2], size)
  if rest or factor < 1:
    raise ValueError(f'{images.shape[-2]} px is no multiple of {size}')
  if factor == 1:
    return images
  blocks = images.reshape(*images.shape[:-3], size, factor, size, factor, 3).astype(np.float32)
  return np.round(blocks.mean(axis=(-4, -2))).astype(np.uint8)
