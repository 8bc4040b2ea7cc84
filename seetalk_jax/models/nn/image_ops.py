"""Image operations of the networks: conversion to floats and bytes, resizing, space to depth, picture grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import einops
import jax
import jax.numpy as jnp
import numpy as np

Dtype = Any


def check_sides(x: jax.Array, multiple: int, what: str) -> None:
  """Checks that both sides of `x [..., h, w, c]` are multiples of a number.

  Raises:
    ValueError: they are not; the message names `what`.
  """
  h, w = x.shape[-3:-1]
  if h % multiple or w % multiple:
    raise ValueError(f'{what} is {h} x {w}: its sides must be multiples of {multiple}')


def pixel_unshuffle(image: jax.Array, factor: int) -> jax.Array:
  """Space to depth: `[b, h * f, w * f, c] -> [b, h, w, f * f * c]`.

  Raises:
    ValueError: a side is not a multiple of `factor`.

  Example:
    >>> pixel_unshuffle(jnp.arange(16.0).reshape(1, 4, 4, 1), 2)[0, 0, 0].tolist()  # the upper left 2 x 2 pixels
    [0.0, 1.0, 4.0, 5.0]
  """
  check_sides(image, factor, 'picture')
  return einops.rearrange(image, '... (h fh) (w fw) c -> ... h w (fh fw c)', fh=factor, fw=factor)


def pixel_shuffle(x: jax.Array, factor: int) -> jax.Array:
  """Depth to space: `[b, h, w, f * f * c] -> [b, h * f, w * f, c]`, the inverse of `pixel_unshuffle`."""
  return einops.rearrange(x, '... h w (fh fw c) -> ... (h fh) (w fw) c', fh=factor, fw=factor)


def upsample_nearest(x: jax.Array, factor: int = 2) -> jax.Array:
  """Nearest-neighbor upsampling: `[b, h, w, c] -> [b, h * factor, w * factor, c]`."""
  return einops.repeat(x, '... h w c -> ... (h fh) (w fw) c', fh=factor, fw=factor)


def double_bilinear(x: jax.Array) -> jax.Array:
  """Bilinear upsampling of `[b, h, w, c]` to twice the sides, border clamped, as sums of shifted copies."""
  for axis in (1, 2):
    size = x.shape[axis]
    first, last = (jax.lax.slice_in_dim(x, i, i + 1, axis=axis) for i in (0, size - 1))
    before = jnp.concatenate([first, jax.lax.slice_in_dim(x, 0, size - 1, axis=axis)], axis=axis)
    after = jnp.concatenate([jax.lax.slice_in_dim(x, 1, size, axis=axis), last], axis=axis)
    x = jnp.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis=axis + 1)
    x = x.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 2 :])
  return x


def repeat_to(x: jax.Array, size: tuple[int, ...]) -> jax.Array:
  """Nearest-neighbor upsampling of `[b, h, w, c]` to `[b, *size, c]`, a multiple of `h` and `w`."""
  return upsample_nearest(x, size[0] // x.shape[1])


def every_nth(x: jax.Array, size: tuple[int, ...]) -> jax.Array:
  """Every n-th value of maps `[b, h, w, ...]` whose sides are n times `size`, so that labels are not mixed."""
  step = x.shape[1] // size[0]
  return x[:, step // 2 :: step, step // 2 :: step]


def resize_nearest(x: jax.Array, size: tuple[int, ...]) -> jax.Array:
  """Nearest-neighbor resize `[b, h, w, c]` to `[b, *size, c]`: pixel i is source pixel floor(i * h / size).

  As in PyTorch.
  """
  height, width = x.shape[1:3]
  if size == (2 * height, 2 * width):
    return upsample_nearest(x)
  rows, columns = (np.arange(to) * by // to for to, by in zip(size, (height, width), strict=True))
  return x[:, rows][:, :, columns]


def resize_bilinear(x: jax.Array, size: tuple[int, int]) -> jax.Array:
  """Bilinear resize of floats `[..., h, w, c]` to `[..., *size, c]`, border clamped, without antialiasing.

  As in PyTorch with `align_corners=False`.
  """
  if x.shape[-3:-1] == tuple(size):
    return x
  return jax.image.resize(x, (*x.shape[:-3], *size, x.shape[-1]), 'bilinear', antialias=False)


def resize_image(image: jax.Array, size: int | tuple[int, ...]) -> jax.Array:
  """Resizes floats `[..., h, w, c]` to `size` (an int: square).

  An area mean where both sides are multiples of the new ones, otherwise bilinear with antialiasing.
  """
  height, width = (size, size) if isinstance(size, int) else size
  *_, h, w, _ = image.shape
  if (h, w) == (height, width):
    return image
  if h % height == 0 and w % width == 0:
    return einops.reduce(image, '... (h fh) (w fw) c -> ... h w c', 'mean', fh=h // height, fw=w // width)
  shape = (*image.shape[:-3], height, width, image.shape[-1])
  return jax.image.resize(image, shape, 'bilinear', antialias=True)


def to_float(image: jax.Array, dtype: Dtype = jnp.float32) -> jax.Array:
  """uint8 pictures to floats in [-1, 1]; floats are only cast."""
  if jnp.issubdtype(image.dtype, jnp.floating):
    return image.astype(dtype)
  return (image.astype(jnp.float32) / 127.5 - 1.0).astype(dtype)


def to_uint8(image: jax.Array) -> jax.Array:
  """Floats in [-1, 1] (clipped) to uint8 pictures, rounded to the nearest level."""
  return jnp.clip(jnp.round((image.astype(jnp.float32) + 1.0) * 127.5), 0, 255).astype(jnp.uint8)


def picture_grid(rows: Sequence[jax.Array]) -> np.ndarray:
  """Tiles rows of pictures, each `[n, h, w, 3]` in [-1, 1], to one uint8 picture `[rows * h, n * w, 3]`."""
  wide = [einops.rearrange(np.asarray(to_uint8(jnp.asarray(row))), 'n h w c -> h (n w) c') for row in rows]
  return np.concatenate(wide, axis=0)
