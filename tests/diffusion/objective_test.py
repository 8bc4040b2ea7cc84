"""Diffusion objective: prediction types recover the clean sample; noise around a prior is residual noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.diffusion import objective, process
from seetalk_jax.diffusion.schedule import Schedule

SCHEDULE = Schedule(zero_terminal_snr=False)
TIMES = jnp.array([0, 10, 300, 700, 999])


def draw():
  x0, noise = jax.random.normal(jax.random.key(0), (2, len(TIMES), 4, 3))
  return x0, noise, process.add_noise(SCHEDULE, x0, noise, TIMES)


@pytest.mark.parametrize('prediction_type', objective.PREDICTION_TYPES)
def test_every_type_gives_x0(prediction_type):
  x0, noise, xt = draw()
  prediction = objective.target(prediction_type, SCHEDULE, x0, noise, TIMES)
  found = objective.to_x0(prediction_type, SCHEDULE, prediction, xt, TIMES)
  np.testing.assert_allclose(found, x0, atol=3e-4)


def test_v_gives_x0_at_zero_snr():
  schedule = Schedule(zero_terminal_snr=True)
  x0, noise, _ = draw()
  t = jnp.full(len(TIMES), 999)
  xt = process.add_noise(schedule, x0, noise, t)
  np.testing.assert_allclose(xt, noise, atol=1e-6)  # no signal remains
  v = objective.target('v', schedule, x0, noise, t)
  np.testing.assert_allclose(objective.to_x0('v', schedule, v, xt, t), x0, atol=1e-6)


def add_noise_shifted(schedule, x0, shift, noise, t):
  """Forward process of the paper: sqrt(abar) x0 + (1 - sqrt(abar)) shift + sqrt(1 - abar) noise."""
  signal, sigma = schedule.scales(t, x0.ndim)
  return signal * x0 + (1.0 - signal) * shift + sigma * noise


def test_shifted_noise_is_plain_noise_of_the_residual():
  x0, noise, _ = draw()
  shift = 0.7 * jax.random.normal(jax.random.key(5), x0.shape[1:])
  shifted = add_noise_shifted(SCHEDULE, x0, shift, noise, TIMES)
  plain = process.add_noise(SCHEDULE, x0 - shift, noise, TIMES)
  np.testing.assert_allclose(shifted - shift, plain, atol=1e-5)
  # Sampling starts at the shift: at zero SNR the state is shift + noise.
  end = add_noise_shifted(Schedule(), x0, shift, noise, jnp.full(len(TIMES), 999))
  np.testing.assert_allclose(end, shift + noise, atol=1e-6)


@pytest.mark.parametrize('prediction_type', objective.PREDICTION_TYPES)
def test_weights_are_finite_and_positive_where_they_can_be(prediction_type):
  schedule = Schedule()
  t = jnp.arange(1000)
  weights = objective.loss_weight(prediction_type, schedule, t, gamma=5.0)
  assert np.all(np.isfinite(weights)) and np.all(weights >= 0)
  assert np.all(objective.loss_weight(prediction_type, schedule, t) == 1)
  if prediction_type == 'v':
    np.testing.assert_allclose(weights[-1], 1.0)  # start of sampling
    assert weights[0] < 0.1


def test_weighted_losses_of_v_and_x0_are_the_same():
  x0, noise = draw()[:2]
  xt = process.add_noise(SCHEDULE, x0, noise, TIMES)
  estimate = x0 + 0.1 * jnp.sin(7 * xt)
  losses = []
  for prediction_type in ('v', 'x0'):
    wanted = objective.target(prediction_type, SCHEDULE, x0, noise, TIMES)
    signal, sigma = SCHEDULE.scales(TIMES, x0.ndim)
    prediction = estimate if prediction_type == 'x0' else (signal * xt - estimate) / sigma
    error = jnp.mean(jnp.square(prediction - wanted), axis=tuple(range(1, x0.ndim)))
    losses.append(objective.loss_weight(prediction_type, SCHEDULE, TIMES, gamma=5.0) * error)
  np.testing.assert_allclose(*losses, rtol=2e-3)


def test_unknown_type_is_named():
  with pytest.raises(ValueError, match='velocity'):
    objective.target('velocity', SCHEDULE, *draw()[:2], TIMES)


def test_eps_at_a_small_signal_gives_x0_and_at_zero_signal_zero():
  cosine = Schedule('cosine', zero_terminal_snr=False)  # the last signal is 4.9e-5
  x0, noise, t = jnp.full((1, 3), 2.0), jnp.asarray([[-1.0, 0.5, 1.5]]), jnp.array([999])
  xt = process.add_noise(cosine, x0, noise, t)
  np.testing.assert_allclose(objective.to_x0('eps', cosine, noise, xt, t), x0, atol=0.01)
  zero = lambda xt: objective.to_x0('eps', Schedule(), noise, xt, t)  # noqa: E731
  np.testing.assert_array_equal(zero(xt), jnp.zeros((1, 3)))
  np.testing.assert_array_equal(jax.grad(lambda xt: zero(xt).sum())(xt), jnp.zeros((1, 3)))
