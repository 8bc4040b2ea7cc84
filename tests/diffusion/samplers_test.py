"""Samplers against targets whose perfect denoiser is known in closed form; guidance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.diffusion import objective
from seetalk_jax.diffusion.guidance import guided
from seetalk_jax.diffusion.samplers import SAMPLERS, sample
from seetalk_jax.diffusion.schedule import Schedule

SCHEDULE = Schedule()


def gaussian_denoiser(mean, std, prediction_type='v', schedule=SCHEDULE):
  """The perfect answer for data of independent normals: the posterior mean, in any prediction type."""

  def denoise(xt, t):
    a, s = schedule.scales(t, xt.ndim)
    x0 = mean + a * std**2 / (a**2 * std**2 + s**2) * (xt - a * mean)
    return objective.target(prediction_type, schedule, x0, (xt - a * x0) / s, t)

  return denoise


@pytest.mark.parametrize('sampler', SAMPLERS)
@pytest.mark.parametrize('prediction_type', ['v', 'x0'])
@pytest.mark.parametrize('num_steps', [1, 2, 7])
def test_a_point_is_reached_in_any_number_of_steps(sampler, prediction_type, num_steps):
  mean = jnp.linspace(-2, 2, 12).reshape(3, 4)
  noise = jax.random.normal(jax.random.key(0), (5, 3, 4))
  x0 = sample(
    gaussian_denoiser(mean, 0.0, prediction_type),
    SCHEDULE,
    noise,
    num_steps=num_steps,
    sampler=sampler,
    prediction_type=prediction_type,
  )
  np.testing.assert_allclose(x0, jnp.broadcast_to(mean, x0.shape), atol=1e-4)


@pytest.mark.parametrize('schedule', [SCHEDULE, Schedule(zero_terminal_snr=False), Schedule('cosine')])
@pytest.mark.parametrize('sampler, tolerance', [('ddim', 0.12), ('dpmpp_2m', 0.04)])
def test_a_gaussian_keeps_its_mean_and_spread(schedule, sampler, tolerance):
  # The exact flow from unit noise e ends at mean + std e.
  mean, std = 0.5, 0.6
  noise = jnp.linspace(-2.5, 2.5, 41)[:, None]
  run = jax.jit(
    lambda noise: sample(
      gaussian_denoiser(mean, std, schedule=schedule), schedule, noise, num_steps=80, sampler=sampler
    )
  )
  np.testing.assert_allclose(run(noise), mean + std * noise, atol=tolerance)


def test_second_order_beats_first():
  noise = jnp.linspace(-2.5, 2.5, 41)[:, None]
  errors = {}
  for sampler in SAMPLERS:
    x0 = sample(gaussian_denoiser(0.5, 0.6), SCHEDULE, noise, num_steps=20, sampler=sampler)
    errors[sampler] = float(jnp.max(jnp.abs(x0 - (0.5 + 0.6 * noise))))
  assert errors['dpmpp_2m'] < 0.7 * errors['ddim'], errors


def test_clip_and_blend_see_every_estimate():
  noise = jax.random.normal(jax.random.key(0), (4, 8))
  denoise = gaussian_denoiser(0.0, 2.0)
  clipped = sample(denoise, SCHEDULE, noise, num_steps=8, clip=lambda x: jnp.clip(x, -0.5, 0.5))
  assert jnp.max(jnp.abs(clipped)) <= 0.5
  mean = lambda x: jnp.broadcast_to(jnp.mean(x, 0), x.shape)  # noqa: E731
  blended = sample(denoise, SCHEDULE, noise, num_steps=8, blend=mean)
  assert jnp.max(jnp.std(blended, axis=0)) < 1e-5
  assert jnp.max(jnp.std(sample(denoise, SCHEDULE, noise, num_steps=8), axis=0)) > 0.5


def test_eps_at_zero_snr_is_refused():
  with pytest.raises(ValueError, match='zero SNR'):
    sample(lambda x, t: x, SCHEDULE, jnp.zeros((1, 2)), num_steps=2, prediction_type='eps')
  plain = Schedule(zero_terminal_snr=False)
  x0 = sample(
    gaussian_denoiser(1.0, 0.0, 'eps', plain), plain, jnp.ones((1, 2)), num_steps=10, prediction_type='eps'
  )
  np.testing.assert_allclose(x0, 1.0, atol=1e-3)


def test_guidance_scales_the_difference():
  calls = []

  def denoise(xt, t, condition):
    calls.append(xt.shape[0])
    return xt * 0 + condition['c'] + t[:, None]

  condition = {'c': jnp.array([[1.0, 2.0], [3.0, 5.0]])}
  xt, t = jnp.zeros((2, 2)), jnp.array([10, 10])
  np.testing.assert_allclose(guided(denoise, 1.0, condition)(xt, t), condition['c'] + 10)
  assert calls == [2]  # scale 1 is the conditional answer alone
  np.testing.assert_allclose(guided(denoise, 0.0, condition)(xt, t), 10.0)
  np.testing.assert_allclose(guided(denoise, 3.0, condition)(xt, t), 3 * condition['c'] + 10)
  null = {'c': jnp.ones((1, 2))}
  np.testing.assert_allclose(guided(denoise, 3.0, condition, null)(xt, t), 3 * condition['c'] - 2 + 10)
  rescaled = guided(denoise, 3.0, condition, rescale=1.0)(xt, t)
  np.testing.assert_allclose(jnp.std(rescaled, axis=1), jnp.std(condition['c'], axis=1), rtol=1e-4)
