"""Where the mouth is in a portrait and in the frames that a warp makes of it, and pictures of it."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.warping import grid_sample, identity_grid

# In the portrait crop, relative to its side: where the mouth of a frontal portrait is.
MOUTH_PLACE = (0.5, 0.7)
# Half widths and heights of what the sync expert looks at: the records' lip boxes are 0.34 wide and half as tall
# when they are cut for it (`data.transforms.mouth_box`). Through another window it says nothing.
SYNC_HALF = (0.17, 0.085)
# And of where the flow is looked up: lips and little else.
_FLOW_HALF = (0.15, 0.13)


def mouth_place(flow: jax.Array) -> jax.Array:
  """Where the mouth of a portrait went under a warp `[b, h, w, 2]`: (x, y) `[b, 2]` in picture units.

  The flow at the mouth leads from the frame back to the portrait; no gradient passes.
  """
  at = jnp.broadcast_to(jnp.asarray(MOUTH_PLACE), (flow.shape[0], 2))
  back = crop_boxes(flow, boxes_around(at, _FLOW_HALF), (4, 4))
  return jax.lax.stop_gradient(at - jnp.mean(back, axis=(1, 2)))


def boxes_around(place: jax.Array, half: tuple[float, float]) -> jax.Array:
  """`place [b, 2]` (x, y) and half sizes to boxes `[b, 4]`: left, top, right, bottom."""
  reach = jnp.asarray(half)
  return jnp.concatenate([place - reach, place + reach], axis=-1)


def crop_boxes(image: jax.Array, boxes: jax.Array, size: tuple[int, int]) -> jax.Array:
  """Cuts `boxes [b, 4]` (left, top, right, bottom, relative) out of `image [b, h, w, c]`: `[b, *size, c]`."""
  left, top, right, bottom = (boxes[:, i, None, None, None] for i in range(4))
  grid = identity_grid(*size)[None]
  x = left + grid[..., :1] * (right - left)
  y = top + grid[..., 1:] * (bottom - top)
  return grid_sample(image, jnp.concatenate([x, y], axis=-1))


def inside_boxes(boxes: jax.Array, size: tuple[int, int]) -> jax.Array:
  """`[b, *size, 1]`: 1 in the pixels of a picture whose centres lie in `boxes [b, 4]`, else 0."""
  at = identity_grid(*size)
  low, high = boxes[:, None, None, :2], boxes[:, None, None, 2:]
  return jnp.all((at >= low) & (at <= high), axis=-1, keepdims=True).astype(jnp.float32)
