"""Linear denoiser: the optimal prediction for Gaussian data.

At high noise the score of a diffusion model is that of a Gaussian with the mean and covariance of the data
(arXiv 2311.10892). With a known covariance a network has to learn only the residual.
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
  """The minimum mean squared error prediction at `xt` for x0 ~ N(mean, C) and independent noise.

  C has the eigenvalues `variances` along `directions`, and `rest` in every other direction.

  Args:
    prediction_type: 'eps', 'x0' or 'v'.
    schedule: noise schedule.
    xt: noisy samples, `[b, ...]`.
    t: integer times, `[b]`.
    directions: orthonormal `[k, ...]`.
    variances: `[k]`, or `[b, k]` if they differ between samples.
    rest: variance in all other directions, scalar.
    mean: `[b, ...]`; None: 0.

  Raises:
    ValueError: unknown prediction type.
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
  # Full precision on every device: samplers divide the error by small times.
  along = jnp.matmul(flat, basis.T, precision='highest') * (gain(variances) - others)
  prediction = others * flat + jnp.matmul(along, basis, precision='highest')
  if mean is not None:  # the expected noise is 0, the expected x0 is the mean
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
  """Inputs of a nonlinear denoiser that corrects `linear_prediction`; the arguments are the same.

  Returns:
    (coordinates of `xt` along the directions, with unit variance at every time; standard deviation of the
    error of the linear prediction along each direction). Both are `[b, k]`.
  """
  signal, sigma = (scale.reshape(-1, 1) for scale in schedule.scales(t, xt.ndim))
  flat, basis = xt.reshape(xt.shape[0], -1), directions.reshape(directions.shape[0], -1)
  if mean is not None:
    flat = flat - signal * mean.reshape(mean.shape[0], -1)
  spread = jnp.square(signal) * variances + jnp.square(sigma)
  residual_std = jnp.sqrt(variances / spread) * {'v': 1.0, 'x0': sigma, 'eps': signal}[prediction_type]
  return jnp.matmul(flat, basis.T, precision='highest') / jnp.sqrt(spread), residual_std
