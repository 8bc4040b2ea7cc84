"""Optimal linear denoiser, compared with its closed form and with samples."""

import jax
import jax.numpy as jnp
import numpy as np
import precisions
import pytest

from seetalk_jax.diffusion import objective, process
from seetalk_jax.diffusion.gaussian import linear_coordinates, linear_prediction
from seetalk_jax.diffusion.schedule import Schedule

SCHEDULE = Schedule()
SHAPE = (2, 3, 2)
DIMENSIONS, KEPT, REST = 12, 4, 0.05


def covariance(seed=0):
  rng = np.random.default_rng(seed)
  basis = np.linalg.qr(rng.standard_normal((DIMENSIONS, DIMENSIONS)))[0].T
  variances = np.array([3.0, 1.5, 0.8, 0.2])
  return (
    basis[:KEPT].reshape(KEPT, *SHAPE),
    variances,
    basis,
    np.r_[variances, np.full(DIMENSIONS - KEPT, REST)],
  )


@pytest.mark.parametrize('t', [0, 300, 999])
def test_x0_is_the_posterior_mean(t):
  directions, variances, basis, every = covariance()
  c = basis.T @ np.diag(every) @ basis
  signal, sigma = (float(x.item()) for x in SCHEDULE.scales(jnp.array([t]), 1))
  xt = np.random.default_rng(1).standard_normal((5, DIMENSIONS))
  wanted = xt @ (signal * c @ np.linalg.inv(signal**2 * c + sigma**2 * np.eye(DIMENSIONS))).T
  args = (
    jnp.asarray(xt.reshape(5, *SHAPE)),
    jnp.full(5, t),
    jnp.asarray(directions),
    jnp.asarray(variances),
    REST,
  )
  x0 = linear_prediction('x0', SCHEDULE, *args)
  np.testing.assert_allclose(x0.reshape(5, -1), wanted, atol=2e-5)
  # All three predictions agree.
  v = linear_prediction('v', SCHEDULE, *args)
  np.testing.assert_allclose(objective.to_x0('v', SCHEDULE, v, *args[:2]), x0, atol=2e-4)
  if t < 999:
    eps = linear_prediction('eps', SCHEDULE, *args)
    np.testing.assert_allclose(objective.to_x0('eps', SCHEDULE, eps, *args[:2]), x0, atol=2e-3)


@pytest.mark.parametrize('prediction_type', ['x0', 'v', 'eps'])
def test_a_mean_moves_everything_along(prediction_type):
  directions, variances, _, _ = covariance()
  directions = jnp.asarray(directions)
  x0, noise, mean = jax.random.normal(jax.random.key(0), (3, 5, *SHAPE))
  t = jnp.array([0, 200, 500, 800, 998])
  each = jnp.asarray(variances) * jnp.linspace(0.5, 1.5, 5)[:, None]  # one variance per sample

  def predicted(x0, *mean):
    xt = process.add_noise(SCHEDULE, x0, noise, t)
    prediction = linear_prediction(prediction_type, SCHEDULE, xt, t, directions, each, REST, *mean)
    return prediction - objective.target(prediction_type, SCHEDULE, x0, noise, t)

  np.testing.assert_allclose(predicted(x0 + mean, mean), predicted(x0), atol=2e-4)
  alone = linear_prediction(prediction_type, SCHEDULE, x0[2:3], t[2:3], directions, each[2], REST)
  together = linear_prediction(prediction_type, SCHEDULE, x0, t, directions, each, REST)
  np.testing.assert_allclose(alone[0], together[2], atol=1e-5)


def test_nothing_linear_does_better():
  directions, variances, basis, every = covariance()
  keys = jax.random.split(jax.random.key(0), 3)
  n = 4000
  x0 = (jax.random.normal(keys[0], (n, DIMENSIONS)) * jnp.sqrt(every)) @ basis
  x0 = x0.reshape(n, *SHAPE)
  noise = jax.random.normal(keys[1], x0.shape)
  t = jax.random.randint(keys[2], (n,), 0, 1000)
  xt = process.add_noise(SCHEDULE, x0, noise, t)
  v = linear_prediction('v', SCHEDULE, xt, t, jnp.asarray(directions), jnp.asarray(variances), REST)
  target = objective.target('v', SCHEDULE, x0, noise, t)
  error = jnp.mean(jnp.square(v - target))
  # The residual is uncorrelated with the prediction: scaling the prediction only increases the error.
  for scale in (0.9, 1.1):
    assert error < jnp.mean(jnp.square(scale * v - target))
  assert error < 0.75 * jnp.mean(jnp.square(target))


def test_unknown_type():
  with pytest.raises(ValueError, match='score'):
    linear_prediction(
      'score', SCHEDULE, jnp.zeros((1, 2)), jnp.zeros(1, int), jnp.eye(1, 2), jnp.ones(1), 1.0
    )


def test_products_are_in_full_precision_on_every_device():
  directions, variances, _, _ = covariance()
  args = (jnp.zeros((5, *SHAPE)), jnp.zeros(5, int), jnp.asarray(directions), jnp.asarray(variances))
  precisions.assert_full(lambda *a: linear_prediction('v', SCHEDULE, *a, REST), *args)
  precisions.assert_full(lambda *a: linear_coordinates('v', SCHEDULE, *a), *args)
