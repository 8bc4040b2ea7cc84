"""Samplers: targets with a closed-form optimal denoiser, and the schedulers of diffusers step by step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.diffusion import objective
from seetalk_jax.diffusion.samplers import SAMPLERS, sample
from seetalk_jax.diffusion.schedule import SPACINGS, Schedule, SigmaRange, sampling_times

SCHEDULE = Schedule()


def gaussian_denoiser(mean, std, prediction_type='v', schedule=SCHEDULE):
  """Optimal denoiser of independent normal data: the posterior mean, in any prediction type."""

  def denoise(xt, t):
    a, s = schedule.scales(t, xt.ndim)
    x0 = mean + a * std**2 / (a**2 * std**2 + s**2) * (xt - a * mean)
    return objective.target(prediction_type, schedule, x0, (xt - a * x0) / s, t)

  return denoise


@pytest.mark.parametrize('sampler', SAMPLERS)
@pytest.mark.parametrize('spacing', [*SPACINGS, SigmaRange(60.0, 0.2)])
@pytest.mark.parametrize('prediction_type', ['v', 'x0'])
@pytest.mark.parametrize('num_steps', [1, 2, 7])
def test_a_point_is_reached_in_any_number_of_steps(sampler, spacing, prediction_type, num_steps):
  mean = jnp.linspace(-2, 2, 12).reshape(3, 4)
  noise = jax.random.normal(jax.random.key(0), (5, 3, 4))
  x0 = sample(
    gaussian_denoiser(mean, 0.0, prediction_type),
    SCHEDULE,
    noise,
    num_steps=num_steps,
    sampler=sampler,
    spacing=spacing,
    prediction_type=prediction_type,
  )
  np.testing.assert_allclose(x0, jnp.broadcast_to(mean, x0.shape), atol=1e-4)


@pytest.mark.parametrize('schedule', [SCHEDULE, Schedule(zero_terminal_snr=False), Schedule('cosine')])
@pytest.mark.parametrize('sampler, tolerance', [('ddim', 0.12), ('dpmpp_2m', 0.04), ('heun', 0.04)])
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


@pytest.mark.parametrize('num_steps, tolerance', [(20, 0.075), (50, 0.035)])
@pytest.mark.parametrize('spacing', SPACINGS)
@pytest.mark.parametrize(
  'schedule, prediction_type',
  [(Schedule('cosine', zero_terminal_snr=False), name) for name in objective.PREDICTION_TYPES]
  + [(SCHEDULE, name) for name in ('v', 'x0')],
)
def test_mean_and_spread_of_a_gaussian_from_pure_or_nearly_pure_noise(
  schedule, prediction_type, spacing, num_steps, tolerance
):
  # The cosine schedule ends at a signal of 4.9e-5, with sigma falling by a factor of 1e3 in one step.
  noise = jax.scipy.stats.norm.ppf((jnp.arange(400) + 0.5) / 400)[:, None]
  denoise = gaussian_denoiser(2.0, 0.5, prediction_type, schedule)
  options = dict(num_steps=num_steps, spacing=spacing, prediction_type=prediction_type)
  run = jax.jit(
    lambda noise: [sample(denoise, schedule, noise, sampler=name, **options) for name in SAMPLERS]
  )
  for x0 in run(noise):
    np.testing.assert_allclose(jnp.mean(x0), 2.0, atol=0.005)
    np.testing.assert_allclose(jnp.std(x0), 0.5, atol=tolerance)


@pytest.mark.parametrize('num_steps', [2, 5])
def test_few_heun_steps_from_nearly_pure_noise_stay_within_the_data(num_steps):
  schedule = Schedule('cosine', zero_terminal_snr=False)
  noise = jnp.linspace(-2.5, 2.5, 41)[:, None]
  denoise = gaussian_denoiser(2.0, 0.5, 'eps', schedule)
  options = dict(num_steps=num_steps, sampler='heun', prediction_type='eps')
  x0 = sample(denoise, schedule, noise, **options)
  np.testing.assert_allclose(x0, 2.0 + 0.5 * noise, atol=0.75)


def gaussian_error(schedule, sampler, spacing, num_steps, mean=0.5, std=0.6):
  """Distance of a sampler's result from the exact flow of a Gaussian, for unit noise up to 2.5.

  Along the exact flow (x - a mean) / sqrt(a^2 std^2 + s^2) is constant. The last step is skipped: it is the
  estimate of x0 at the last time, and its error does not depend on the order of the sampler.
  """
  noise = np.linspace(-2.5, 2.5, 41)[:, None]
  abar = schedule.alpha_bar_exactly(sampling_times(schedule, num_steps, spacing)[[0, -1]])
  (a, a_last), (s, s_last) = np.sqrt(abar), np.sqrt(1 - abar)
  along = (noise - a * mean) / np.hypot(a * std, s)
  wanted = mean + along * a_last * std**2 / np.hypot(a_last * std, s_last)
  denoise = gaussian_denoiser(mean, std, schedule=schedule)
  x0 = sample(denoise, schedule, noise, num_steps=num_steps, sampler=sampler, spacing=spacing)
  return float(np.abs(x0 - wanted).max())


@pytest.mark.parametrize('zero', [True, False])
@pytest.mark.parametrize('sampler, order', [('ddim', 1), ('dpmpp_2m', 2), ('heun', 2)])
@pytest.mark.parametrize('spacing', ['karras', SigmaRange(10.0, 0.1)])
def test_errors_fall_with_the_step_by_the_order(zero, sampler, order, spacing):
  schedule = Schedule(zero_terminal_snr=zero)
  errors = [gaussian_error(schedule, sampler, spacing, n) for n in (20, 40, 80)]
  found = np.log2(np.divide(errors[:-1], errors[1:]))
  np.testing.assert_allclose(found, order, atol=0.3)
  if sampler != 'ddim':
    assert errors[-1] < 0.1 * gaussian_error(schedule, 'ddim', spacing, 80)


@pytest.mark.parametrize('std', [5.0, 20.0])
@pytest.mark.parametrize('num_steps, tolerance', [(4, 0.15), (8, 0.05)])
def test_few_steps_of_a_range_keep_the_spread_of_wide_data(num_steps, tolerance, std):
  """Data that spread far more than unit noise, as the main directions of motion tracks do, in the motion's schedule."""
  schedule, noise = Schedule('cosine'), jnp.linspace(-2.5, 2.5, 41)[:, None]
  in_range, even = (
    sample(
      gaussian_denoiser(0.0, std, schedule=schedule), schedule, noise, num_steps=num_steps, spacing=spacing
    )
    for spacing in (SigmaRange(60.0, 0.2), 'trailing')
  )
  np.testing.assert_allclose(in_range, std * noise, atol=tolerance * 2.5 * std)
  assert jnp.max(jnp.abs(even)) < 0.7 * 2.5 * std


def test_second_order_beats_first_with_even_times_too():
  errors = {sampler: gaussian_error(SCHEDULE, sampler, 'trailing', 20) for sampler in SAMPLERS}
  assert errors['dpmpp_2m'] < 0.2 * errors['ddim'] and errors['heun'] < 0.2 * errors['ddim'], errors


@pytest.mark.parametrize('spacing', SPACINGS)
@pytest.mark.parametrize('schedule', [SCHEDULE, Schedule(zero_terminal_snr=False)])
def test_samplers_agree_with_many_steps(schedule, spacing):
  noise = jnp.linspace(-2.5, 2.5, 41)[:, None]
  denoise = gaussian_denoiser(0.5, 0.6, schedule=schedule)

  @jax.jit
  def run(noise):
    return [
      sample(denoise, schedule, noise, num_steps=500, sampler=sampler, spacing=spacing)
      for sampler in SAMPLERS
    ]

  first, *others = run(noise)
  for other in others:
    np.testing.assert_allclose(other, first, atol=0.015)
    np.testing.assert_allclose(other, others[0], atol=3e-3)


def test_how_often_the_network_is_called():
  times = []

  def denoise(xt, t):
    times.append(np.asarray(t)[0])
    return xt

  for sampler, spacing, count in (('ddim', 'trailing', 4), ('heun', 'trailing', 7), ('heun', 'karras', 7)):
    times.clear()
    with jax.disable_jit():
      sample(denoise, SCHEDULE, jnp.ones((2, 3)), num_steps=4, sampler=sampler, spacing=spacing)
    assert len(times) == count and times[0] == 999
    assert {t.dtype for t in times} == {np.dtype(np.int32 if spacing == 'trailing' else np.float32)}
    if sampler == 'heun':  # two calls per time: end of one step, start of the next
      assert times[1::2] == times[2::2]


@pytest.mark.parametrize('sampler', SAMPLERS)
@pytest.mark.parametrize('keep', [1, 3, 8])
def test_kept_estimates_end_with_the_result(sampler, keep):
  noise = jax.random.normal(jax.random.key(0), (4, 8))
  run = lambda **options: sample(  # noqa: E731
    gaussian_denoiser(0.5, 0.6), SCHEDULE, noise, num_steps=8, sampler=sampler, **options
  )
  every = []
  with jax.disable_jit():
    run(clip=lambda x: every.append(np.asarray(x)) or x)
  x0, kept = run(keep=keep)
  assert kept.shape == (keep, *noise.shape)
  np.testing.assert_array_equal(kept[-1], x0)
  np.testing.assert_allclose(x0, run(), atol=1e-6)
  places = [round((i + 1) * len(every) / keep) - 1 for i in range(keep)]
  np.testing.assert_allclose(kept, np.stack(every)[places], atol=1e-5)
  with pytest.raises(ValueError, match='keep must lie in 0 .. num_steps = 8, got 9'):
    run(keep=9)


@pytest.mark.parametrize('sampler', SAMPLERS)
def test_clip_sees_every_estimate(sampler):
  noise = jax.random.normal(jax.random.key(0), (4, 8))
  run = functools.partial(sample, gaussian_denoiser(0.0, 2.0), SCHEDULE, noise, num_steps=8, sampler=sampler)
  _, clipped = run(clip=lambda x: jnp.clip(x, -0.5, 0.5), keep=8)
  assert jnp.max(jnp.abs(clipped)) <= 0.5
  assert jnp.max(jnp.abs(run())) > 0.5


def test_mistakes_are_named():
  for option in ({'sampler': 'euler'}, {'spacing': 'leading'}):
    with pytest.raises(ValueError, match=next(iter(option.values()))):
      sample(lambda x, t: x, SCHEDULE, jnp.zeros((1, 2)), num_steps=2, **option)


def test_eps_at_zero_snr_is_refused():
  with pytest.raises(ValueError, match='zero SNR'):
    sample(lambda x, t: x, SCHEDULE, jnp.zeros((1, 2)), num_steps=2, prediction_type='eps')
  plain = Schedule(zero_terminal_snr=False)
  x0 = sample(
    gaussian_denoiser(1.0, 0.0, 'eps', plain), plain, jnp.ones((1, 2)), num_steps=10, prediction_type='eps'
  )
  np.testing.assert_allclose(x0, 1.0, atol=1e-3)


@pytest.mark.parametrize('scale', [1, 2.0])
def test_guided_makes_a_denoiser_of_two_arguments(scale):
  from seetalk_jax import diffusion

  condition = jnp.asarray([[1.0], [-1.0]])

  def denoise(xt, t, condition):  # x0 is the condition
    return condition + 0 * xt * t[:, None]

  options = dict(num_steps=3, prediction_type='x0')
  guided_by = diffusion.guided(denoise, scale, condition)
  x0 = diffusion.sample(guided_by, diffusion.Schedule(), jnp.zeros((2, 1)), **options)
  np.testing.assert_allclose(x0, scale * condition, atol=1e-6)


TYPES = {'v': 'v_prediction', 'x0': 'sample', 'eps': 'epsilon'}
BETAS = dict(beta_schedule='scaled_linear', beta_start=0.00085, beta_end=0.012)


def network(xt, t):
  """A smooth function of state and time, for arrays of either library."""
  return 0.6 * (xt * 0.9) ** 3 / (1 + xt**2) - 0.3 * xt * (t / 1000) + 0.1


def reference_estimates(scheduler, noise, num_steps):
  """The x0 estimates of a scheduler at every step, and its final state."""
  import torch

  scheduler.set_timesteps(num_steps)
  by_sigma = type(scheduler).__name__ != 'DDIMScheduler'
  # The state of diffusers' Heun scheduler is ours divided by the signal scale.
  scaled = type(scheduler).__name__ == 'HeunDiscreteScheduler'
  xt, estimates = torch.from_numpy(noise), []
  if scaled:
    xt = xt * (scheduler.sigmas[0] ** 2 + 1) ** 0.5
  for i, t in enumerate(scheduler.timesteps):
    seen = scheduler.scale_model_input(xt, t)
    prediction = network(seen, float(t))
    abar = 1 / (1 + scheduler.sigmas[i] ** 2) if by_sigma else scheduler.alphas_cumprod[int(t)]
    estimates.append(x0_of(scheduler, prediction, seen, abar).numpy())
    xt = scheduler.step(prediction, t, xt).prev_sample
  return estimates, xt.numpy()


def x0_of(scheduler, prediction, xt, abar):
  kind = scheduler.config.prediction_type
  if kind == 'sample':
    return prediction
  if kind == 'epsilon':
    return (xt - (1 - abar) ** 0.5 * prediction) / abar**0.5
  return abar**0.5 * xt - (1 - abar) ** 0.5 * prediction


def our_estimates(sampler, prediction_type, zero_terminal_snr, noise, num_steps, spacing, whole_times):
  estimates = []

  def keep(x0):
    estimates.append(np.asarray(x0))
    return x0

  def denoise(xt, t):
    return network(xt, np.float32(np.round(t[0]) if whole_times else t[0]))

  with jax.disable_jit():  # the scan runs in Python, which exposes every step
    end = sample(
      denoise,
      Schedule(zero_terminal_snr=zero_terminal_snr),
      noise,
      num_steps=num_steps,
      sampler=sampler,
      spacing=spacing,
      prediction_type=prediction_type,
      clip=keep,
    )
  return estimates, np.asarray(end)


@pytest.mark.parity
@pytest.mark.parametrize('num_steps', [5, 20])
@pytest.mark.parametrize('prediction_type, zero', [('v', True), ('x0', True), ('v', False), ('eps', False)])
def test_ddim(prediction_type, zero, num_steps):
  diffusers = pytest.importorskip('diffusers')
  scheduler = diffusers.DDIMScheduler(
    **BETAS,
    prediction_type=TYPES[prediction_type],
    rescale_betas_zero_snr=zero,
    clip_sample=False,
    set_alpha_to_one=True,
    timestep_spacing='trailing',
  )
  compare('ddim', scheduler, prediction_type, zero, num_steps)


def dpm_solver(prediction_type, **spacing):
  diffusers = pytest.importorskip('diffusers')
  return diffusers.DPMSolverMultistepScheduler(
    **BETAS,
    prediction_type=TYPES[prediction_type],
    algorithm_type='dpmsolver++',
    solver_order=2,
    final_sigmas_type='zero',
    **spacing,
  )


@pytest.mark.parity
@pytest.mark.parametrize('num_steps', [5, 20])
@pytest.mark.parametrize('prediction_type', ['v', 'x0', 'eps'])
def test_dpm_solver(prediction_type, num_steps):
  scheduler = dpm_solver(prediction_type, timestep_spacing='trailing')
  # At zero SNR the reference uses a small number instead of zero: compared only where both are exact.
  compare('dpmpp_2m', scheduler, prediction_type, False, num_steps)


@pytest.mark.parity
@pytest.mark.parametrize('num_steps', [5, 20])
@pytest.mark.parametrize('prediction_type', ['v', 'x0', 'eps'])
def test_dpm_solver_with_karras_sigmas(prediction_type, num_steps):
  scheduler = dpm_solver(prediction_type, use_karras_sigmas=True)
  # This scheduler steps by exact sigmas but passes the nearest integer time to the network.
  compare('dpmpp_2m', scheduler, prediction_type, False, num_steps, 'karras', whole_times=True)


@pytest.mark.parity
@pytest.mark.parametrize('num_steps', [5, 20])
@pytest.mark.parametrize('prediction_type', ['v', 'x0', 'eps'])
@pytest.mark.parametrize('spacing', ['trailing', 'karras'])
def test_heun(spacing, prediction_type, num_steps):
  diffusers = pytest.importorskip('diffusers')
  scheduler = diffusers.HeunDiscreteScheduler(
    **BETAS,
    prediction_type=TYPES[prediction_type],
    # Its Karras sigmas are between those of its time spacing: only 'linspace' covers the whole schedule.
    timestep_spacing='trailing' if spacing == 'trailing' else 'linspace',
    use_karras_sigmas=spacing == 'karras',
  )
  compare('heun', scheduler, prediction_type, False, num_steps, spacing)


def compare(sampler, scheduler, prediction_type, zero, num_steps, spacing='trailing', whole_times=False):
  noise = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
  wanted, wanted_end = reference_estimates(scheduler, noise, num_steps)
  found, end = our_estimates(sampler, prediction_type, zero, noise, num_steps, spacing, whole_times)
  assert len(found) == len(wanted) == (2 * num_steps - 1 if sampler == 'heun' else num_steps)
  for step, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
    scale = max(1.0, np.abs(theirs).max())
    np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-5, err_msg=f'step {step}')
  np.testing.assert_allclose(end, wanted_end, atol=1e-5 * max(1.0, np.abs(wanted_end).max()))
