"""Noise schedules: signal and noise scales at each time, and the spacing of sampling times."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

KINDS = ('scaled_linear', 'cosine')
SPACINGS = ('trailing', 'karras')

# arXiv 2206.00364, table 1: the exponent that concentrates steps at small noise, and the largest sigma for
# schedules whose last time is pure noise or nearly so (sigma infinite, or 2e4 for 'cosine').
KARRAS_RHO = 7.0
KARRAS_SIGMA_MAX = 80.0


class SigmaRange(NamedTuple):
  """A spacing of sampling times: even in log sigma, for few steps.

  Step i of n starts at `largest (smallest / largest)^(i / n)`. The first starts with unit noise and without the data's
  signal there, 1 / `largest` of it; the last ends at clean data.

  A principal direction of the data with variance v is decided around sigma = sqrt(v). Even times pass most of the range
  of log sigma in the first step.

  Attributes:
    largest: sigma of the first time. Directions whose variance is near its square or above it lose spread.
    smallest: sigma where the last step would end if its estimate were not taken as clean data.
  """

  largest: float
  smallest: float


@dataclasses.dataclass(frozen=True)
class Schedule:
  """A discrete noise schedule: `x_t = sqrt(abar(t)) x0 + sqrt(1 - abar(t)) noise`, t in 0 .. num_steps - 1.

  Attributes:
    kind: 'scaled_linear' (Stable Diffusion's betas), 'cosine' (arXiv 2102.09672).
    num_steps: number of times.
    zero_terminal_snr: rescale so that the last step is pure noise (arXiv 2305.08891), as at the start of
      sampling. An 'eps' prediction at that step does not determine x0: use 'v' or 'x0'.
    beta_start, beta_end: first and last beta of 'scaled_linear'.

  Raises:
    ValueError: unknown kind, or fewer than 2 steps.

  Example:
    >>> schedule = Schedule()
    >>> [round(float(value), 3) for value in schedule.table[[0, 500, 999]]]  # clean data, half way, pure noise
    [0.999, 0.241, 0.0]
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
    """alpha_bar of every time, float64 `[num_steps]`, decreasing."""
    return _table(self)

  @property
  def log_sigma(self) -> np.ndarray:
    """log of sigma = sqrt((1 - abar) / abar), float64 `[num_steps]`, increasing; inf at a zero-SNR end."""
    return _log_sigma(self)

  def alpha_bar(self, t: jax.Array) -> jax.Array:
    """alpha_bar, float32, at times `t [*b]`: a table lookup for integers, interpolation for floats.

    Interpolation is linear in log sigma. In the last interval of a schedule that ends at zero SNR it gives
    pure noise.
    """
    t = jnp.asarray(t)
    if not jnp.issubdtype(t.dtype, jnp.floating):
      return jnp.asarray(self.table, jnp.float32)[jnp.asarray(t, jnp.int32)]
    low = jnp.clip(t.astype(jnp.int32), 0, self.num_steps - 2)
    beyond = t - low
    log_sigma = jnp.asarray(self.log_sigma, jnp.float32)
    # `where` avoids inf * 0 = nan in the last interval.
    rise = jnp.where(beyond > 0, beyond * (log_sigma[low + 1] - log_sigma[low]), 0.0)
    return jax.nn.sigmoid(-2.0 * (log_sigma[low] + rise))

  def alpha_bar_exactly(self, times: np.ndarray) -> np.ndarray:
    """`alpha_bar` in float64 on the host, for the coefficients of samplers."""
    if not np.issubdtype(times.dtype, np.floating):
      return self.table[times]
    return 1.0 / (1.0 + np.exp(2.0 * np.interp(times, np.arange(self.num_steps), self.log_sigma)))

  def scales(self, t: jax.Array, ndim: int) -> tuple[jax.Array, jax.Array]:
    """(signal, noise) scales at `t [b]` (see `alpha_bar`), shaped `[b, 1, ...]` with `ndim` axes."""
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


def sampling_times(schedule: Schedule, num_steps: int, spacing: str | SigmaRange = 'trailing') -> np.ndarray:
  """Sampling times `[num_steps]`, decreasing; from the last time of the schedule, or from that of a `SigmaRange`.

  Args:
    schedule: noise schedule.
    num_steps: number of times, 1 .. `schedule.num_steps`.
    spacing: 'trailing' (arXiv 2305.08891) gives int32 times that are evenly spaced. 'karras' (arXiv
      2206.00364) gives float64 times, from the last to the first of the schedule, with evenly spaced seventh
      roots of sigma. Times between those of the schedule are interpolated in log sigma (see
      `Schedule.alpha_bar`). If the schedule ends at zero SNR or close to it, the sigmas start at
      `KARRAS_SIGMA_MAX`, and the first time is replaced by the last of the schedule, (nearly) pure noise. A
      `SigmaRange` gives float64 times of those sigmas, interpolated alike.

  Raises:
    ValueError: unknown spacing, a range that is empty or beyond the schedule, or `num_steps` out of range.
  """
  if not isinstance(spacing, SigmaRange) and spacing not in SPACINGS:
    raise ValueError(f'spacing must be one of {SPACINGS} or a SigmaRange, got {spacing!r}')
  if not 1 <= num_steps <= schedule.num_steps:
    raise ValueError(f'num_steps must lie in 1 .. {schedule.num_steps}, got {num_steps}')
  if isinstance(spacing, SigmaRange):
    return _range_times(schedule, num_steps, spacing)
  if spacing == 'karras':
    return _karras_times(schedule, num_steps)
  times = np.round(np.arange(num_steps, 0, -1) * (schedule.num_steps / num_steps)).astype(np.int32) - 1
  return times


def _range_times(schedule: Schedule, num_steps: int, spacing: SigmaRange) -> np.ndarray:
  finite = _finite_log_sigma(schedule)
  least, most = np.exp(finite[[0, -1]])
  if not least <= spacing.smallest < spacing.largest <= most:
    raise ValueError(
      f'{spacing}: sigmas must rise and lie in {least:.3g} .. {most:.3g}, those of the schedule'
    )
  sigmas = np.geomspace(spacing.largest, spacing.smallest, num_steps + 1)[:-1]
  return np.interp(np.log(sigmas), finite, np.arange(len(finite)))


def _finite_log_sigma(schedule: Schedule) -> np.ndarray:
  return schedule.log_sigma[np.isfinite(schedule.log_sigma)]


def _karras_times(schedule: Schedule, num_steps: int) -> np.ndarray:
  finite = _finite_log_sigma(schedule)
  least, most = np.exp(finite[[0, -1]])
  most = min(most, KARRAS_SIGMA_MAX)
  roots = np.linspace(most ** (1 / KARRAS_RHO), least ** (1 / KARRAS_RHO), num_steps)
  times = np.interp(KARRAS_RHO * np.log(roots), finite, np.arange(len(finite)))
  times[0] = schedule.num_steps - 1
  return times
