"""Room impulse responses: image sources of a box-shaped room and a decaying tail of noise.

The direct sound is sample 0 with gain 1, so that reverberation does not shift speech in time. The level of
the reflections follows from the distance of the microphone and from the room (Sabine's formula).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ

MIN_RT60_S, MAX_RT60_S = 0.1, 0.9
MIN_DIRECT_DB = -2.0  # farther microphones are rare in recordings of a face
_SPEED_OF_SOUND = 343.0  # m / s
_EARLY_S = 0.04  # image sources up to here, a tail of noise from there
# Bands of the tail with their decay times relative to the RT60: walls and air absorb high frequencies.
_BANDS_HZ = (0.0, 500.0, 2000.0, 4000.0, 8000.0)
_BAND_DECAY = (1.1, 1.0, 0.8, 0.55)


class Room(NamedTuple):
  """Room with a speaker and a microphone.

  Attributes:
    size_m: width, depth and height in meters.
    rt60_s: time in which reverberation falls by 60 dB, 0.1 to 0.9 s.
    distance_m: distance between mouth and microphone in meters.
  """

  size_m: tuple[float, float, float]
  rt60_s: float
  distance_m: float

  @property
  def direct_db(self) -> float:
    """Direct-to-reverberant ratio in dB: 0 at the critical distance of the room, -6 at twice that distance."""
    volume = float(np.prod(self.size_m))
    critical = 0.057 * np.sqrt(volume / self.rt60_s) * 1.3  # a mouth radiates to the front
    return max(MIN_DIRECT_DB, float(20 * np.log10(critical / self.distance_m)))


def sample_room(rng: np.random.Generator) -> Room:
  """Samples a room from a closet to a hall; the microphone is 0.15 to 3 m away, most often near."""
  size = np.exp(rng.uniform(np.log([2.0, 2.0, 2.2]), np.log([9.0, 11.0, 4.0])))
  # Large rooms reverberate longer; furniture makes the rest of the difference.
  rt60 = 0.32 * (float(np.prod(size)) / 50.0) ** 0.25 * np.exp(rng.normal(0.0, 0.45))
  distance = np.exp(rng.normal(np.log(0.6), 0.7))
  return Room(
    tuple(float(s) for s in size),
    float(np.clip(rt60, MIN_RT60_S, MAX_RT60_S)),
    float(np.clip(distance, 0.15, min(3.0, 0.8 * size.min()))),
  )


def impulse_response(room: Room, rng: np.random.Generator) -> np.ndarray:
  """Impulse response `[n]` at 16 kHz: 1 at sample 0, then the reflections, up to 1.1 RT60.

  Args:
    room: room, distance and decay.
    rng: positions of mouth and microphone, and the tail.
  """
  n = int(1.1 * room.rt60_s * SAMPLE_RATE_HZ)
  reflections = _early(room, rng, n) + _tail(room, rng, n)
  reflections[0] = 0.0
  reflections *= 10 ** (-room.direct_db / 20) / np.sqrt(np.sum(reflections**2) + 1e-12)
  # With a reflection stronger than the direct sound, speech would seem to be later.
  response = np.clip(reflections, -0.4, 0.4)
  response[0] = 1.0
  return response


def _early(room: Room, rng: np.random.Generator, n: int) -> np.ndarray:
  """Reflections of the first 40 ms by image sources (Allen and Berkley, 1979), relative to the direct sound."""
  size = np.asarray(room.size_m)
  microphone = rng.uniform(0.25, 0.75, 3) * size
  direction = rng.standard_normal(3) * (1.0, 1.0, 0.3)
  mouth = microphone + room.distance_m * direction / np.linalg.norm(direction)
  mouth = np.clip(mouth, 0.05 * size, 0.95 * size)
  direct = np.linalg.norm(mouth - microphone)
  volume, surface = np.prod(size), 2 * np.sum(size * np.roll(size, 1))
  absorbed = 1 - np.exp(-0.161 * volume / (surface * room.rt60_s))  # Eyring
  reflected = np.sqrt(max(0.0, 1 - absorbed))
  reach = int(np.ceil((_EARLY_S * _SPEED_OF_SOUND + direct) / (2 * size.min()))) + 1
  order = np.arange(-reach, reach + 1)
  places, bounces = [], []
  for axis in range(3):
    even = 2 * order * size[axis] + mouth[axis]
    odd = 2 * order * size[axis] - mouth[axis]
    places.append(np.concatenate([even, odd]) - microphone[axis])
    bounces.append(np.concatenate([np.abs(2 * order), np.abs(2 * order - 1)]))
  x, y, z = np.meshgrid(*places, indexing='ij')
  count = bounces[0][:, None, None] + bounces[1][None, :, None] + bounces[2][None, None, :]
  distance = np.sqrt(x**2 + y**2 + z**2)
  at = np.round((distance - direct) / _SPEED_OF_SOUND * SAMPLE_RATE_HZ).astype(int)
  kept = (count > 0) & (at > 0) & (at < min(n, int(_EARLY_S * SAMPLE_RATE_HZ)))
  # Alternating signs: equal ones would add up to a rumble.
  gains = (-reflected) ** count[kept] * direct / distance[kept]
  return np.bincount(at[kept], gains, minlength=n)[:n]


def _tail(room: Room, rng: np.random.Generator, n: int) -> np.ndarray:
  """Noise from 40 ms on that decays by 60 dB in the RT60, faster at high frequencies; level as of `_early`."""
  time = np.arange(n) / SAMPLE_RATE_HZ
  spectrum = np.fft.rfft(rng.standard_normal(n))
  frequency = np.fft.rfftfreq(n, 1 / SAMPLE_RATE_HZ)
  tail = np.zeros(n)
  for low, high, factor in zip(_BANDS_HZ[:-1], _BANDS_HZ[1:], _BAND_DECAY, strict=True):
    band = np.fft.irfft(np.where((frequency >= low) & (frequency < high), spectrum, 0), n)
    tail += band * 10 ** (-3.0 * time / (factor * room.rt60_s))
  # Density of the image sources times their energy: 4 pi c d^2 / V a second, constant but for the decay.
  power = 4 * np.pi * _SPEED_OF_SOUND * room.distance_m**2 / np.prod(room.size_m) / SAMPLE_RATE_HZ
  fade = np.clip(2.0 * time / _EARLY_S - 1.0, 0.0, 1.0)
  return np.sqrt(power) * fade * tail
