"""Noise schedules: how much of the signal is left at each time."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

KINDS = ('scaled_linear', 'cosine')
SPACINGS = ('trailing', 'karras')

# arXiv 2206.00364, table 1: how far the steps crowd towards small noise, and the noise that they start from where
# a schedule names none (its last time is pure noise, sigma infinite).
KARRAS_RHO = 7.0
KARRAS_SIGMA_MAX = 80.0


@dataclasses.dataclass(frozen=True)
class Schedule:
  """A discrete schedule: `x_t = sqrt(abar(t)) x0 + sqrt(1 - abar(t)) noise`, t in 0 .. num_steps - 1.

  Attributes:
    kind: 'scaled_linear' (Stable Diffusion's betas), 'cosine' (arXiv 2102.09672).
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

  @property
  def log_sigma(self) -> np.ndarray:
    """log of sigma = sqrt((1 - abar) / abar) of every step, float64 `[num_steps]`, rising; inf at a zero-SNR end."""
    return _log_sigma(self)

  def alpha_bar(self, t: jax.Array) -> jax.Array:
    """alpha_bar float32 at times `t [*b]`: integers are looked up.

    Between them log sigma is interpolated; the last interval of a schedule that ends at zero SNR is all noise.
    """
    t = jnp.asarray(t)
    if not jnp.issubdtype(t.dtype, jnp.floating):
      return jnp.asarray(self.table, jnp.float32)[jnp.asarray(t, jnp.int32)]
    low = jnp.clip(t.astype(jnp.int32), 0, self.num_steps - 2)
    beyond = t - low
    log_sigma = jnp.asarray(self.log_sigma, jnp.float32)
    # (An infinite interval times nothing would be no number.)
    rise = jnp.where(beyond > 0, beyond * (log_sigma[low + 1] - log_sigma[low]), 0.0)
    return jax.nn.sigmoid(-2.0 * (log_sigma[low] + rise))

  def alpha_bar_exactly(self, times: np.ndarray) -> np.ndarray:
    """`alpha_bar` in float64 and on the host, where coefficients of samplers are made."""
    if not np.issubdtype(times.dtype, np.floating):
      return self.table[times]
    return 1.0 / (1.0 + np.exp(2.0 * np.interp(times, np.arange(self.num_steps), self.log_sigma)))

  def scales(self, t: jax.Array, ndim: int) -> tuple[jax.Array, jax.Array]:
    """(signal, noise) scales at `t [b]` (as in `alpha_bar`), shaped `[b, 1, ...]` to multiply arrays of `ndim` axes."""
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
  else:
    betas = np.linspace(schedule.beta_start**0.5, schedule.beta_end**0.5, n) ** 2
  alpha_bar = np.cumprod(1.0 - betas)
  if schedule.zero_terminal_snr:
    root = np.sqrt(alpha_bar)
    alpha_bar = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    alpha_bar[-1] = 0.0
  alpha_bar.setflags(write=False)
  return alpha_bar


@functools.cache
def _log_sigma(schedule: Schedule) -> np.ndarray:
  with np.errstate(divide='ignore'):
    log_sigma = 0.5 * (np.log1p(-schedule.table) - np.log(schedule.table))
  log_sigma.setflags(write=False)
  return log_sigma


def sampling_times(schedule: Schedule, num_steps: int, spacing: str = 'trailing') -> np.ndarray:
  """Times to sample at, `[num_steps]`, falling from the schedule's last.

  Args:
    spacing: 'trailing' (arXiv 2305.08891): int32, evenly spaced. 'karras' (arXiv 2206.00364): float64, where the
      seventh roots of sigma are evenly spaced, from the schedule's last time to its first. A time lies between two
      of the schedule's where its sigma does, by log sigma (see `Schedule.alpha_bar`). If the schedule ends at zero
      SNR, sigmas are those from `KARRAS_SIGMA_MAX`, but the first, which would be that, is the pure noise that
      training ended with.

  Raises:
    ValueError: an unknown spacing, or a number of steps that the schedule does not have.
  """
  if spacing not in SPACINGS:
    raise ValueError(f'spacing must be one of {SPACINGS}, got {spacing!r}')
  if not 1 <= num_steps <= schedule.num_steps:
    raise ValueError(f'num_steps must lie in 1 .. {schedule.num_steps}, got {num_steps}')
  if spacing == 'karras':
    return _karras_times(schedule, num_steps)
  times = np.round(np.arange(num_steps, 0, -1) * (schedule.num_steps / num_steps)).astype(np.int32) - 1
  return times


def _karras_times(schedule: Schedule, num_steps: int) -> np.ndarray:
  known = schedule.log_sigma[np.isfinite(schedule.log_sigma)]
  least, most = np.exp(known[[0, -1]])
  if len(known) < schedule.num_steps:
    most = min(most, KARRAS_SIGMA_MAX)
  roots = np.linspace(most ** (1 / KARRAS_RHO), least ** (1 / KARRAS_RHO), num_steps)
  times = np.interp(KARRAS_RHO * np.log(roots), known, np.arange(len(known)))
  times[0] = schedule.num_steps - 1
  return times
