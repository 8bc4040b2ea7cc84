"""Speech augmentation: length, timing and value range are preserved."""

import numpy as np
import pytest

from seetalk_jax.data import augment


def speech(n=24000, seed=0):
  rng = np.random.default_rng(seed)
  time = np.arange(n) / 16000
  envelope = np.interp(time, np.arange(0, 3, 0.1), rng.random(30) * (rng.random(30) < 0.7))
  tone = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 12))
  return (0.3 * envelope * tone).astype(np.float32)


@pytest.mark.parametrize('seed', range(40))
def test_length_range_and_repeatability(seed):
  clean = speech(24000 + 7 * seed)
  loud = augment.augment(clean, np.random.default_rng(seed))
  assert loud.shape == clean.shape and loud.dtype == np.float32
  assert np.isfinite(loud).all() and np.abs(loud).max() <= 1
  np.testing.assert_array_equal(loud, augment.augment(clean, np.random.default_rng(seed)))


def test_some_stay_clean_and_the_input_is_not_touched():
  clean = speech(4000)
  before = clean.copy()
  results = [augment.augment(clean, np.random.default_rng(i)) for i in range(300)]
  assert 0.09 < np.mean([np.array_equal(r, clean) for r in results]) < 0.22
  np.testing.assert_array_equal(clean, before)
  results[0][:] = 9
  np.testing.assert_array_equal(clean, before)


EFFECTS = [augment.equalise, augment.add_room, augment.limit_band_randomly, augment.clip_peaks]


@pytest.mark.parametrize('effect', EFFECTS)
def test_no_delay(effect):
  # The envelope of a click train must not move by more than 2 ms.
  clicks = np.zeros(16000)
  clicks[2000::4000] = 1.0
  rng = np.random.default_rng(1)
  noise = rng.standard_normal(40)
  sound = np.convolve(clicks, noise, mode='same')
  for seed in range(8):
    changed = effect(sound, np.random.default_rng(seed))
    assert len(changed) == len(sound)
    # Correlation of the two envelopes by FFT.
    spectra = [np.fft.rfft(np.abs(x), 2 * len(sound)) for x in (sound, changed)]
    match = np.fft.fftshift(np.fft.irfft(np.conj(spectra[0]) * spectra[1]))
    assert abs(int(np.argmax(match)) - len(sound)) <= 32


@pytest.mark.parametrize('snr_db', [5.0, 15.0, 30.0])
def test_noise_has_the_level_asked_for(snr_db):
  sound = speech().astype(np.float64)
  loud = np.abs(sound) > 0.1 * np.abs(sound).max()
  for seed in range(10):
    noise = augment.add_noise(sound, np.random.default_rng(seed), snr_db) - sound
    measured = 10 * np.log10(np.mean(sound[loud] ** 2) / np.mean(noise**2))
    assert abs(measured - snr_db) < 0.5


def test_telephone_and_companding():
  sound = speech().astype(np.float64)
  assert np.abs(augment.compand(sound) - sound).max() < 0.05
  assert len(np.unique(augment.compand(sound))) <= 255


@pytest.mark.parametrize('sound', [np.zeros(1000), np.zeros(0), np.full(1, 0.5), np.zeros(17)])
def test_degenerate_waveforms(sound):
  for seed in range(20):
    changed = augment.augment(sound, np.random.default_rng(seed))
    assert changed.shape == sound.shape and np.isfinite(changed).all()


def test_a_band_is_kept_and_the_rest_falls():
  noise = np.random.default_rng(0).standard_normal(32000)
  power = np.abs(np.fft.rfft(augment.limit_band(noise, 300.0, 3400.0, order=24))) ** 2
  frequency = np.fft.rfftfreq(len(noise), 1 / 16000)
  inside = power[(frequency > 500) & (frequency < 2800)].mean()
  assert power[frequency < 180].mean() < 0.01 * inside and power[frequency > 4200].mean() < 0.01 * inside
