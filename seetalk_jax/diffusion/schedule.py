"""Noise schedules: how much of the signal is left at each time."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

KINDS = ('scaled_linear', 'linear', 'cosine')


@dataclasses.dataclass(frozen=True)
class Schedule:
  """A discrete schedule: `x_t = sqrt(abar(t)) x0 + sqrt(1 - abar(t)) noise`, t in 0 .. num_steps - 1.

  Attributes:
    kind: 'scaled_linear' (Stable Diffusion's betas), 'linear' (DDPM's), 'cosine' (arXiv 2102.09672).
    zero_terminal_snr: rescale so that the last step is pure noise (arXiv 2305.08891); training then sees what
      sampling starts from. Such a step says nothing through an 'eps' prediction: use 'v' or 'x0'.
  """

  kind: str = 'scaled_linear'
  num_steps: int = 1000
  zero_terminal_snr: bool = True
  beta_start: float = 0.00085
  beta_end: float = 0.012

  def __post_init__(self):
    if self.kind not in KINDS:
      raise ValueError(f'schedule kind must be one of {KINDS}, got {self.kind!r}')
    if self.num_steps < 2:
      raise ValueError(f'a schedule needs at least 2 steps, got {self.num_steps}')

  @property
  def table(self) -> np.ndarray:
    """alpha_bar of every step, float64 `[num_steps]`, falling."""
    return _table(self)

  def alpha_bar(self, t: jax.Array) -> jax.Array:
    """alpha_bar float32 at integer times `t [*b]`."""
    return jnp.asarray(self.table, jnp.float32)[jnp.asarray(t, jnp.int32)]

  def scales(self, t: jax.Array, ndim: int) -> tuple[jax.Array, jax.Array]:
    """(signal, noise) scales at `t [b]`, shaped `[b, 1, ...]` to multiply arrays of `ndim` axes."""
    alpha_bar = self.alpha_bar(t)
    alpha_bar = alpha_bar.reshape(alpha_bar.shape + (1,) * (ndim - alpha_bar.ndim))
    return jnp.sqrt(alpha_bar), jnp.sqrt(1.0 - alpha_bar)

  def snr(self, t: jax.Array) -> jax.Array:
    """Signal-to-noise ratio alpha_bar / (1 - alpha_bar) at `t [*b]`; 0 at a zero-SNR end."""
    alpha_bar = self.alpha_bar(t)
    return alpha_bar / (1.0 - alpha_bar)


@functools.cache
def _table(schedule: Schedule) -> np.ndarray:
  n = schedule.num_steps
  if schedule.kind == 'cosine':

    def signal(u):
      return np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2

    times = np.arange(n + 1) / n
    betas = np.minimum(1 - signal(times[1:]) / signal(times[:-1]), 0.999)
  elif schedule.kind == 'linear':
    betas = np.linspace(schedule.beta_start, schedule.beta_end, n)
  else:
    betas = np.linspace(schedule.beta_start**0.5, schedule.beta_end**0.5, n) ** 2
  alpha_bar = np.cumprod(1.0 - betas)
  if schedule.zero_terminal_snr:
    root = np.sqrt(alpha_bar)
    alpha_bar = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    alpha_bar[-1] = 0.0
  alpha_bar.setflags(write=False)
  return alpha_bar


def sampling_times(schedule: Schedule, num_steps: int) -> np.ndarray:
  """Times to sample at, int32 `[num_steps]`, falling from the last ('trailing', arXiv 2305.08891)."""
  if not 1 <= num_steps <= schedule.num_steps:
    raise ValueError(f'num_steps must lie in 1 .. {schedule.num_steps}, got {num_steps}')
  times = np.round(np.arange(num_steps, 0, -1) * (schedule.num_steps / num_steps)).astype(np.int32) - 1
  return times
