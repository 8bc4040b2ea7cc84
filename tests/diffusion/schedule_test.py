"""Noise schedules: they decrease, end at their limits, and provide the times of the samplers."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.diffusion.schedule import KARRAS_SIGMA_MAX, KINDS, Schedule, SigmaRange, sampling_times


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


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('zero', [True, False])
def test_times_between_whole_ones(kind, zero):
  schedule = Schedule(kind, zero_terminal_snr=zero)
  whole = np.array([0, 1, 500, 998, 999])
  np.testing.assert_allclose(schedule.alpha_bar(whole.astype(np.float32)), schedule.table[whole], rtol=1e-5)
  between = np.array([0.5, 200.25, 997.75])
  found = schedule.alpha_bar_exactly(between)
  np.testing.assert_allclose(schedule.alpha_bar(jnp.asarray(between, jnp.float32)), found, rtol=1e-4)
  low = between.astype(int)
  assert np.all(schedule.table[low] > found) and np.all(found > schedule.table[low + 1])
  # log sigma is evenly spaced.
  middle = 1 / schedule.alpha_bar_exactly(np.array([300.0, 300.5, 301.0])) - 1
  np.testing.assert_allclose(middle[1] ** 2, middle[0] * middle[2])
  np.testing.assert_array_equal(schedule.alpha_bar_exactly(whole), schedule.table[whole])
  if zero:
    assert schedule.alpha_bar(jnp.float32(999)) == schedule.alpha_bar(jnp.float32(998.5)) == 0


def test_roots_of_karras_sigmas_are_even():
  schedule = Schedule(zero_terminal_snr=False)
  times = sampling_times(schedule, 12, 'karras')
  sigmas = np.sqrt(1 / schedule.alpha_bar_exactly(times) - 1)
  np.testing.assert_allclose(np.diff(sigmas ** (1 / 7), 2), 0, atol=1e-7)
  np.testing.assert_allclose(np.log(sigmas[[0, -1]]), schedule.log_sigma[[-1, 0]], atol=1e-9)
  assert times[0] == 999 and times[-1] == pytest.approx(0, abs=1e-9) and np.all(np.diff(times) < 0)


@pytest.mark.parametrize('num_steps', [1, 2, 12])
def test_karras_times_from_zero_snr_begin_with_pure_noise(num_steps):
  schedule = Schedule()
  times = sampling_times(schedule, num_steps, 'karras')
  assert times[0] == 999 and np.all(np.diff(times) < 0)
  abar = schedule.alpha_bar_exactly(times)
  assert abar[0] == 0 and np.all(abar[1:] > 0)
  sigmas = np.sqrt(1 / abar[1:] - 1)
  assert np.all(sigmas < KARRAS_SIGMA_MAX)
  np.testing.assert_allclose(np.diff(sigmas ** (1 / 7), 2), 0, atol=1e-7)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('num_steps', [1, 2, 9])
def test_logarithms_of_sigmas_of_a_range_are_even(kind, num_steps):
  schedule = Schedule(kind)
  times = sampling_times(schedule, num_steps, SigmaRange(50.0, 0.1))
  assert times.dtype == np.float64 and times.shape == (num_steps,) and times[0] < 999
  sigmas = np.sqrt(1 / schedule.alpha_bar_exactly(times) - 1)
  wanted = 50.0 * (0.1 / 50.0) ** (np.arange(num_steps) / num_steps)  # the last step would end at 0.1
  np.testing.assert_allclose(sigmas, wanted, rtol=1e-6)


@pytest.mark.parametrize('largest, smallest', [(1.0, 1.0), (1.0, 2.0), (1e9, 1.0), (1.0, 1e-9), (1.0, -1.0)])
def test_ranges_that_are_empty_or_beyond_the_schedule_are_refused(largest, smallest):
  with pytest.raises(ValueError, match='those of the schedule'):
    sampling_times(Schedule(), 4, SigmaRange(largest, smallest))


def test_mistakes_are_named():
  with pytest.raises(ValueError, match='kind'):
    Schedule('sigmoid')
  with pytest.raises(ValueError, match='num_steps'):
    sampling_times(Schedule(), 0)
  with pytest.raises(ValueError, match='leading'):
    sampling_times(Schedule(), 5, 'leading')
