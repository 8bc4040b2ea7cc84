"""CPBD: share of edges at which no blur is seen, from their widths (Narvekar and Karam 2011, IEEE TIP 20(9)).

The value is that of the published Python program (the package `cpbd` 1.0.7), without its loops over pixels.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 64  # pixels
_EDGE_SHARE = 0.002  # of the pixels of a block with edges
_EXPONENT = 3.6
_LOW_CONTRAST, _WIDTHS = 50, (5.0, 3.0)  # just noticeable widths in pixels, up to this contrast and above
_LONGEST = 100  # pixels to either side of an edge
_SEEN = 64  # percent: edges with a lower probability of seen blur are sharp
# Thresholds of the edges that decide which blocks count, on gray levels up to 255.
_LOW, _HIGH = 0.1, 0.2


def cpbd(gray: np.ndarray) -> float:
  """Sharpness from 0 to 1; 0 also for a picture without edges.

  Args:
    gray: `[h, w]`, gray levels from 0 to 255; both sides at least 64.

  Raises:
    ValueError: another shape, or a smaller picture.
  """
  gray = np.asarray(gray, np.float64)
  if gray.ndim != 2 or min(gray.shape) < _BLOCK:
    raise ValueError(f'CPBD needs a gray picture of at least {_BLOCK} x {_BLOCK} pixels, got {gray.shape}')
  widths, edges = edge_widths(gray), canny_edges(gray)
  counts = np.zeros(101)
  for top in range(0, gray.shape[0] - _BLOCK + 1, _BLOCK):
    for left in range(0, gray.shape[1] - _BLOCK + 1, _BLOCK):
      block = np.s_[top : top + _BLOCK, left : left + _BLOCK]
      if np.count_nonzero(edges[block]) > _BLOCK * _BLOCK * _EDGE_SHARE:
        contrast = int(np.ptp(gray[block]))
        noticeable = _WIDTHS[contrast > _LOW_CONTRAST]
        found = widths[block]
        probability = 1 - np.exp(-((found[found > 0] / noticeable) ** _EXPONENT))
        counts += np.bincount(np.rint(100 * probability).astype(int), minlength=101)
  total = counts.sum()
  return float(counts[:_SEEN].sum() / total) if total else 0.0


def gray_levels(frame: np.ndarray) -> np.ndarray:
  """Gray levels float64 `[h, w]` of uint8 `[h, w, 3]` by ITU-R 601, rounded as Pillow's mode L."""
  import PIL.Image

  return np.asarray(PIL.Image.fromarray(frame).convert('L'), np.float64)


def edge_widths(gray: np.ndarray) -> np.ndarray:
  """Widths of vertical edges in pixels `[h, w]`, 0 elsewhere (Marziliano et al. 2002).

  The width of an edge is the length of the strictly rising or falling run of gray levels along the row.
  """
  edges = _sobel_edges(gray)
  gradient_y, gradient_x = np.gradient(gray)
  angles = np.where(gradient_x != 0, np.degrees(np.arctan2(gradient_y, gradient_x)), 0.0)
  if not angles.any():
    return np.zeros_like(gray)
  quarter = 45 * np.round(angles / 45)
  edges[[0, -1]] = edges[:, [0, -1]] = False
  rising, falling = _run_width(gray), _run_width(-gray)
  return np.where(edges & (quarter == 0), rising, 0.0) + np.where(
    edges & (np.abs(quarter) == 180), falling, 0.0
  )


def _run_width(gray: np.ndarray) -> np.ndarray:
  """Width of the rise through each pixel: the runs of rising levels at both neighbors, and the steps to them."""
  rises = gray[:, 1:] > gray[:, :-1]
  height, width = gray.shape
  before, after = np.zeros((height, width)), np.zeros((height, width))
  for x in range(1, width):
    before[:, x] = np.where(rises[:, x - 1], before[:, x - 1] + 1, 0)
    after[:, -1 - x] = np.where(rises[:, -x], after[:, -x] + 1, 0)
  whole = np.zeros((height, width))
  whole[:, 1:-1] = np.minimum(before[:, :-2], _LONGEST) + np.minimum(after[:, 2:], _LONGEST) + 2
  return whole


def _sobel_edges(gray: np.ndarray) -> np.ndarray:
  """Thinned vertical edges bool `[h, w]`: local maxima of the squared horizontal derivative above a threshold."""
  from scipy import ndimage

  kernel = np.outer([1, 2, 1], [1, 0, -1]) / 8
  strength = np.square(ndimage.convolve(gray, kernel))
  strength[strength <= 2 * np.sqrt(strength.mean())] = 0
  padded = np.pad(strength, 1)
  left, right = padded[1:-1, :-2], padded[1:-1, 2:]
  above, below = padded[:-2, 1:-1], padded[2:, 1:-1]
  return ((strength > left) & (strength > right)) | ((strength > above) & (strength > below))


def canny_edges(gray: np.ndarray) -> np.ndarray:
  """Canny's edges bool `[h, w]` (Canny 1986) with sigma 1 and thresholds 0.1 and 0.2, as scikit-image's default."""
  from scipy import ndimage

  def blur(values):
    return ndimage.gaussian_filter(values, 1.0, mode='constant')

  smooth = blur(gray) / (blur(np.ones_like(gray)) + np.finfo(float).eps)
  down, right = ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)
  magnitude = np.hypot(down, right)
  kept = _local_maxima(down, right, magnitude) & (magnitude >= _LOW)
  kept[[0, -1]] = kept[:, [0, -1]] = False
  labels, count = ndimage.label(kept, np.ones((3, 3)))
  strong = np.zeros(count + 1, bool)
  strong[labels[kept & (magnitude >= _HIGH)]] = True
  strong[0] = False
  return strong[labels]


def _local_maxima(down: np.ndarray, right: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
  """Whether the gradient's magnitude is at least that on both sides along it, interpolated between two neighbors."""
  steep = np.abs(down) >= np.abs(right)
  slope = np.where(steep, np.abs(right), np.abs(down)) / np.maximum(
    np.maximum(np.abs(down), np.abs(right)), 1e-300
  )
  same_sign = (down * right) >= 0
  padded = np.pad(magnitude, 1)
  height, width = magnitude.shape

  def at(dy, dx):
    return padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

  kept = np.ones_like(same_sign)
  for sign in (1, -1):
    corner = np.where(same_sign, at(sign, sign), np.where(steep, at(sign, -sign), at(-sign, sign)))
    straight = np.where(steep, at(sign, 0), at(0, sign))
    kept &= corner * slope + straight * (1 - slope) <= magnitude
  return kept
