"""Background noises of recordings: colored noise, hum, fans, streets, keys, music and babble of other voices."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.data import augment

KINDS = ('pink', 'brown', 'white', 'hum', 'fan', 'street', 'keys', 'music', 'babble')
_SHARES = (0.2, 0.12, 0.08, 0.12, 0.12, 0.12, 0.04, 0.05, 0.15)
_STREAM_TALKERS, _NUM_TALKERS = 0x7A1C, 10_000
_TALKERS = (1, 8)  # fewest and most voices of babble


@functools.lru_cache(maxsize=16)
def talkers(split: str, seed: int, count: int = 4) -> tuple[np.ndarray, ...]:
  """Speech of `count` speakers of a split for babble, float32 `[n]` each; needs the extra `synthetic`.

  The last 16 results are kept: use few seeds, such as the index of the shard.
  """
  from seetalk_jax.synthetic import speakers, texts, voice

  rng = np.random.default_rng([_STREAM_TALKERS, seed])
  spoken = []
  for speaker in rng.choice(_NUM_TALKERS, count, replace=False):
    person = speakers.sample_speaker(speakers.SPLIT_OFFSETS[split] + int(speaker))
    own = voice.varied_voice_of(person, seed)
    text = texts.sample_text(int(rng.integers(2**31)), own.language, split, 2)
    waveform = voice.speak(text, own, seed).waveform
    waveform.setflags(write=False)  # shared by all callers
    spoken.append(waveform)
  return tuple(spoken)


def sample_kind(rng: np.random.Generator) -> str:
  """Samples one of `KINDS`."""
  return str(rng.choice(KINDS, p=_SHARES))


def noise(kind: str, n: int, rng: np.random.Generator, voices: Sequence[np.ndarray] = ()) -> np.ndarray:
  """Background noise.

  Args:
    kind: one of `KINDS`.
    n: number of samples at 16 kHz.
    rng: random generator.
    voices: speech of other speakers, float `[m]` each, for 'babble'; without any, babble is noise with the
      spectrum and the syllables of speech.

  Returns:
    float64 `[n]` with an RMS of 1.
  """
  if n < 2:
    return np.ones(n)
  makers = {
    'pink': lambda: _colored(n, rng, 0.5),
    'brown': lambda: _colored(n, rng, 1.0),
    'white': lambda: rng.standard_normal(n),
    'hum': lambda: _hum(n, rng),
    'fan': lambda: _fan(n, rng),
    'street': lambda: _street(n, rng),
    'keys': lambda: _keys(n, rng),
    'music': lambda: _music(n, rng),
    'babble': lambda: _babble(n, rng, voices),
  }
  sound = makers[kind]()
  return sound / (np.sqrt(np.mean(sound**2)) + 1e-12)


def _colored(n: int, rng: np.random.Generator, slope: float) -> np.ndarray:
  """Gaussian noise with magnitude 1 / f^slope above 40 Hz: pink with 0.5, brown with 1."""
  return augment.apply_response(rng.standard_normal(n), lambda f: (np.maximum(f, 40.0) / 1000.0) ** -slope)


def _wave(n: int, rng: np.random.Generator, slowest_s: float) -> np.ndarray:
  """Smooth random curve `[n]` with standard deviation near 1 that changes over `slowest_s` seconds."""
  knots = max(2, int(np.ceil(n / (slowest_s * SAMPLE_RATE_HZ))) + 2)
  return np.interp(np.linspace(0, knots - 1, n), np.arange(knots), rng.standard_normal(knots))


def _hum(n: int, rng: np.random.Generator) -> np.ndarray:
  """Mains hum with harmonics over a little pink noise."""
  mains = rng.choice([50.0, 60.0])
  time = np.arange(n) / SAMPLE_RATE_HZ
  sound = rng.uniform(0.05, 0.4) * _colored(n, rng, 0.5)
  for k in range(1, 1 + int(rng.integers(4, 24))):
    # Rectifiers make even harmonics stronger.
    gain = rng.exponential(1.0) * (1.5 if k % 2 == 0 else 1.0) / k ** rng.uniform(0.4, 1.2)
    sound += gain * np.sin(2 * np.pi * (k * mains * time + rng.random()))
  return sound


def _fan(n: int, rng: np.random.Generator) -> np.ndarray:
  """Fan: air noise with a low-pass, and tones of the blades that drift slowly."""
  corner, steep = rng.uniform(200.0, 1500.0), rng.uniform(0.5, 1.2)
  air = augment.apply_response(rng.standard_normal(n), lambda f: (1.0 + (f / corner) ** 2) ** -steep)
  air /= air.std() + 1e-12
  turns = rng.uniform(60.0, 240.0) * (1 + 0.003 * _wave(n, rng, 1.0))
  phase = 2 * np.pi * np.cumsum(turns) / SAMPLE_RATE_HZ
  for k in range(1, 5):
    air += rng.exponential(0.25) / k * np.sin(k * phase + 6.28 * rng.random())
  return air


def _street(n: int, rng: np.random.Generator) -> np.ndarray:
  """Street: rumble, cars that pass, wind on the microphone, seldom a horn."""
  time = np.arange(n) / SAMPLE_RATE_HZ
  sound = _colored(n, rng, 0.8)
  sound /= sound.std() + 1e-12
  for _ in range(int(rng.poisson(0.5 + n / SAMPLE_RATE_HZ / 4))):
    middle, width = rng.uniform(-1.0, n / SAMPLE_RATE_HZ + 1.0), rng.uniform(0.6, 2.5)
    tires = augment.apply_response(rng.standard_normal(n), lambda f: 1.0 / (1.0 + (f / 900.0) ** 2))
    sound += rng.uniform(0.5, 3.0) * tires / (tires.std() + 1e-12) / (1 + ((time - middle) / width) ** 2)
  if rng.random() < 0.4:
    wind = augment.apply_response(rng.standard_normal(n), lambda f: 1.0 / (1.0 + (f / 90.0) ** 3))
    sound += 2.0 * wind / (wind.std() + 1e-12) * np.maximum(0.0, _wave(n, rng, 0.4)) ** 2
  if rng.random() < 0.15:
    first, length = rng.uniform(0, max(0.1, n / SAMPLE_RATE_HZ)), rng.uniform(0.2, 0.8)
    on = ((time > first) & (time < first + length)).astype(float)
    pitch = rng.uniform(320.0, 480.0)
    sound += on * sum(np.sin(2 * np.pi * k * pitch * time) / k for k in (1, 1.26, 2, 2.52, 3))
  return sound


def _keys(n: int, rng: np.random.Generator) -> np.ndarray:
  """Clicks of a keyboard, a mouse or dishes over quiet pink noise."""
  sound = 0.02 * _colored(n, rng, 0.5)
  at = int(rng.uniform(0, 0.3) * SAMPLE_RATE_HZ)
  while at < n:
    length = min(n - at, int(rng.uniform(0.008, 0.05) * SAMPLE_RATE_HZ))
    time = np.arange(length) / SAMPLE_RATE_HZ
    ring = np.sin(2 * np.pi * rng.uniform(600.0, 5000.0) * time)
    burst = (rng.standard_normal(length) + ring) * np.exp(-time / rng.uniform(0.002, 0.012))
    sound[at : at + length] += rng.uniform(0.3, 1.0) * burst
    at += int(rng.exponential(0.2) * SAMPLE_RATE_HZ) + 400
  return sound


def _music(n: int, rng: np.random.Generator) -> np.ndarray:
  """Random notes of a scale with decaying harmonics, with a pulse."""
  sound = 1e-3 * rng.standard_normal(n)
  scale, root = np.array([0, 2, 4, 7, 9, 12, 14, 16]), rng.uniform(110.0, 260.0)
  beat = int(rng.uniform(0.18, 0.5) * SAMPLE_RATE_HZ)
  for start in range(0, n, beat):
    for _ in range(int(rng.integers(1, 4))):
      pitch = root * 2 ** (rng.choice(scale) / 12)
      time = np.arange(min(n - start, 3 * beat)) / SAMPLE_RATE_HZ
      note = sum(np.sin(2 * np.pi * k * pitch * time) / k**1.5 for k in range(1, 6))
      sound[start : start + len(time)] += note * np.exp(-time / 0.3) * np.minimum(1.0, time / 0.01)
  return sound


def _babble(n: int, rng: np.random.Generator, voices: Sequence[np.ndarray]) -> np.ndarray:
  """1 to 8 other talkers, dulled by their distance."""
  sound = 1e-3 * rng.standard_normal(n)
  for _ in range(int(rng.integers(_TALKERS[0], _TALKERS[1] + 1))):
    if len(voices):
      voice = np.asarray(voices[int(rng.integers(len(voices)))], np.float64)
      talker = np.roll(np.resize(voice, max(n, len(voice))), int(rng.integers(max(1, len(voice)))))[:n]
    else:
      syllables = np.maximum(0.0, _wave(n, rng, 0.12)) * (_wave(n, rng, 0.8) > -0.5)
      talker = syllables * augment.apply_response(
        rng.standard_normal(n),
        lambda f: 1.0 / (1.0 + (f / 500.0) ** 2) / (1.0 + (100.0 / np.maximum(f, 1)) ** 4),
      )
    sound += np.exp(rng.normal(0.0, 0.5)) * talker / (np.sqrt(np.mean(talker**2)) + 1e-9)
  corner = rng.uniform(1500.0, 5000.0)
  return augment.apply_response(sound, lambda f: 1.0 / (1.0 + (f / corner) ** 2))
