"""The forward process: adding noise, plainly or around a shifted mean."""

from __future__ import annotations

import jax

from seetalk_jax.diffusion.schedule import Schedule


def add_noise(schedule: Schedule, x0: jax.Array, noise: jax.Array, t: jax.Array) -> jax.Array:
  """`x_t` of clean `x0 [b, ...]`, unit normal `noise` of the same shape, and integer times `t [b]`."""
  signal, sigma = schedule.scales(t, x0.ndim)
  return signal * x0 + sigma * noise


def add_noise_shifted(
  schedule: Schedule, x0: jax.Array, shift: jax.Array, noise: jax.Array, t: jax.Array
) -> jax.Array:
  """Noise around a prior: `sqrt(abar) x0 + (1 - sqrt(abar)) shift + sqrt(1 - abar) noise`.

  That goes from x0 to `shift + noise`. `x_t - shift` is `add_noise` of `x0 - shift`: networks and samplers
  work on that residual, and `shift` is added back at the end. `shift` broadcasts to `x0`.
  """
  signal, sigma = schedule.scales(t, x0.ndim)
  return signal * x0 + (1.0 - signal) * shift + sigma * noise
