"""Speech augmentation: equalizer, reverberation, noise, band limits, clipping, companding and level.

Pure NumPy, driven by a random generator. Every filter has zero delay (or its direct sound at sample 0), so
lip motion and phoneme times stay aligned.
"""

from __future__ import annotations

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ

CLEAN_SHARE = 0.15


def augment(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Applies random recording conditions to `waveform` (float `[n]` at 16 kHz); float32 `[n]` in [-1, 1].

  15 % of the waveforms are returned unchanged. For the others, each effect is applied with its own
  probability: equalizer, reverberation, noise (SNR 5 to 30 dB), band limit, clipping, 8-bit companding, level
  (-30 to 6 dB). The result for an all-zero waveform is finite.
  """
  waveform = np.asarray(waveform, np.float32)
  if rng.random() < CLEAN_SHARE or not len(waveform):
    return waveform.copy()
  sound = waveform.astype(np.float64)
  if rng.random() < 0.7:
    sound = equalise(sound, rng)
  if rng.random() < 0.45:
    sound = add_room(sound, rng)
  if rng.random() < 0.75:
    sound = add_noise(sound, rng, snr_db=rng.uniform(5.0, 30.0))
  if rng.random() < 0.35:
    sound = limit_band_randomly(sound, rng)
  if rng.random() < 0.15:
    sound = clip_peaks(sound, rng)
  if rng.random() < 0.10:
    sound = compand(sound, bits=8)
  if rng.random() < 0.8:
    sound = sound * 10 ** (rng.uniform(-30.0, 6.0) / 20)
  return np.clip(sound, -1.0, 1.0).astype(np.float32)


def equalise(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Applies a smooth random frequency response: tilt of up to 4 dB per octave and bumps of about 4 dB."""

  def response(frequency):
    octave = np.log2(np.maximum(frequency, 60.0) / 1000.0)
    decibel = rng.uniform(-4.0, 2.5) * np.maximum(octave, -2.0)
    for _ in range(4):
      centre, width = rng.uniform(-4.0, 3.0), rng.uniform(0.3, 1.5)
      decibel = decibel + rng.normal(0.0, 4.0) * np.exp(-0.5 * ((octave - centre) / width) ** 2)
    return 10 ** (np.clip(decibel, -24, 12) / 20)

  return apply_response(sound, response)


def add_room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Adds reverberation: direct sound at sample 0, early reflections, an exponential tail of 0.12 to 0.9 s."""
  reverberation_s = np.exp(rng.uniform(np.log(0.12), np.log(0.9)))
  direct_db = rng.uniform(-2.0, 16.0)  # direct-to-reverberant ratio
  length = int(1.1 * reverberation_s * SAMPLE_RATE_HZ)
  time = np.arange(length) / SAMPLE_RATE_HZ
  tail = rng.standard_normal(length) * 10 ** (-3.0 * time / reverberation_s)
  tail[: int(rng.uniform(0.002, 0.012) * SAMPLE_RATE_HZ)] = 0.0
  for _ in range(6):
    tail[rng.integers(30, max(31, min(length, 900)))] += rng.normal(0.0, 3.0)
  tail *= 10 ** (-direct_db / 20) / (np.sqrt(np.sum(tail**2)) + 1e-9)
  tail[0] = 1.0
  return convolve(sound, tail)


def add_noise(sound: np.ndarray, rng: np.random.Generator, snr_db: float) -> np.ndarray:
  """Adds white, pink, brown, hum or babble noise, `snr_db` below the level of the loud parts of the sound."""
  n = len(sound)
  kind = rng.choice(['white', 'pink', 'brown', 'hum', 'babble'])
  noise = rng.standard_normal(n)
  if kind in ('pink', 'brown'):
    slope = 0.5 if kind == 'pink' else 1.0
    noise = apply_response(noise, lambda f: (np.maximum(f, 40.0) / 1000.0) ** -slope)
  elif kind == 'hum':
    mains = rng.choice([50.0, 60.0, 100.0, 120.0])
    time = np.arange(n) / SAMPLE_RATE_HZ
    noise = 0.2 * noise
    for k in range(1, 7):
      noise = noise + rng.exponential(1.0 / k) * np.sin(2 * np.pi * (k * mains * time + rng.random()))
  elif kind == 'babble':
    # Babble: shifted copies of the speech itself, mostly reversed, so that no words are intelligible.
    noise = 1e-3 * noise
    for _ in range(6):
      noise = noise + rng.uniform(0.4, 1.0) * np.roll(
        sound[::-1] if rng.random() < 0.7 else sound, rng.integers(n)
      )
    noise = apply_response(noise, lambda f: 1.0 / (1.0 + (f / 2500.0) ** 2))
  loud = np.abs(sound) > 0.1 * np.abs(sound).max()
  speech_rms = np.sqrt(np.mean(sound[loud] ** 2)) if loud.any() else 0.0
  noise_rms = np.sqrt(np.mean(noise**2)) + 1e-12
  return sound + noise * (speech_rms * 10 ** (-snr_db / 20) / noise_rms)


def limit_band(sound: np.ndarray, low_hz: float | None, high_hz: float | None, order: int = 16) -> np.ndarray:
  """Applies a zero-phase band-pass.

  Args:
    sound: `[n]` at 16 kHz.
    low_hz: lower limit; None for none.
    high_hz: upper limit; None for none.
    order: steepness of the upper edge.
  """

  def response(frequency):
    gain = np.ones_like(frequency)
    if low_hz is not None:
      gain = gain / (1.0 + (low_hz / np.maximum(frequency, 1.0)) ** 8)
    return gain if high_hz is None else gain / (1.0 + (frequency / high_hz) ** order)

  return apply_response(sound, response)


def limit_band_randomly(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Applies a telephone band (300 to 3400 Hz), a codec low-pass (3 to 7 kHz), or a microphone high-pass."""
  kind = rng.choice(['telephone', 'low', 'high'])
  low = {'telephone': rng.uniform(200, 350), 'low': None, 'high': rng.uniform(80, 250)}[kind]
  high = {'telephone': rng.uniform(3200, 3700), 'low': rng.uniform(3000, 7000), 'high': None}[kind]
  return limit_band(sound, low, high)


def clip_peaks(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Clips the sound, hard or soft, at 0.3 to 0.9 of the peak."""
  limit = rng.uniform(0.3, 0.9) * np.abs(sound).max() + 1e-9
  return np.clip(sound, -limit, limit) if rng.random() < 0.5 else limit * np.tanh(sound / limit)


def compand(sound: np.ndarray, bits: int = 8) -> np.ndarray:
  """Applies mu-law companding with `bits` bits, as on a telephone line."""
  mu = 255.0
  small = np.clip(sound, -1.0, 1.0)
  squeezed = np.sign(small) * np.log1p(mu * np.abs(small)) / np.log1p(mu)
  steps = 2 ** (bits - 1) - 1
  squeezed = np.round(squeezed * steps) / steps
  return np.sign(squeezed) * np.expm1(np.abs(squeezed) * np.log1p(mu)) / mu


def apply_response(sound: np.ndarray, response) -> np.ndarray:
  """Applies a zero-phase filter with magnitude `response(frequency in Hz)`; same length."""
  size = _fast_size(len(sound) + 1024)
  frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
  return np.fft.irfft(np.fft.rfft(sound, size) * response(frequency), size)[: len(sound)]


def convolve(sound: np.ndarray, kernel: np.ndarray) -> np.ndarray:
  """Convolves causally and truncates to the length of the sound."""
  size = _fast_size(len(sound) + len(kernel) - 1)
  return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(kernel, size), size)[: len(sound)]


def _fast_size(size: int) -> int:
  """Smallest FFT-friendly length of at least `size`: 2^k, 3/4 * 2^k or 5/8 * 2^k."""
  power = 1 << (size - 1).bit_length()
  return next(power * part // 8 for part in (5, 6, 8) if power * part // 8 >= size) if power >= 16 else power
