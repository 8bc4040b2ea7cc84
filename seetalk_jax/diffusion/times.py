"""Diffusion times of a training batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.diffusion.schedule import Schedule


def stratified_times(rng: jax.Array, n: int, schedule: Schedule) -> jax.Array:
  """Random times int32 `[n]` in `[0, num_steps)`, spread evenly over the batch.

  Each is uniform by itself, together they leave no gap: the loss varies less than with independent times.
  """
  spread = (jax.random.uniform(rng) + jnp.arange(n) / n) % 1.0
  t = jnp.minimum((spread * schedule.num_steps).astype(jnp.int32), schedule.num_steps - 1)
  return jax.random.permutation(jax.random.fold_in(rng, 1), t)
