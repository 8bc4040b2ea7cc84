"""Forward process: adds noise to clean samples."""

from __future__ import annotations

import jax

from seetalk_jax.diffusion.schedule import Schedule


def add_noise(schedule: Schedule, x0: jax.Array, noise: jax.Array, t: jax.Array) -> jax.Array:
  """`x_t` from clean `x0 [b, ...]`, unit normal `noise` of the same shape, and integer times `t [b]`.

  Example:
    >>> x0, noise = jax.numpy.ones((2, 3)), jax.numpy.zeros((2, 3))
    >>> add_noise(Schedule(), x0, noise, jax.numpy.array([0, 999]))[:, 0].round(3).tolist()  # the signal that is left
    [1.0, 0.0]
  """
  signal, sigma = schedule.scales(t, x0.ndim)
  return signal * x0 + sigma * noise
