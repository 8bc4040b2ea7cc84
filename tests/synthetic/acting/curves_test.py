"""Curves over time: noise, moves, bumps and plateaus."""

import numpy as np
import pytest

from seetalk_jax.synthetic.acting import curves


def test_noise_has_unit_deviation_and_stays_in_its_band():
  noise = curves.colored_noise(4000, np.random.default_rng(0), 0.2, 2.0, 1.5, channels=4)
  assert noise.shape == (4000, 4)
  assert np.std(noise) == pytest.approx(1.0, abs=0.1)
  power = np.abs(np.fft.rfft(noise * np.hanning(4000)[:, None], axis=0)) ** 2
  frequencies = np.fft.rfftfreq(4000, 1 / 25)
  assert power[frequencies > 2.2].sum() < 1e-3 * power.sum()
  low, high = (power[(frequencies > a) & (frequencies < b)].mean() for a, b in ((0.2, 0.4), (1.5, 2.0)))
  assert low / high == pytest.approx((1.75 / 0.3) ** 1.5, rel=0.6)


@pytest.mark.parametrize('count', [0, 1, 7])
def test_short_noise(count):
  assert curves.colored_noise(count, np.random.default_rng(0), 0.2, 2.0, 1.5).shape == (count, 1)


def test_moves_reach_their_targets_and_rest_there():
  times = np.array([0.0, 0.9, 1.25, 1.5, 4.0])
  path = curves.moves(
    times, np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.5, 0.5]), np.array([[0.0], [2.0], [-1.0]])
  )
  np.testing.assert_allclose(path[:, 0], [0.0, 0.0, 1.0, 2.0, -1.0], atol=1e-12)


def test_bumps_and_plateaus():
  times = np.linspace(0, 4, 401)
  bump = curves.bumps(times, [1.0, 3.0], [0.5, 1.0], 0.2, 0.4)
  assert bump[100] == pytest.approx(0.5) and bump[300] == pytest.approx(1.0)
  assert bump[75] == 0 and bump[130] > 0 and bump[150] == 0
  flat = curves.plateau(times, 1.0, 3.0, 0.5, 0.5)
  assert flat[99] == 0 and flat[200] == 1 and flat[301] == 0
  assert not len(curves.bumps(np.zeros(0), [1.0], [1.0], 0.1, 0.1))
