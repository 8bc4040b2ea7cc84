"""Diffusion loss: the weighted squared error of a network's prediction."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.diffusion import objective
from seetalk_jax.diffusion.schedule import Schedule


def diffusion_loss(
  prediction_type: str,
  schedule: Schedule,
  prediction: jax.Array,
  x0: jax.Array,
  noise: jax.Array,
  t: jax.Array,
  gamma: float = 0.0,
  *,
  weight: jax.Array | None = None,
  counted: jax.Array | None = None,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Mean squared error against the target of `prediction_type`, weighted by time.

  Args:
    prediction_type: one of `objective.PREDICTION_TYPES`.
    schedule: of the noise.
    prediction: of the network at the noisy samples, `[b, ...]`.
    x0, noise: the clean samples and the noise that was added, of the same shape.
    t: times `[b]`.
    gamma: of min-SNR-gamma weights, see `objective.loss_weight`; 0 weighs all times alike.
    weight: of each sample, `[b]`; None: all alike. It applies to the loss, not to the metrics of the error.
    counted: of tracks `[b, n, d]`, 1 for frames that count and 0 for others, `[b, n]`; None: all. All frames that
      count have the same weight, in short and long tracks.

  Returns:
    (loss, metrics): `diffusion` is the loss, `error` the error without weights, `error_late` its mean over the
    last quarter of the times, where most of the sample is noise.
  """
  target = objective.target(prediction_type, schedule, x0, noise, t)
  if counted is None:
    error = jnp.mean(jnp.square(prediction - target), axis=tuple(range(1, x0.ndim)))
  else:
    of_frames = jnp.mean(jnp.square(prediction - target), axis=-1)
    error = jnp.sum(counted * of_frames, axis=1) / (jnp.sum(counted, axis=1) + 1e-6)
    weight = jnp.mean(counted, axis=1) * (1.0 if weight is None else weight)
  weighted = objective.loss_weight(prediction_type, schedule, t, gamma or None) * error
  loss = jnp.mean(weighted) if weight is None else jnp.sum(weight * weighted) / (jnp.sum(weight) + 1e-6)
  late = (t >= schedule.num_steps * 3 // 4).astype(jnp.float32)
  error_late = jnp.sum(late * error) / jnp.maximum(jnp.sum(late), 1.0)
  return loss, {'diffusion': loss, 'error': jnp.mean(error), 'error_late': error_late}
