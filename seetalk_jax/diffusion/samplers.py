"""Samplers: from noise to a clean sample in one `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.diffusion import objective
from seetalk_jax.diffusion.schedule import Schedule, sampling_times

SAMPLERS = ('ddim', 'dpmpp_2m')

Denoise = Callable[[jax.Array, jax.Array], jax.Array]
Change = Callable[[jax.Array], jax.Array]


def sample(
  denoise: Denoise,
  schedule: Schedule,
  noise: jax.Array,
  *,
  num_steps: int,
  sampler: str = 'dpmpp_2m',
  prediction_type: str = 'v',
  clip: Change | None = None,
  blend: Change | None = None,
) -> jax.Array:
  """Deterministic sampling from `noise [b, ...]` (unit normal) to x0 of the same shape.

  Args:
    denoise: `(xt, t int32 [b]) -> prediction` of `prediction_type`; guidance is already inside.
    num_steps: network calls.
    sampler: 'ddim' (arXiv 2010.02502, eta 0) or 'dpmpp_2m' (DPM-Solver++, second order, arXiv 2211.01095).
    clip: applied to each step's estimate of x0: keeps it where data can be.
    blend: applied after `clip`: makes estimates of overlapping windows agree.
  """
  if sampler not in SAMPLERS:
    raise ValueError(f'sampler must be one of {SAMPLERS}, got {sampler!r}')
  if prediction_type == 'eps' and schedule.zero_terminal_snr:
    raise ValueError("an 'eps' prediction says nothing of x0 at zero SNR: use 'v', 'x0' or another schedule")
  times = sampling_times(schedule, num_steps)
  table = {'t': times, **_coefficients(schedule, times, second_order=sampler == 'dpmpp_2m')}

  def step(carry, row):
    xt, last_x0 = carry
    t = jnp.full(xt.shape[:1], row['t'], jnp.int32)
    x0 = objective.to_x0(prediction_type, schedule, denoise(xt, t), xt, t)
    x0 = clip(x0) if clip is not None else x0
    x0 = blend(x0) if blend is not None else x0
    x0 = x0.astype(xt.dtype)
    # Both samplers are x_next = keep * x_t + move * D: D is x0, or extrapolated from the last two x0.
    ahead = x0 + row['extrapolate'] * (x0 - last_x0)
    return (row['keep'] * xt + row['move'] * ahead, x0), None

  noise = jnp.asarray(noise, jnp.float32)
  rows = jax.tree.map(lambda a: jnp.asarray(a, jnp.int32 if a.dtype == np.int32 else jnp.float32), table)
  (x0, _), _ = jax.lax.scan(step, (noise, jnp.zeros_like(noise)), rows)
  return x0


def _coefficients(schedule: Schedule, times: np.ndarray, second_order: bool) -> dict[str, np.ndarray]:
  """Per step, in float64: `x_next = keep x + move (x0 + extrapolate (x0 - last x0))`.

  With a = sqrt(abar), s = sqrt(1 - abar): keep = s_next / s, move = a_next - a keep, which is DDIM and also
  first-order DPM-Solver++, finite at a = 0 and at s_next = 0. The second order extrapolates by h / (2 h_last)
  with h the steps in log(a / s): zero after a zero-SNR start (h_last infinite), and zero in the last step.
  """
  abar = schedule.table[times]
  abar_next = np.append(abar[1:], 1.0)
  a, s = np.sqrt(abar), np.sqrt(1.0 - abar)
  a_next, s_next = np.sqrt(abar_next), np.sqrt(1.0 - abar_next)
  keep = s_next / s
  extrapolate = np.zeros(len(times))
  if second_order:
    with np.errstate(divide='ignore'):
      h = np.log(a_next) - np.log(s_next) - np.log(a) + np.log(s)
    for i in range(1, len(times) - 1):
      extrapolate[i] = 0.5 * h[i] / h[i - 1] if np.isfinite(h[i - 1]) else 0.0
  return {'keep': keep, 'move': a_next - a * keep, 'extrapolate': extrapolate}
