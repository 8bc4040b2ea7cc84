"""Mouth position in a portrait and in its warped frames, and mouth crops."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.warping import grid_sample, identity_grid

# Mouth center (x, y) of a frontal portrait, relative to the side of the portrait crop.
MOUTH_CENTER = (0.5, 0.7)
# Half width and half height of the sync expert's crop. The lip boxes of its training records are 0.34 wide
# and half as tall (`data.transforms.mouth_box`), and its scores are meaningless on other crops.
SYNC_HALF = (0.17, 0.085)
# Half width and half height of the region that the flow is averaged over: the lips.
_FLOW_HALF = (0.15, 0.13)


def mouth_center(flow: jax.Array) -> jax.Array:
  """Mouth center (x, y) `[b, 2]`, in picture units, after a warp by the backward flow `[b, h, w, 2]`.

  It is `MOUTH_CENTER` minus the mean flow around it. No gradient passes.
  """
  at = jnp.broadcast_to(jnp.asarray(MOUTH_CENTER), (flow.shape[0], 2))
  back = crop_boxes(flow, boxes_around(at, _FLOW_HALF), (4, 4))
  return jax.lax.stop_gradient(at - jnp.mean(back, axis=(1, 2)))


def boxes_around(center: jax.Array, half: tuple[float, float]) -> jax.Array:
  """Centers `center [b, 2]` (x, y) and half sizes to boxes `[b, 4]`: left, top, right, bottom."""
  reach = jnp.asarray(half)
  return jnp.concatenate([center - reach, center + reach], axis=-1)


def crop_boxes(image: jax.Array, boxes: jax.Array, size: tuple[int, int]) -> jax.Array:
  """Crops `boxes [b, 4]` (left, top, right, bottom, relative) from `image [b, h, w, c]`: `[b, *size, c]`."""
  left, top, right, bottom = (boxes[:, i, None, None, None] for i in range(4))
  grid = identity_grid(*size)[None]
  x = left + grid[..., :1] * (right - left)
  y = top + grid[..., 1:] * (bottom - top)
  return grid_sample(image, jnp.concatenate([x, y], axis=-1))


def inside_boxes(boxes: jax.Array, size: tuple[int, int]) -> jax.Array:
  """Mask float32 `[b, *size, 1]`: 1 at pixels whose centers lie in `boxes [b, 4]`, else 0."""
  at = identity_grid(*size)
  low, high = boxes[:, None, None, :2], boxes[:, None, None, 2:]
  return jnp.all((at >= low) & (at <= high), axis=-1, keepdims=True).astype(jnp.float32)
