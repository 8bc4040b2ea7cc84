"""Background noises: level, spectrum, babble of voices."""

import numpy as np
import pytest

from seetalk_jax.synthetic import noises


def slope_of(sound):
  """Spectral slope in dB per octave from 200 to 4000 Hz."""
  power = np.abs(np.fft.rfft(sound)) ** 2
  frequency = np.fft.rfftfreq(len(sound), 1 / 16000)
  edges = 200 * 2 ** np.arange(5)
  bands = [power[(frequency >= a) & (frequency < 2 * a)].mean() for a in edges[:-1]]
  return np.polyfit(np.arange(4), 10 * np.log10(bands), 1)[0]


@pytest.mark.parametrize('kind', noises.KINDS)
def test_noises_have_unit_level_and_repeat(kind):
  for n in (0, 1, 16000):
    sound = noises.noise(kind, n, np.random.default_rng(3))
    assert sound.shape == (n,) and np.isfinite(sound).all()
    np.testing.assert_array_equal(sound, noises.noise(kind, n, np.random.default_rng(3)))
  assert np.sqrt(np.mean(sound**2)) == pytest.approx(1.0, abs=1e-6)


def test_colors():
  slopes = {k: slope_of(noises.noise(k, 64000, np.random.default_rng(0))) for k in ('white', 'pink', 'brown')}
  assert abs(slopes['white']) < 0.6
  assert abs(slopes['pink'] + 3) < 0.6
  assert abs(slopes['brown'] + 6) < 0.6


def test_hum_has_lines_at_the_mains():
  power = np.abs(np.fft.rfft(noises.noise('hum', 64000, np.random.default_rng(1)))) ** 2
  lines = [max(power[4 * m * k] for k in range(1, 4)) for m in (50, 60)]  # 0.25 Hz a bin
  assert max(lines) > 1000 * np.median(power)


def test_babble_is_made_of_the_voices():
  time = np.arange(20000) / 16000
  voice = np.sin(2 * np.pi * 440 * time)
  power = np.abs(np.fft.rfft(noises.noise('babble', 16000, np.random.default_rng(0), [voice]))) ** 2
  assert abs(int(np.argmax(power)) - 440) <= 1


def test_talkers_are_speech_of_different_people():
  pytest.importorskip('espeakng_loader')
  voices = noises.talkers('train', 1, 3)
  assert len(voices) == 3 and len({len(v) for v in voices}) == 3
  noises.talkers.cache_clear()
  for before, after in zip(voices, noises.talkers('train', 1, 3), strict=True):
    np.testing.assert_array_equal(before, after)
  sound = noises.noise('babble', 16000, np.random.default_rng(0), voices)
  assert np.sqrt(np.mean(sound**2)) == pytest.approx(1.0)


def test_every_kind_is_sampled():
  rng = np.random.default_rng(0)
  assert {noises.sample_kind(rng) for _ in range(400)} == set(noises.KINDS)
