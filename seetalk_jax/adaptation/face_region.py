"""Region of the face in a portrait crop, by the definition of the crop, and sharpness of the pictures inside."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.media import face, laplacian
from seetalk_jax.models.nn import image_ops

_WEIGHT = 3.0  # of the pixels of the face; others weigh 1
_ENERGY_CELL = 8  # pixels along a cell in which differences of neighboring pixels are averaged


def mask(side: int) -> np.ndarray:
  """Where a portrait crop shows the face, bool `[side, side]`: an ellipse from above the brows to below the chin."""
  crop = face.PORTRAIT_CROP
  centers = (np.arange(side) + 0.5) / side
  half_height = 0.8 / crop.side_over_face
  y = (centers - (crop.eyes_y + 0.35 / crop.side_over_face)) / half_height
  x = (centers - crop.eyes_x) / (0.8 * half_height)
  return y[:, None] ** 2 + x[None] ** 2 < 1


def pivot(down: float) -> tuple[float, float]:
  """The point `down` of the way from the eyes to the chin of a portrait crop: (x, y) relative to its side."""
  crop = face.PORTRAIT_CROP
  return crop.eyes_x, crop.eyes_y + down / crop.side_over_face


def weights(side: int) -> np.ndarray:
  """Weights of the pixels of a portrait crop, float32 `[side, side, 1]`: 3 in the face, else 1."""
  return np.where(mask(side), _WEIGHT, 1.0).astype(np.float32)[..., None]


def sharpness(pixels: np.ndarray, inside: np.ndarray) -> float:
  """Variance of the Laplacian of uint8 `[s, s, 3]` in the face, where `inside [s, s]` is True; NaN if nowhere."""
  return laplacian.variance(pixels.mean(axis=-1), mask(len(pixels)) & inside)


def energy_error(image: jax.Array, target: jax.Array, weight: jax.Array) -> jax.Array:
  """Error of the differences of neighboring pixels as means over cells: a blurred picture has too small ones.

  Unlike the edge loss, it does not favor a blurred edge over a sharp one that is some pixels off.

  Args:
    image, target: `[b, h, w, c]`.
    weight: `[b, h, w, 1]`.
  """

  def energy(picture):
    return tuple(
      jnp.mean(jnp.abs(jnp.diff(picture, axis=axis, append=end)), axis=-1, keepdims=True)
      for axis, end in ((1, picture[:, -1:]), (2, picture[:, :, -1:]))
    )

  cells = tuple(-(-length // _ENERGY_CELL) for length in image.shape[1:3])
  total = 0.0
  for drawn, recorded in zip(energy(image), energy(target), strict=True):
    lacking = image_ops.resize_image(weight * (drawn - recorded), cells)
    total += jnp.mean(jnp.abs(lacking))
  return total
