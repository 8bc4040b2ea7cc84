"""Forward process: adds noise to clean samples."""

from __future__ import annotations

import jax

from seetalk_jax.diffusion.schedule import Schedule


def add_noise(schedule: Schedule, x0: jax.Array, noise: jax.Array, t: jax.Array) -> jax.Array:
  """`x_t` from clean `x0 [b, ...]`, unit normal `noise` of the same shape, and integer times `t [b]`."""
  signal, sigma = schedule.scales(t, x0.ndim)
  return signal * x0 + sigma * noise
