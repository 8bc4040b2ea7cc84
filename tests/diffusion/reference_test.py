"""Samplers compared step by step with the schedulers of diffusers, on one toy network."""

import jax
import numpy as np
import pytest

from seetalk_jax.diffusion.samplers import sample
from seetalk_jax.diffusion.schedule import Schedule

pytestmark = pytest.mark.parity

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


@pytest.mark.parametrize('num_steps', [5, 20])
@pytest.mark.parametrize('prediction_type', ['v', 'x0', 'eps'])
def test_dpm_solver(prediction_type, num_steps):
  scheduler = dpm_solver(prediction_type, timestep_spacing='trailing')
  # At zero SNR the reference uses a small number instead of zero: compared only where both are exact.
  compare('dpmpp_2m', scheduler, prediction_type, False, num_steps)


@pytest.mark.parametrize('num_steps', [5, 20])
@pytest.mark.parametrize('prediction_type', ['v', 'x0', 'eps'])
def test_dpm_solver_with_karras_sigmas(prediction_type, num_steps):
  scheduler = dpm_solver(prediction_type, use_karras_sigmas=True)
  # This scheduler steps by exact sigmas but passes the nearest integer time to the network.
  compare('dpmpp_2m', scheduler, prediction_type, False, num_steps, 'karras', whole_times=True)


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
