"""Audio checks: offset between mouth and sound, share of speech."""

from __future__ import annotations

import numpy as np

from seetalk_jax.prepare import audio_checks


def test_find_offset_recovers_a_shift_either_way():
  rng = np.random.default_rng(0)
  opening = np.convolve(rng.uniform(size=250), np.ones(3) / 3, mode='same')
  for lag in (-6, 0, 7):
    loud = np.repeat(np.roll(opening, lag), 640)
    times = np.arange(len(loud)) / 16_000
    waveform = (10 ** (2 * loud - 3)) * np.sin(2 * np.pi * 500 * times)
    assert audio_checks.find_offset(opening, waveform).frames == lag


def test_speech_share_tells_syllables_from_steady_noise():
  rng = np.random.default_rng(0)
  times = np.arange(48_000) / 16_000
  noise = rng.normal(size=len(times))
  syllables = (np.sin(2 * np.pi * 3 * times) > 0) * np.sin(2 * np.pi * 300 * times) * 0.3
  assert audio_checks.speech_share(0.1 * noise) < 0.05
  assert audio_checks.speech_share(0.1 * np.sin(2 * np.pi * 200 * times)) < 0.05
  assert 0.3 < audio_checks.speech_share(syllables + 1e-4 * noise) < 0.8
  assert audio_checks.is_silent(np.full(1000, 0.3)) and not audio_checks.is_silent(syllables)
