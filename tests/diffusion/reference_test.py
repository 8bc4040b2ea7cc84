"""Samplers step by step against diffusers' schedulers, on one made-up network."""

import jax
import numpy as np
import pytest

from seetalk_jax.diffusion.samplers import sample
from seetalk_jax.diffusion.schedule import Schedule

pytestmark = pytest.mark.parity

TYPES = {'v': 'v_prediction', 'x0': 'sample', 'eps': 'epsilon'}
BETAS = dict(beta_schedule='scaled_linear', beta_start=0.00085, beta_end=0.012)


def network(xt, t):
  """Some smooth function of the state and the time; works on either library's arrays."""
  return 0.6 * (xt * 0.9) ** 3 / (1 + xt**2) - 0.3 * xt * (t / 1000) + 0.1


def reference_estimates(scheduler, noise, num_steps):
  """The estimates of x0 that a scheduler makes on its way, and where it ends."""
  import torch

  scheduler.set_timesteps(num_steps)
  xt, estimates = torch.from_numpy(noise), []
  for t in scheduler.timesteps:
    prediction = network(xt, float(t))
    estimates.append(x0_of(scheduler, prediction, xt, int(t)).numpy())
    xt = scheduler.step(prediction, t, xt).prev_sample
  return estimates, xt.numpy()


def x0_of(scheduler, prediction, xt, t):
  abar = scheduler.alphas_cumprod[t]
  kind = scheduler.config.prediction_type
  if kind == 'sample':
    return prediction
  if kind == 'epsilon':
    return (xt - (1 - abar) ** 0.5 * prediction) / abar**0.5
  return abar**0.5 * xt - (1 - abar) ** 0.5 * prediction


def our_estimates(sampler, prediction_type, zero_terminal_snr, noise, num_steps):
  estimates = []

  def keep(x0):
    estimates.append(np.asarray(x0))
    return x0

  with jax.disable_jit():  # the scan runs in Python, so that every step can be looked at
    end = sample(
      lambda xt, t: network(xt, np.float32(t[0])),
      Schedule(zero_terminal_snr=zero_terminal_snr),
      noise,
      num_steps=num_steps,
      sampler=sampler,
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


@pytest.mark.parametrize('num_steps', [5, 20])
@pytest.mark.parametrize('prediction_type', ['v', 'x0', 'eps'])
def test_dpm_solver(prediction_type, num_steps):
  diffusers = pytest.importorskip('diffusers')
  scheduler = diffusers.DPMSolverMultistepScheduler(
    **BETAS,
    prediction_type=TYPES[prediction_type],
    algorithm_type='dpmsolver++',
    solver_order=2,
    final_sigmas_type='zero',
    timestep_spacing='trailing',
  )
  # At zero SNR the reference puts a small number for zero: compared where both are exact.
  compare('dpmpp_2m', scheduler, prediction_type, False, num_steps)


def compare(sampler, scheduler, prediction_type, zero, num_steps):
  noise = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
  wanted, wanted_end = reference_estimates(scheduler, noise, num_steps)
  found, end = our_estimates(sampler, prediction_type, zero, noise, num_steps)
  assert len(found) == len(wanted) == num_steps
  for step, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
    scale = max(1.0, np.abs(theirs).max())
    np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-5, err_msg=f'step {step}')
  np.testing.assert_allclose(end, wanted_end, atol=1e-5 * max(1.0, np.abs(wanted_end).max()))
