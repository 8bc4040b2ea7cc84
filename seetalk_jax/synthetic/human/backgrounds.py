"""Backgrounds: a picture of the place behind a person, out of focus, the same for all frames of a clip.

`plate` computes a background once, in NumPy: a place gives the radiance along the rays of the camera, and the lens
blurs it. `background` shows it in JAX at any size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

SIDE = 192  # of a plate in pixels; the lens blurs what is finer
MARGIN = 1.06  # side of a plate over that of the picture: room for a slow drift


class Rays(NamedTuple):
  """The rays of a camera, with the head at the origin.

  Attributes:
    origin: the lens, decimeters, `[3]`.
    directions: unit vectors, `[SIDE, SIDE, 3]`.
    x: place in the picture, 0 to 1 from left to right, `[SIDE, SIDE]`.
    y: 0 to 1 from top to bottom.
    blur: diameter of the blur disc in picture heights: what is drawn may depend on it.
  """

  origin: np.ndarray
  directions: np.ndarray
  x: np.ndarray
  y: np.ndarray
  blur: float


# Radiance, linear RGB `[SIDE, SIDE, 3]`, along rays.
View = Callable[[Rays, np.random.Generator], np.ndarray]


class Background(NamedTuple):
  """A background.

  Attributes:
    plate: linear RGB, `[3, SIDE, SIDE]`.
  """

  plate: jax.Array


def background(what: Background, side: int, shift: jax.Array | tuple[float, float] = (0.0, 0.0)) -> jax.Array:
  """The background in a picture: linear RGB `[3, side, side]`.

  Args:
    what: the background.
    side: of the picture in pixels.
    shift: move to the right and down in picture sides, each within 0.03: for a slow drift.
  """
  scale = side * MARGIN / SIDE
  offset = jnp.asarray(shift, jnp.float32)[::-1] * side - side * (MARGIN - 1) / 2
  return jax.image.scale_and_translate(
    what.plate, (3, side, side), (1, 2), jnp.full(2, scale), offset, 'linear', antialias=False
  )


def plate(view: View, rng: np.random.Generator, *, distance: float, height: float, blur: float) -> np.ndarray:
  """The plate of a view, float32 `[3, SIDE, SIDE]`.

  Args:
    view: radiance along rays.
    rng: of the details of the view.
    distance: from the lens to the head, decimeters.
    height: extent of the picture at the head, decimeters.
    blur: diameter of the blur disc in picture heights.
  """
  radiance = np.maximum(view(rays(distance, height, blur), rng), 0)
  return np.ascontiguousarray(np.moveaxis(lens_blur(radiance, blur * SIDE / MARGIN), -1, 0), np.float32)


def rays(distance: float, height: float, blur: float) -> Rays:
  """Rays through the pixels of a plate."""
  place = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
  x, y = np.meshgrid(place, place)
  reach = height * MARGIN
  directions = np.stack([(x - 0.5) * reach, (0.5 - y) * reach, np.full_like(x, -distance)], -1)
  directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
  return Rays(np.array([0, 0, distance], np.float32), directions, x, y, blur)


def lens_blur(radiance: np.ndarray, diameter: float) -> np.ndarray:
  """Blurs `[h, w, 3]` with a disc of a diameter in pixels; the border is continued."""
  diameter = max(float(diameter), 1.0)
  pad = int(np.ceil(diameter / 2)) + 1
  wide = np.pad(radiance, ((pad, pad), (pad, pad), (0, 0)), mode='edge')
  kernel = _disc(wide.shape[:2], diameter / 2)
  spectrum = np.fft.rfft2(wide, axes=(0, 1)) * np.fft.rfft2(kernel)[..., None]
  blurred = np.fft.irfft2(spectrum, wide.shape[:2], axes=(0, 1))
  return np.maximum(blurred[pad:-pad, pad:-pad], 0).astype(np.float32)


def _disc(shape: tuple[int, int], radius: float) -> np.ndarray:
  """A disc around pixel (0, 0) of a periodic picture, of sum 1, with a smooth rim."""
  row, column = (np.minimum(np.arange(n), n - np.arange(n)) for n in shape)
  away = np.hypot(row[:, None], column[None, :])
  kernel = np.clip(radius - away + 0.5, 0, 1)
  return kernel / kernel.sum()


def mottle(
  rng: np.random.Generator, across: float, down: float, octaves: int = 1, gain: float = 0.5
) -> np.ndarray:
  """Smooth noise in [0, 1], `[SIDE, SIDE]`, with `across` times `down` bumps in the first octave."""
  total, norm = np.zeros((SIDE, SIDE), np.float32), 0.0
  for i in range(octaves):
    cells = (max(2, round(across * 2**i)), max(2, round(down * 2**i)))
    if max(cells) > SIDE:
      break
    grid = Image.fromarray(rng.random(cells[::-1], np.float32))
    total += gain**i * np.asarray(grid.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    norm += gain**i
  return np.clip(total / norm, 0, 1)


def mix(a: np.ndarray, b: np.ndarray, share: np.ndarray | float) -> np.ndarray:
  """Colors between `a` and `b` `[..., 3]`; share `[...]` of b."""
  share = np.asarray(share, np.float32)[..., None]
  return np.asarray(a, np.float32) * (1 - share) + np.asarray(b, np.float32) * share
