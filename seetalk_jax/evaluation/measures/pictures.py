"""Picture measures: SSIM, sharpness and mean color, optionally within a mask. PSNR is `media.psnr`."""

from __future__ import annotations

import numpy as np

_SSIM_RADIUS = 5  # pixels of a window on either side of its center


def ssim(a, b, mask=None) -> float:
  """Structural similarity of two uint8 pictures `[h, w, 3]`, 1 for equal ones (Wang et al. 2004).

  Gaussian windows of 11 x 11 pixels and sigma 1.5, population covariances, K1 = 0.01, K2 = 0.03, mean over channels.
  The mean is over the pixels whose window lies within the picture, as of the published program and scikit-image, or
  over `mask [h, w]`, where windows beyond the border see the mirrored picture.

  Raises:
    ValueError: a picture without a mask that is smaller than a window.
  """
  from scipy import ndimage

  a, b = (np.asarray(picture, np.float64) for picture in (a, b))
  if mask is None and min(a.shape[:2]) <= 2 * _SSIM_RADIUS:
    raise ValueError(f'ssim needs pictures of at least {2 * _SSIM_RADIUS + 1} pixels a side, got {a.shape}')

  def blur(x):
    return ndimage.gaussian_filter(x, (1.5, 1.5, 0), radius=(_SSIM_RADIUS, _SSIM_RADIUS, 0))

  mean_a, mean_b = blur(a), blur(b)
  of_a, of_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
  both = blur(a * b) - mean_a * mean_b
  c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
  parts = (2 * mean_a * mean_b + c1) * (2 * both + c2)
  similarity = parts / ((mean_a**2 + mean_b**2 + c1) * (of_a + of_b + c2))
  similarity = similarity.mean(axis=-1)
  if mask is None:
    inner = slice(_SSIM_RADIUS, -_SSIM_RADIUS)
    return float(similarity[inner, inner].mean())
  return float(similarity[np.asarray(mask, bool)].mean())


def gradient_energy(image, mask=None) -> float:
  """Sharpness: mean squared difference of neighboring pixels of uint8 `[h, w, 3]` over `mask [h, w]`."""
  image = np.asarray(image, np.float64)
  energy = np.zeros(image.shape[:2])
  energy[:, :-1] += np.square(np.diff(image, axis=1)).sum(axis=-1)
  energy[:-1] += np.square(np.diff(image, axis=0)).sum(axis=-1)
  return float(energy.mean() if mask is None else energy[np.asarray(mask, bool)].mean())


def grow_mask(mask, size: int) -> np.ndarray:
  """A bool mask `[h, w]` resized to `[size, size]` by nearest neighbor."""
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
  """Downsamples uint8 pictures `[*b, h, h, 3]` to `size` by block averages.

  Raises:
    ValueError: h is not a multiple of `size`.
  """
  images = np.asarray(images)
  factor, rest = divmod(images.shape[-2], size)
  if rest or factor < 1:
    raise ValueError(f'{images.shape[-2]} px is no multiple of {size}')
  if factor == 1:
    return images
  blocks = images.reshape(*images.shape[:-3], size, factor, size, factor, 3).astype(np.float32)
  return np.round(blocks.mean(axis=(-4, -2))).astype(np.uint8)
