"""Inversion of a forward flow by splatting: every position is added to the place that it moves to."""

from __future__ import annotations

from typing import Any

import einops
import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.warping import identity_grid, upsample_bilinear

# Weight of the coarser level, which alone counts where no position arrives.
_FLOOR = 1e-3
# Bound of the importance: weights stay between exp(-6) and exp(6).
_MAX_IMPORTANCE = 6.0


def splat_inverse(forward: jax.Array, importance: jax.Array) -> tuple[jax.Array, jax.Array]:
  """The backward flow of a forward flow, and how much arrives at every position (softmax splatting, arXiv 2003.05534).

  Where several positions arrive at one place, as the head does in front of the background, they are averaged with the
  weights `exp(importance)`. Where none arrives, the flow is that of the surroundings, from means at half, a quarter,
  ... of the resolution. The backward flow is bounded by the forward flow, and has no folds that an iteration could
  fall into. Differentiable in both arguments.

  Args:
    forward: `[b, h, w, 2]`, (x, y) in picture units: position x moves to `x + forward(x)`.
    importance: `[b, h, w, 1]`; clipped to [-6, 6].

  Returns:
    (backward flow `[b, h, w, 2]`, coverage `[b, h, w, 1]`: the sum of the bilinear shares that arrive, about 1 where
    positions neither spread nor gather).
  """
  b, h, w, _ = forward.shape
  at = (identity_grid(h, w) + forward) * jnp.array([w, h], jnp.float32) - 0.5
  corner = jnp.floor(at)
  share = at - corner
  corner = corner.astype(jnp.int32)
  weight = jnp.exp(jnp.clip(importance, -_MAX_IMPORTANCE, _MAX_IMPORTANCE))
  content = jnp.concatenate([-forward * weight, weight, jnp.ones_like(weight)], axis=-1)
  places, parts = [], []
  for right in (0, 1):
    for down in (0, 1):
      x, y = corner[..., 0] + right, corner[..., 1] + down
      along_x, along_y = (share[..., i : i + 1] for i in (0, 1))
      part = (along_x if right else 1 - along_x) * (along_y if down else 1 - along_y)
      inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
      places.append(jnp.where(inside, y * w + x, 0).reshape(b, -1))
      parts.append((content * part * inside[..., None]).reshape(b, -1, 4))
  place = jnp.concatenate(places, axis=1) + (jnp.arange(b) * h * w)[:, None]
  values = jnp.concatenate(parts, axis=1).reshape(-1, 4)
  sums: Any = jnp.zeros((b * h * w, 4)).at[place.reshape(-1)].add(values, mode='promise_in_bounds')
  sums = sums.reshape(b, h, w, 4)
  return _filled(sums[..., :3]), sums[..., 3:]


def _filled(sums: jax.Array) -> jax.Array:
  """Weighted flows and weights `[b, h, w, 3]` to flows `[b, h, w, 2]`; coarser levels fill what has no weight."""
  h, w = sums.shape[1:3]
  flow, weight = sums[..., :2], sums[..., 2:]
  if h % 2 or w % 2:
    return flow / (weight + _FLOOR)
  coarser = _filled(einops.reduce(sums, 'b (h i) (w j) c -> b h w c', 'mean', i=2, j=2))
  return (flow + _FLOOR * upsample_bilinear(coarser, (h, w))) / (weight + _FLOOR)
