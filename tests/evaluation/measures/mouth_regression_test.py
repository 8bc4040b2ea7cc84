"""Mouth regression: finds mouths that follow the sound, and their lag; moments add up and are subtracted."""

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import mouth_regression
from seetalk_jax.evaluation.measures.mouth_regression import Moments, MouthRegression, SoundAndMouth


def talk(seed, frames=250, lag=0):
  """Noise with a loudness that varies, and a mouth that follows it `lag` frames late."""
  rng = np.random.default_rng(seed)
  level = np.convolve(rng.uniform(0, 1, frames + 40), np.hanning(7) / 3, mode='same')[20 : 20 + frames]
  sound = 0.1 * rng.standard_normal(640 * frames) * np.repeat(level, 640)
  return SoundAndMouth(sound, np.roll(level, lag))


@pytest.fixture(scope='module')
def judge():
  return MouthRegression.fit([talk(seed) for seed in range(8)])


def test_a_mouth_that_follows_the_sound_agrees(judge):
  found = judge.agreement(talk(100))
  assert found.correlation > 0.8
  assert found.lag == 0
  assert abs(found.shifted) < 0.5


@pytest.mark.parametrize('lag', [-5, 3])
def test_a_shift_is_found(judge, lag):
  assert judge.agreement(talk(101, lag=lag)).lag == lag


def test_a_mouth_of_other_speech_does_not_agree(judge):
  mixed = SoundAndMouth(talk(102).waveform, talk(103).opening)
  assert abs(judge.agreement(mixed).correlation) < 0.4


def test_a_talk_is_left_out_by_subtraction():
  talks = [talk(seed, 60) for seed in range(3)]
  moments = [Moments.of(each) for each in talks]
  without = MouthRegression.solve(moments[0] + moments[1] + moments[2] - moments[1])
  fitted = MouthRegression.fit([talks[0], talks[2]])
  np.testing.assert_allclose(without.weights, fitted.weights, rtol=1e-6, atol=1e-9)
  assert without.agreement(talks[1]) == pytest.approx(fitted.agreement(talks[1]))


def test_nothing_to_fit_is_an_error():
  with pytest.raises(ValueError, match='at least one talk'):
    MouthRegression.fit([])


def test_a_lag_without_a_clear_peak_is_nan(judge):
  lags = [judge.agreement(SoundAndMouth(talk(i).waveform, talk(i + 50).opening)).lag for i in range(200, 212)]
  assert np.isnan(lags).mean() > 0.7
  assert np.isnan(judge.agreement(talk(102, frames=20)).lag)


def test_windows_do_not_depend_on_the_blocks_that_they_are_computed_in():
  frames = mouth_regression._ROWS // 4 + 40
  waveform = talk(1, frames).waveform
  rows = mouth_regression.sound_windows(waveform, frames)
  assert rows.shape == (frames, 13 * 40)
  np.testing.assert_allclose(rows[7, :40], rows[1, 240:280])  # six frames before frame 7
  assert not rows[0, :240].any()  # before the start
  square = np.asarray(rows).T @ np.asarray(rows)
  np.testing.assert_allclose(Moments.of(talk(1, frames)).square, square, rtol=1e-9, atol=1e-6)
