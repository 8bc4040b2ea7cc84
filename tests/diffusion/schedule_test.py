"""Schedules fall, end where they say, and give the times that samplers visit."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.diffusion.schedule import KINDS, Schedule, sampling_times


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('zero', [True, False])
def test_alpha_bar_falls_from_nearly_one(kind, zero):
  table = Schedule(kind, zero_terminal_snr=zero).table
  assert table.shape == (1000,)
  assert np.all(np.diff(table) < 0)
  assert 0.995 < table[0] < 1
  assert (table[-1] == 0) == zero
  assert np.all(table >= 0)


def test_zero_terminal_snr_keeps_the_first_step():
  plain, rescaled = Schedule(zero_terminal_snr=False), Schedule(zero_terminal_snr=True)
  np.testing.assert_allclose(plain.table[0], rescaled.table[0], rtol=1e-12)
  assert plain.table[-1] > 1e-3


def test_scales_are_on_the_unit_circle_and_broadcast():
  schedule = Schedule()
  signal, sigma = schedule.scales(jnp.array([0, 500, 999]), ndim=4)
  assert signal.shape == (3, 1, 1, 1)
  np.testing.assert_allclose(signal**2 + sigma**2, 1.0, atol=1e-6)
  assert schedule.snr(jnp.array([999]))[0] == 0


@pytest.mark.parametrize('num_steps', [1, 3, 25, 1000])
def test_sampling_times_start_at_the_end(num_steps):
  times = sampling_times(Schedule(), num_steps)
  assert len(times) == num_steps and times[0] == 999
  assert np.all(np.diff(times) < 0) and times[-1] >= 0


def test_mistakes_are_named():
  with pytest.raises(ValueError, match='kind'):
    Schedule('sigmoid')
  with pytest.raises(ValueError, match='num_steps'):
    sampling_times(Schedule(), 0)
