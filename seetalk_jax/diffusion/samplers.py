"""Samplers (DDIM, DPM-Solver++ 2M, Heun): from noise to a clean sample in one `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.diffusion import objective
from seetalk_jax.diffusion.schedule import Schedule, SigmaRange, sampling_times

SAMPLERS = ('ddim', 'dpmpp_2m', 'heun')

# Heun: a step starts at nearly pure noise if its sigma is larger than the first number, and is long if it divides
# sigma by more than the second. Schedules that end at zero SNR reach these only at the last time, where sigma is
# infinite.
_NEARLY_PURE_NOISE = 100.0
_LONG_STEP = 8.0

Denoise = Callable[[jax.Array, jax.Array], jax.Array]
Change = Callable[[jax.Array], jax.Array]


def sample(
  denoise: Denoise,
  schedule: Schedule,
  noise: jax.Array,
  *,
  num_steps: int,
  sampler: str = 'dpmpp_2m',
  spacing: str | SigmaRange = 'trailing',
  prediction_type: str = 'v',
  clip: Change | None = None,
  keep: int = 0,
) -> jax.Array | tuple[jax.Array, jax.Array]:
  """Deterministic sampling from `noise [b, ...]` (unit normal) to x0 of the same shape.

  Args:
    denoise: `(xt, t [b]) -> prediction` of `prediction_type`, guidance included. t is int32 with spacing
      'trailing'. With others it is float32 and can lie between the training times. `Schedule.alpha_bar` and
      sinusoidal embeddings accept such times; other networks may round them.
    schedule: noise schedule.
    noise: starting noise.
    num_steps: number of steps. Each step is one network call. With 'heun' all steps except the last are two
      calls, `2 num_steps - 1` in total.
    sampler: 'ddim' (arXiv 2010.02502, eta 0), 'dpmpp_2m' (DPM-Solver++, second order, arXiv 2211.01095) or 'heun'
      (second order, arXiv 2206.00364, algorithm 1 without churn).
    spacing: spacing of the times, see `sampling_times`.
    prediction_type: 'eps', 'x0' or 'v'.
    clip: function applied to the estimate of x0 of each call, to keep it in the range of the data.
    keep: number of estimates of x0 that are returned too, evenly spaced over the calls; the last is the
      result.

  Returns:
    x0; with `keep` the pair (x0, kept estimates `[keep, b, ...]`).

  Raises:
    ValueError: an unknown sampler or spacing, 'eps' predictions at zero SNR, or more to keep than there are steps.

  Example:
    >>> denoise = lambda xt, t: 3.0 * jnp.ones_like(xt)  # a network that always predicts x0 = 3
    >>> noise = jax.random.normal(jax.random.key(0), (1, 2))
    >>> sample(denoise, Schedule(), noise, num_steps=4, prediction_type='x0').tolist()
    [[3.0, 3.0]]
  """
  if sampler not in SAMPLERS:
    raise ValueError(f'sampler must be one of {SAMPLERS}, got {sampler!r}')
  if prediction_type == 'eps' and schedule.zero_terminal_snr:
    raise ValueError("an 'eps' prediction says nothing of x0 at zero SNR: use 'v', 'x0' or another schedule")
  times = sampling_times(schedule, num_steps, spacing)
  if not 0 <= keep <= num_steps:
    raise ValueError(f'keep must lie in 0 .. num_steps = {num_steps}, got {keep}')
  table = _heun_calls(schedule, times) if sampler == 'heun' else _coefficients(schedule, times, sampler)
  if keep:
    # Each row of `kept` is overwritten by every call that maps to it; the last such call remains.
    last = np.round(np.arange(1, keep + 1) * (len(table['t']) / keep)) - 1
    table['place'] = np.searchsorted(last, np.arange(len(table['t']))).astype(np.int32)

  def call(carry, row):
    xt, last_x0, kept = carry
    t = jnp.full(xt.shape[:1], row['t'])
    x0 = objective.to_x0(prediction_type, schedule, denoise(xt, t), xt, t)
    x0 = clip(x0) if clip is not None else x0
    x0 = x0.astype(xt.dtype)
    if sampler == 'heun':
      xt = row['keep'] * xt + row['move'] * x0 + row['push'] * (x0 - last_x0)
    else:
      # Both samplers are x_next = keep * x_t + move * D: D is x0, or extrapolated from the last two x0.
      ahead = x0 + row['extrapolate'] * (x0 - last_x0)
      xt = row['keep'] * xt + row['move'] * ahead
    kept = kept.at[row['place']].set(x0) if keep else kept
    return (xt, x0, kept), None

  noise = jnp.asarray(noise, jnp.float32)
  rows = jax.tree.map(lambda a: jnp.asarray(a, jnp.int32 if a.dtype == np.int32 else jnp.float32), table)
  kept = jnp.zeros((keep, *noise.shape), noise.dtype) if keep else None
  (x0, _, kept), _ = jax.lax.scan(call, (noise, jnp.zeros_like(noise), kept), rows)
  return (x0, kept) if keep else x0  # pyright: ignore[reportReturnType]


def _coefficients(schedule: Schedule, times: np.ndarray, sampler: str) -> dict[str, np.ndarray]:
  """Coefficients of each step, in float64: `x_next = keep x + move (x0 + extrapolate (x0 - last x0))`.

  With a = sqrt(abar) and s = sqrt(1 - abar): keep = s_next / s, move = a_next - a keep. This is DDIM and also
  first-order DPM-Solver++, and it is finite at a = 0 and at s_next = 0. The second order extrapolates by
  h / (2 h_last), where h is the step in log(a / s). This factor is 0 after a zero-SNR start (infinite h_last)
  and in the last step.
  """
  a, s, a_next, s_next = _scales(schedule, times)
  keep = s_next / s
  extrapolate = np.zeros(len(times))
  if sampler == 'dpmpp_2m':
    with np.errstate(divide='ignore'):
      h = np.log(a_next) - np.log(s_next) - np.log(a) + np.log(s)
    for i in range(1, len(times) - 1):
      extrapolate[i] = 0.5 * h[i] / h[i - 1] if np.isfinite(h[i - 1]) else 0.0
  return {'t': times, 'keep': keep, 'move': a_next - a * keep, 'extrapolate': extrapolate}


def _heun_calls(schedule: Schedule, times: np.ndarray) -> dict[str, np.ndarray]:
  """Coefficients of each network call, in float64: `x_next = keep x + move x0 + push (x0 - last x0)`.

  The first call of a step is an Euler step, which is DDIM in the variable x / a over sigma = s / a. The
  second call is at the end of that step. Averaging both slopes adds a_next (sigma / sigma_next - 1) / 2 times
  the change of x0. From zero SNR, where sigma is infinite, this factor would be infinite, and it is too large in
  a long step from nearly pure noise. Those steps use the variable x / s over 1 / sigma, whose slope is x0. The
  Euler step is the same, averaging adds half of `move` times the change of x0, and the order is still two.
  """
  a, s, a_next, s_next = _scales(schedule, times)
  keep = s_next / s
  with np.errstate(divide='ignore', invalid='ignore'):
    sigma, ratio = s / a, s * a_next / (a * s_next)
    from_noise = (sigma > _NEARLY_PURE_NOISE) & (ratio > _LONG_STEP)
    push = np.where(from_noise, 0.5 * (a_next - a * keep), 0.5 * (ratio - 1.0) * a_next)
  nothing, one = np.zeros(len(times)), np.ones(len(times))
  first = {'t': times, 'keep': keep, 'move': a_next - a * keep, 'push': nothing}
  second = {'t': np.append(times[1:], times[-1]), 'keep': one, 'move': nothing, 'push': push}
  # The last step has no second call: it ends at clean data, where sigma is 0.
  return {name: np.stack([first[name], second[name]], axis=1).ravel()[:-1] for name in first}


def _scales(schedule: Schedule, times: np.ndarray) -> tuple[np.ndarray, ...]:
  """(signal, noise, next signal, next noise) scales of each step, float64; the last step ends at x0."""
  abar = schedule.alpha_bar_exactly(times)
  abar_next = np.append(abar[1:], 1.0)
  return np.sqrt(abar), np.sqrt(1.0 - abar), np.sqrt(abar_next), np.sqrt(1.0 - abar_next)
