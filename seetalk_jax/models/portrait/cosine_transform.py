"""Truncated cosine transform of picture patches: the linear start of an autoencoder.

A block transform that keeps k coefficients per patch, the order in which natural pictures need them, loses less than an
untrained network and less than one that was trained for an hour on a CPU. As a shortcut around the convolutions
(residual autoencoding, arXiv 2410.10733, has one without parameters too) it leaves them the rest to learn.

Not specified in the paper.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models.nn.image_ops import pixel_shuffle, pixel_unshuffle

# Lightness and two color differences, of rows of length 1.
_COLORS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
# Standard deviations of the coefficients of pictures in [-1, 1], measured on patches of 8 pixels of portraits: of the
# mean, per pixel of the side; of the frequency that has one half-wave in 8 pixels, with the exponent by which they
# fall; and of the colors relative to each other.
_OF_MEAN, _OF_WAVE, _EXPONENT, _OF_COLORS = 0.76, 0.66, -1.25, np.array([1.0, 0.25, 0.1])


@functools.cache
def basis(side: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
  """The `channels` cosine waves of the largest variance in patches of `side` pixels, and their standard deviations.

  Returns:
    (waves `[side * side * 3, channels]`, orthonormal columns, with the order of `pixel_unshuffle`; deviations
    `[channels]` of the coefficients of pictures in [-1, 1]).

  Raises:
    ValueError: a patch has fewer coefficients than `channels`.
  """
  if channels > 3 * side * side:
    raise ValueError(f'{channels} channels: a patch of {side} x {side} pixels has {3 * side * side} values')
  number = np.arange(side)
  waves = (
    np.cos(np.pi * (number + 0.5) * number[:, None] / side) * np.sqrt(np.where(number, 2, 1) / side)[:, None]
  )
  frequency = np.hypot(number[:, None], number) * 8 / side
  deviation = _OF_WAVE * np.maximum(frequency, 1e-6) ** _EXPONENT
  deviation[0, 0] = _OF_MEAN * side
  deviation = (deviation[..., None] * _OF_COLORS).reshape(-1)
  kept = np.argsort(-deviation, kind='stable')[:channels]
  u, v, color = np.unravel_index(kept, (side, side, 3))
  columns = np.einsum('ka,kb,kc->abck', waves[u], waves[v], _COLORS[color])
  return columns.reshape(-1, channels), deviation[kept]


@functools.cache
def mirror_signs(side: int, channels: int) -> np.ndarray:
  """Sign of every coefficient of a patch in the mirrored patch (left and right exchanged), `[channels]`."""
  waves = basis(side, channels)[0].reshape(side, side, 3, channels)
  return np.sign(np.sum(waves * waves[:, ::-1], axis=(0, 1, 2)))


def encode(image: jax.Array, side: int, channels: int) -> jax.Array:
  """Pictures `[b, h, w, 3]` to scaled coefficients, float32 `[b, h / side, w / side, channels]`.

  They are divided by the square root of their deviation. Coarse ones stay larger than fine ones, as in pictures, so
  that diffusion decides on them first (arXiv 2502.14831), but by less.
  """
  waves, deviation = basis(side, channels)
  patches = pixel_unshuffle(image, side).astype(jnp.float32)
  weights = (waves / np.sqrt(deviation)).astype(np.float32)
  return jnp.einsum('...p,pk->...k', patches, weights, precision='highest')


def decode(coefficients: jax.Array, side: int) -> jax.Array:
  """Coefficients `[b, h, w, channels]` of `encode` to pictures, float32 `[b, h * side, w * side, 3]`."""
  waves, deviation = basis(side, coefficients.shape[-1])
  weights = (waves * np.sqrt(deviation)).T.astype(np.float32)
  patches = jnp.einsum('...k,kp->...p', coefficients.astype(jnp.float32), weights, precision='highest')
  return pixel_shuffle(patches, side)
