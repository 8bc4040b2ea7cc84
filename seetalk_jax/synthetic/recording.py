"""Recording conditions of speech: rooms, noise, microphones, gain control, clipping, codecs and lost packets.

Pure functions of a waveform and a random generator. Length and timing stay: every filter has zero delay, or
its direct sound at sample 0, and the delay of codecs is removed, so that phoneme times and lips stay aligned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from seetalk_jax.data import augment
from seetalk_jax.synthetic import codecs, noises, rooms

_EFFORT_DB = 6.0  # change of the signal-to-noise ratio by full vocal effort
_FRAME = 160  # 10 ms, the step of gain control
_PACKET = 320  # 20 ms, the packet of calls

# Frequency responses as (octaves around 1 kHz, dB).
MICROPHONES: dict[str, tuple[tuple[float, float], ...]] = {
  'flat': ((-5, -3), (-4, 0), (3, 0)),
  'headset': ((-5, -6), (-3, 2), (-1, 0), (1.5, 4), (2.6, -2), (3, -10)),
  'laptop': ((-5, -30), (-3, -16), (-2, -5), (-1, 0), (1.5, 5), (2.5, 2), (3, -4)),
  'phone': ((-5, -36), (-2.5, -12), (-1.5, -1), (1.3, 4), (1.9, 0), (3, -12)),
  'lavalier': ((-5, -4), (-3, 1), (-0.5, 3), (1, -2), (2, -5), (3, -8)),
  'dynamic': ((-5, -6), (-3, 3), (-1, 0), (2, 5), (3, -6)),
  'cheap': ((-5, -20), (-2, -4), (0, 2), (1.6, 9), (2.2, -4), (3, -14)),
}
BANDS: dict[str, tuple[float, float]] = {
  'telephone': (300.0, 3400.0),
  'wideband': (50.0, 7000.0),
  'narrow_tape': (100.0, 4500.0),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditions:
  """Recording conditions, in the order in which they act; None leaves an effect out.

  Attributes:
    room: room, or None for a dry recording.
    noise: kind of background noise, see `noises.KINDS`.
    snr_db: level of the loud parts of speech over the noise in dB.
    microphone: key of `MICROPHONES`.
    gain_control: strength of automatic gain control, 0 to 1: the share of level differences that it removes.
    clip: level of clipping as a share of the peak, 0 to 1.
    band: key of `BANDS`.
    codec: key of `codecs.CODECS`.
    bit_rate: bits per second of the codec.
    lost_packets: share of lost packets of 20 ms, 0 to 1.
    level_db: final change of the level in dB.
  """

  room: rooms.Room | None = None
  noise: str | None = None
  snr_db: float = 40.0
  microphone: str | None = None
  gain_control: float = 0.0
  clip: float | None = None
  band: str | None = None
  codec: str | None = None
  bit_rate: int = 0
  lost_packets: float = 0.0
  level_db: float = 0.0


def sample_conditions(rng: np.random.Generator, effort: float = 0.0) -> Conditions:
  """Samples recording conditions; a tenth of them is clean.

  Args:
    rng: random generator.
    effort: vocal effort of the speech, -1 (soft) to 1 (loud): soft speech is nearer to the noise.
  """
  if rng.random() < 0.1:
    return Conditions(level_db=float(rng.uniform(-12.0, 3.0)))
  names = codecs.available()
  codec = names[int(rng.integers(len(names)))] if names and rng.random() < 0.45 else None
  rates = codecs.CODECS[codec].bit_rates if codec else (0,)
  snr = np.clip(rng.normal(22.0, 9.0), 2.0, 45.0) + _EFFORT_DB * effort
  chance = rng.random(7)
  return Conditions(
    room=rooms.sample_room(rng) if chance[0] < 0.7 else None,
    noise=noises.sample_kind(rng) if chance[1] < 0.75 else None,
    snr_db=float(snr),
    microphone=str(rng.choice(list(MICROPHONES))) if chance[2] < 0.8 else None,
    gain_control=float(rng.uniform(0.3, 0.9)) if chance[3] < 0.3 else 0.0,
    clip=float(rng.uniform(0.25, 0.9)) if chance[4] < 0.1 else None,
    band=str(rng.choice(list(BANDS))) if chance[5] < 0.2 else None,
    codec=codec,
    bit_rate=int(rates[int(rng.integers(len(rates)))]),
    lost_packets=float(rng.uniform(0.005, 0.04)) if chance[6] < 0.05 else 0.0,
    level_db=float(rng.uniform(-20.0, 6.0)),
  )


def record(
  waveform: np.ndarray, rng: np.random.Generator, *, effort: float = 0.0, voices: Sequence[np.ndarray] = ()
) -> np.ndarray:
  """Applies sampled recording conditions; arguments as of `sample_conditions` and `apply`."""
  return apply(waveform, sample_conditions(rng, effort), rng, voices=voices)


def apply(
  waveform: np.ndarray,
  conditions: Conditions,
  rng: np.random.Generator,
  *,
  voices: Sequence[np.ndarray] = (),
) -> np.ndarray:
  """Applies recording conditions.

  Args:
    waveform: float `[n]` at 16 kHz, in [-1, 1].
    conditions: what to apply.
    rng: random generator of impulse response, noise and lost packets.
    voices: speech of other speakers for babble, see `noises.noise`.

  Returns:
    float32 `[n]` in [-1, 1]. Speech moves by less than 1 ms. With a codec the bytes depend on the version of
    FFmpeg, otherwise on the arguments alone.
  """
  sound = np.asarray(waveform, np.float64)
  if not len(sound):
    return np.zeros(0, np.float32)
  if conditions.room is not None:
    sound = augment.convolve(sound, rooms.impulse_response(conditions.room, rng))
  if conditions.noise is not None:
    background = noises.noise(conditions.noise, len(sound), rng, voices)
    sound = sound + background * speech_level(sound) * 10 ** (-conditions.snr_db / 20)
  if conditions.microphone is not None:
    sound = _microphone(sound, conditions.microphone, rng)
  if conditions.gain_control:
    sound = control_gain(sound, conditions.gain_control)
  sound = sound / max(1.0, np.abs(sound).max() / 0.99)
  if conditions.clip is not None:
    limit = conditions.clip * np.abs(sound).max()
    sound = np.clip(sound, -limit, limit)
  if conditions.band is not None:
    sound = augment.limit_band(sound, *BANDS[conditions.band], order=24)
  if conditions.codec is not None:
    sound = codecs.code(sound, conditions.codec, conditions.bit_rate)
  if conditions.lost_packets:
    sound = lose_packets(sound, conditions.lost_packets, rng)
  return np.clip(sound * 10 ** (conditions.level_db / 20), -1.0, 1.0).astype(np.float32)


def speech_level(sound: np.ndarray) -> float:
  """RMS of the loud parts of `[n]`: samples above a tenth of the peak."""
  loud = np.abs(sound) > 0.1 * np.abs(sound).max()
  return float(np.sqrt(np.mean(sound[loud] ** 2))) if loud.any() else 0.0


def control_gain(sound: np.ndarray, strength: float) -> np.ndarray:
  """Automatic gain control: follows the level with 40 ms attack and 0.5 s release, by at most 20 dB."""
  frames = np.sqrt(np.mean(np.pad(sound, (0, -len(sound) % _FRAME)).reshape(-1, _FRAME) ** 2, axis=1))
  target = speech_level(sound)
  followed, level = np.empty(len(frames)), target
  for i, now in enumerate(frames):
    level += (now - level) * (0.25 if now > level else 0.02)
    followed[i] = level
  gain = np.clip((target / np.maximum(followed, 1e-9)) ** strength, 0.1, 10.0)
  centers = (np.arange(len(frames)) + 0.5) * _FRAME
  return sound * np.interp(np.arange(len(sound)), centers, gain)


def lose_packets(sound: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
  """Drops packets of 20 ms in short bursts; half of the bursts are silent, half repeat the packet before."""
  sound = sound.copy()
  count = len(sound) // _PACKET
  lost = rng.random(count) < share / 2.0  # a burst has two packets on average
  for first in np.flatnonzero(lost):
    repeats = rng.random() < 0.5 and first > 0
    for k in range(int(rng.geometric(0.5))):
      packet = slice((first + k) * _PACKET, (first + k + 1) * _PACKET)
      if packet.stop > len(sound):
        break
      before = sound[(first - 1) * _PACKET : first * _PACKET] if repeats else 0.0
      sound[packet] = 0.6 ** (k + 1) * before
  return sound


def _microphone(sound: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
  """Frequency response of a microphone, with ripples of 2 dB of its own."""
  octaves, decibels = np.array(MICROPHONES[name], float).T
  knots = np.linspace(-5.0, 3.0, 25)
  ripple = rng.normal(0.0, 2.0, len(knots))

  def response(frequency):
    octave = np.log2(np.maximum(frequency, 20.0) / 1000.0)
    return 10 ** ((np.interp(octave, octaves, decibels) + np.interp(octave, knots, ripple)) / 20)

  return augment.apply_response(sound, response)
