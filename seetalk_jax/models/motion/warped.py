"""Portrait warped to a motion, and the blend of its pixels with painted ones."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.warping import upsample_bilinear
from seetalk_jax.models.nn.image_ops import double_bilinear, resize_image


class Warped(NamedTuple):
  """The portrait warped to the target motion, with an occlusion mask.

  Attributes:
    image: `[b, h, w, 3]`, the portrait warped at full resolution; with `low_grid`, pixels that stay are its own.
    features: factor (4, 8) -> warped features `[b, h / factor, w / factor, c]`; with `low_grid`, those at 4 are the
      mean colors of the warped portrait. The features at 8 include the
      warper's additive correction for content that the portrait does not show (an opened mouth).
    flow: `[b, h / 4, w / 4, 2]`, backward flow: (x, y) offsets target -> source in picture units; 0 is the
      identity.
    occlusion: `[b, h / 4, w / 4, 1]` in [0, 1]: 1 where the target's content is visible in the source, 0
      where the decoder must synthesize it.
    coarse_flow: `[b, h / 4, w / 4, 2]`, the inverted flow of the basis before refinement; supervised as well.
    occlusion_logits: `occlusion` before the sigmoid.
    canonical_coords: `[b, h / 4, w / 4, 3]`, the portrait's canonical coordinates, warped by the coarse flow.
  """

  image: jax.Array
  features: dict[int, jax.Array]
  flow: jax.Array
  occlusion: jax.Array
  coarse_flow: jax.Array
  occlusion_logits: jax.Array
  canonical_coords: jax.Array


def keep_still(unmoved: jax.Array, moved: jax.Array, still: jax.Array) -> jax.Array:
  """`still unmoved + (1 - still) moved`.

  Args:
    unmoved, moved: `[b, h, w, c]`.
    still: `[b, m, n, 1]` in [0, 1], of a finer grid (its mean counts) or of one that is a power of 2 coarser.
  """
  size = moved.shape[1:3]
  still = resize_image(_doubled(still, size[0]), size).astype(moved.dtype)
  return moved + still * (unmoved - moved)


def blend_painted(
  warped: Warped, painted: jax.Array, mask_logits: jax.Array, weight: jax.Array | float = 1.0
) -> tuple[jax.Array, jax.Array]:
  """`c warped + (1 - c) painted` with copy weight `c = weight * sigmoid(occlusion_logits + mask_logits)`.

  Args:
    painted: synthesized picture `[b, h, w, 3]`, or half or a quarter of the size of the warped one.
    mask_logits: `[b, h, w, 1]`, of the same size, added to the warper's occlusion logits (clipped to [-6, 6]). At zero
      the mask is the warper's.
    weight: scale of the copy weight, in [0, 1]; 0 returns `painted`.

  Returns:
    The picture `[b, h, w, 3]` and the copy weight `[b, h, w, 1]`.
  """
  size = warped.image.shape[1:3]
  painted, mask_logits = _doubled(painted, size[0]), _doubled(mask_logits, size[0])
  occlusion = upsample_bilinear(jnp.clip(warped.occlusion_logits, -6.0, 6.0), size)
  copied = weight * jax.nn.sigmoid(occlusion + mask_logits)
  return copied * warped.image.astype(jnp.float32) + (1.0 - copied) * painted, copied


def _doubled(maps: jax.Array, height: int) -> jax.Array:
  """Maps `[b, h, w, c]`, doubled until they have at least `height` rows."""
  while maps.shape[1] < height:
    maps = double_bilinear(maps)
  return maps
