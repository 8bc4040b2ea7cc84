"""Loudness and pitch of waveforms over time."""

import numpy as np

from seetalk_jax.synthetic import loudness_and_pitch


def test_the_pitch_of_a_tone_is_found():
  time = np.arange(16000) / 16000
  for hz in (85, 120, 210, 300):
    tone = sum(np.sin(2 * np.pi * k * hz * time) / k for k in range(1, 8)).astype(np.float32) * 0.2
    pitch = loudness_and_pitch.pitch_track(tone, np.arange(0.1, 0.9, 0.05))
    assert np.abs(pitch / hz - 1).max() < 0.03
  silence = np.zeros(16000, np.float32)
  assert np.isnan(loudness_and_pitch.pitch_track(silence, np.array([0.5]))).all()


def test_loudness_is_relative_to_the_loud_parts():
  time = np.arange(32000) / 16000
  gain = np.where(time < 1, 1.0, 10 ** (-15 / 20))  # 15 dB below
  sound = gain * np.sin(2 * np.pi * 200 * time)
  loud, low, outside = loudness_and_pitch.loudness(sound, np.array([0.5, 1.5, 3.0]))
  np.testing.assert_allclose((loud, low), (1.0, 0.5), atol=0.05)
  assert outside == 0 and not loudness_and_pitch.loudness(np.zeros(0), np.zeros(3)).any()
