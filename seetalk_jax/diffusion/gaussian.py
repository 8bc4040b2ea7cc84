"""The best linear denoiser: what a network would predict if clean samples were Gaussian.

Far from the data a diffusion model's score is that of a Gaussian with the data's mean and covariance
(arXiv 2311.10892). Where that is known, a network need only learn what is left.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.diffusion.schedule import Schedule


def linear_prediction(
  prediction_type: str,
  schedule: Schedule,
  xt: jax.Array,
  t: jax.Array,
  directions: jax.Array,
  variances: jax.Array,
  rest: jax.Array,
  mean: jax.Array | None = None,
) -> jax.Array:
  """The prediction of least mean squared error at `xt` for x0 ~ N(mean, C), noise independent.

  C has the eigenvalues `variances` along `directions`, and `rest` in every other direction.

  Args:
    prediction_type: 'eps', 'x0' or 'v'.
    xt: `[b, ...]`.
    t: int `[b]`.
    directions: orthonormal `[k, ...]`.
    variances: `[k]`, or `[b, k]` where they differ from sample to sample.
    rest: scalar.
    mean: `[b, ...]`; None: 0.
  """
  signal, sigma = (scale.reshape(-1, 1) for scale in schedule.scales(t, xt.ndim))

  def gain(variance):
    spread = jnp.square(signal) * variance + jnp.square(sigma)
    if prediction_type == 'x0':
      return signal * variance / spread
    if prediction_type == 'eps':
      return sigma / spread
    if prediction_type == 'v':
      return signal * sigma * (1.0 - variance) / spread
    raise ValueError(f"prediction type must be one of ('eps', 'x0', 'v'), got {prediction_type!r}")

  if mean is not None:
    centre = mean.reshape(mean.shape[0], -1)
    xt = xt - (signal * centre).reshape(xt.shape)
  flat, basis = xt.reshape(xt.shape[0], -1), directions.reshape(directions.shape[0], -1)
  others = gain(rest)
  along = (flat @ basis.T) * (gain(variances) - others)
  prediction = others * flat + along @ basis
  if mean is not None:  # of the noise nothing is expected, of x0 the mean
    prediction = prediction + {'x0': 1.0, 'eps': 0.0, 'v': -sigma}[prediction_type] * centre
  return prediction.reshape(xt.shape)


def linear_coordinates(
  prediction_type: str,
  schedule: Schedule,
  xt: jax.Array,
  t: jax.Array,
  directions: jax.Array,
  variances: jax.Array,
  mean: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
  """What a nonlinear denoiser needs to go on from `linear_prediction`, of the same arguments.

  Returns:
    The coordinates of `xt` along the directions, each of unit variance at every time; and the standard
    deviation of what the linear prediction gets wrong along each. Both `[b, k]`.
  """
  signal, sigma = (scale.reshape(-1, 1) for scale in schedule.scales(t, xt.ndim))
  flat, basis = xt.reshape(xt.shape[0], -1), directions.reshape(directions.shape[0], -1)
  if mean is not None:
    flat = flat - signal * mean.reshape(mean.shape[0], -1)
  spread = jnp.square(signal) * variances + jnp.square(sigma)
  doubt = jnp.sqrt(variances / spread) * {'v': 1.0, 'x0': sigma, 'eps': signal}[prediction_type]
  return (flat @ basis.T) / jnp.sqrt(spread), doubt
