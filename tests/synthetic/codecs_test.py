"""Codecs: no shift in time, same length, repeatable."""

import numpy as np
import pytest
import sound_timing

from seetalk_jax.synthetic import codecs


def voice_like(n=16000, seed=0):
  """Pulses at 120 Hz through two resonances, in syllables, with noise between them; `[n]` in [-0.5, 0.5]."""
  rng = np.random.default_rng(seed)
  time = np.arange(n) / 16000
  tone = sum(np.sin(2 * np.pi * 120 * k * time) / (1 + abs(k - 5)) for k in range(1, 25))
  envelope = np.interp(time, np.arange(0, 2, 0.08), rng.random(25) * (rng.random(25) < 0.7))
  sound = envelope * (tone + 0.3 * rng.standard_normal(n))
  return 0.5 * sound / np.abs(sound).max()


CASES = [(name, rate) for name in codecs.available() for rate in codecs.CODECS[name].bit_rates]


def test_ffmpeg_has_the_usual_codecs():
  assert {'mp3', 'aac', 'opus', 'g722', 'mulaw'} <= set(codecs.available())


@pytest.mark.parametrize(('name', 'bit_rate'), CASES)
def test_codecs_keep_length_and_time(name, bit_rate):
  for n in (16000, 15877):
    sound = voice_like(n)
    coded = codecs.code(sound, name, bit_rate)
    assert coded.shape == sound.shape and np.isfinite(coded).all()
    assert abs(sound_timing.shift_of(sound, coded)) <= 3
    assert np.corrcoef(sound, coded)[0, 1] > 0.6
  np.testing.assert_array_equal(coded, codecs.code(sound, name, bit_rate))


@pytest.mark.parametrize('name', ['mp3', 'aac', 'opus', 'g722', 'mulaw'])
def test_high_bit_rates_are_aligned_to_the_sample(name):
  sound = voice_like()
  coded = codecs.code(sound, name, max(codecs.CODECS[name].bit_rates))
  assert sound_timing.shift_of(sound, coded) == 0


@pytest.mark.parametrize('n', [0, 1, 100])
def test_short_sounds(n):
  for name in codecs.available():
    assert codecs.code(np.full(n, 0.1), name, codecs.CODECS[name].bit_rates[0]).shape == (n,)
