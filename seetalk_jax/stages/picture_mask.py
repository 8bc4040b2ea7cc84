"""Picture mask: the pixels of a portrait crop that show the recording, and losses on these alone.

A portrait crop may extend beyond the picture it is cut from; edge pixels are repeated there. What is outside teaches
nothing: every loss that compares a predicted picture with its target takes the picture of `only_inside`.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp


def inside_mask(picture_box: jax.Array, height: int, width: int) -> jax.Array:
  """Share of every pixel that shows the recording, float32 `[b, height, width, 1]`: 1 inside, 0 outside.

  Args:
    picture_box: `[b, 4]`, the entry of a batch: left, top, right, bottom, relative to width and height, 0 to 1.
    height, width: of the mask, in pixels or cells.
  """
  left, top, right, bottom = (picture_box[:, i, None] for i in range(4))

  def covered(first, last, count):
    cells = jnp.arange(count, dtype=jnp.float32)
    return jnp.clip(jnp.minimum(last * count, cells + 1) - jnp.maximum(first * count, cells), 0.0, 1.0)

  rows, columns = covered(top, bottom, height), covered(left, right, width)
  return (rows[:, :, None] * columns[:, None, :])[..., None]


def of_batch(batch: Mapping[str, jax.Array], image: jax.Array) -> jax.Array:
  """`inside_mask` of the entry `picture_box` of a batch, in the size of `image [b, h, w, c]`."""
  return inside_mask(batch['picture_box'], *image.shape[1:3])


def only_inside(image: jax.Array, target: jax.Array, inside: jax.Array) -> jax.Array:
  """The image with the target's pixels outside: no error and no gradient there, for any loss.

  Args:
    image, target: `[b, h, w, c]`.
    inside: `[b, h, w, 1]`, from `inside_mask`.
  """
  return image * inside + target * (1.0 - inside)


def mean_inside(values: jax.Array, inside: jax.Array) -> jax.Array:
  """Mean of `values [b, m, n]` or `[b, m, n, k]` under the mask `inside [b, m, n, 1]`; 0 if all of the mask is 0."""
  inside = inside if values.ndim == inside.ndim else inside[..., 0]
  return jnp.mean(values * inside) / jnp.maximum(jnp.mean(inside), 1e-6)
