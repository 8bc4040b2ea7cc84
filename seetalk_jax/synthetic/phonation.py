"""Phonation and vocal effort: loud, soft, whispered, breathy, creaky and tense voices with continuous strength.

Effort changes the parameters of the synthesizer: loud speech is higher, slower and brighter, with a higher
first formant (the Lombard effect). Whisper and breath replace the voice by noise with the same spectral
envelope, and creak makes its pulses irregular. Phoneme times follow from the synthesizer and stay.
"""

from __future__ import annotations

import dataclasses
import typing

import numpy as np
from scipy import signal

from seetalk_jax.constants import SAMPLE_RATE_HZ

if typing.TYPE_CHECKING:
  from seetalk_jax.synthetic.voice import VoiceParameters

_STREAM_HABIT, _STREAM_DAY = 0xEFF0, 0xEFF1
_VOICELESS = frozenset('ptkcqʈfsʃʂɕθxχçħhʔɸɬʍ')
_MARKS = 'ˈˌ'
_WINDOW, _HOP = 400, 100  # 25 ms and 6.25 ms
_FFT = 512
_ORDER = 18  # of linear prediction: eight resonances and the slope of the source


def sample(voice: VoiceParameters, speaker_id: int, seed: int) -> VoiceParameters:
  """Samples effort and phonation.

  Speakers have habits (some are breathy, creaky or tense, all are a little louder or softer than others);
  recordings differ around them. 4 % of the recordings are whispered, wholly or in part.

  Args:
    voice: voice without effort and phonation.
    speaker_id: seed of the habits.
    seed: seed of the recording.
  """
  habit = np.random.default_rng([_STREAM_HABIT, speaker_id])
  day = np.random.default_rng([_STREAM_DAY, speaker_id, seed])
  values = {'effort': habit.normal(0.0, 0.2) + day.normal(0.0, 0.35), 'whisper': 0.0}
  for name, share in (('breathy', 0.2), ('creaky', 0.2), ('tense', 0.15)):
    strength = habit.uniform(0.2, 0.9) if habit.random() < share else 0.0
    values[name] = max(0.0, strength + day.normal(0.0, 0.1)) if strength or day.random() < 0.1 else 0.0
  if day.random() < 0.04:
    values |= {
      'whisper': 1.0 if day.random() < 0.6 else day.uniform(0.3, 0.9),
      'effort': day.uniform(-1.0, -0.2),
    }
    values |= {'creaky': 0.0, 'tense': 0.0}
  ranges = {'effort': (-1.0, 1.0)}
  return dataclasses.replace(
    voice, **{name: float(np.clip(value, *ranges.get(name, (0.0, 1.0)))) for name, value in values.items()}
  )


def is_modal(voice: VoiceParameters) -> bool:
  """Whether the voice has neutral effort and phonation, and so needs nothing of this module."""
  return not (voice.effort or voice.whisper or voice.breathy or voice.creaky or voice.tense)


def adjusted(voice: VoiceParameters) -> VoiceParameters:
  """The voice with pitch, rate, tilt, breath and roughness of its effort and phonation.

  Full effort raises the pitch by five semitones and the tilt by 4 dB per octave, and slows speech by 12 %.
  """
  if is_modal(voice):
    return voice
  loud, soft = max(voice.effort, 0.0), max(-voice.effort, 0.0)
  semitones = 5.0 * loud - 2.0 * soft + 1.5 * voice.tense - 6.0 * voice.creaky - 0.5 * voice.breathy
  return dataclasses.replace(
    voice,
    pitch_hz=float(np.clip(voice.pitch_hz * 2 ** (semitones / 12), 55.0, 400.0)),
    pitch_range=float(
      np.clip(voice.pitch_range * (1 + 0.3 * loud - 0.3 * soft - 0.3 * voice.creaky), 0.25, 2.0)
    ),
    rate=float(np.clip(voice.rate * (1 - 0.12 * loud - 0.05 * voice.whisper), 95.0, 240.0)),
    tilt=float(voice.tilt + 4.0 * voice.effort + 2.0 * voice.tense - 2.5 * voice.breathy),
    breath=float(
      np.clip(voice.breath + 0.2 * soft + 0.35 * voice.breathy - 0.4 * voice.tense - 0.25 * loud, 0, 1)
    ),
    roughness=float(np.clip(voice.roughness + 0.3 * voice.creaky + 0.2 * loud * voice.tense, 0, 1)),
  )


def formant_factor(voice: VoiceParameters, formant: int) -> float:
  """Factor on the frequency of formant 1 to 5: open mouths of loud speech and whisper raise the first."""
  if formant == 1:
    return 1.0 + 0.12 * voice.effort + 0.12 * voice.whisper
  return 1.0 + (0.03 * voice.whisper if formant == 2 else 0.0)


def bandwidth_factor(voice: VoiceParameters) -> float:
  """Factor on the bandwidths of the formants: narrow in tense voices, wide in breathy ones."""
  return 1.0 - 0.25 * voice.tense + 0.3 * voice.breathy


def apply(
  sound: np.ndarray, marks: list[tuple[str, int, int]], voice: VoiceParameters, rng: np.random.Generator
) -> np.ndarray:
  """Applies the phonation to synthesized speech.

  Args:
    sound: float32 `[n]` at 16 kHz.
    marks: `(label, first sample, end sample)` of the phonemes.
    voice: voice with effort and phonation.
    rng: random generator of noise and irregular pulses.

  Returns:
    float32 `[n]`; nothing moves in time.
  """
  voiced = _voiced_mask(len(sound), marks)
  if voice.creaky:
    sound = _creak(sound, marks, voice, rng)
  if voice.whisper or voice.breathy:
    # Whispered vowels are far softer than spoken ones; consonants keep their level.
    voiced = np.maximum(voiced, _periodicity(sound))
    noise_gain = 0.2 * np.sqrt(voice.whisper) + 0.15 * voice.breathy
    voice_gain = 1 - voiced * (1 - np.sqrt(1 - voice.whisper))
    sound = voice_gain * sound + noise_gain * voiced * _noise_with_envelope_of(sound, rng)
  # Effort lies in the vowels: 3 dB of voiced parts against voiceless consonants.
  return (sound * 10 ** (3.0 * voice.effort * voiced / 20)).astype(np.float32)


def is_voiced(label: str) -> bool:
  """Whether a phoneme label has a voice; pauses have none."""
  symbols = label.lstrip(_MARKS)
  return bool(symbols) and symbols[0] not in _VOICELESS and not symbols.startswith('_')


def _voiced_mask(n: int, marks: list[tuple[str, int, int]]) -> np.ndarray:
  """1 in voiced phonemes, 0 elsewhere, with ramps of 8 ms; float64 `[n]`."""
  mask = np.zeros(n)
  for label, start, end in marks:
    if is_voiced(label):
      mask[start:end] = 1.0
  ramp = np.hanning(130)
  return np.convolve(mask, ramp / ramp.sum(), 'same') if n >= len(ramp) else mask


def _periodicity(sound: np.ndarray) -> np.ndarray:
  """1 where the sound repeats with a pitch of 60 to 400 Hz, 0 where it does not; `[n]`, for ends of vowels."""
  width = 2 * _WINDOW
  index = np.arange(1 + -(-len(sound) // _HOP))[:, None] * _HOP + np.arange(width)
  window = np.hanning(width)
  pieces = np.pad(sound.astype(np.float64), (width // 2, width + _HOP))[index] * window
  lags = slice(SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 60)
  correlation, own = (np.fft.irfft(np.abs(np.fft.rfft(x, 2 * width)) ** 2) for x in (pieces, window))
  best = np.max(correlation[:, lags] / own[lags], axis=1) * own[0] / (correlation[:, 0] + 1e-6)
  return np.interp(np.arange(len(sound)), np.arange(len(best)) * _HOP, np.clip(4.0 * best - 1.8, 0.0, 1.0))


def _noise_with_envelope_of(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Noise `[n]` with the spectral envelope of speech, by linear prediction in frames of 25 ms.

  The slope of the voice source is taken out: a whisper is flat at its source and weak below 400 Hz.
  """
  n = len(sound)
  frames = 1 + -(-n // _HOP)
  padded = np.pad(sound.astype(np.float64), (_WINDOW // 2, _WINDOW + _HOP))
  index = np.arange(frames)[:, None] * _HOP + np.arange(_WINDOW)
  window = np.hanning(_WINDOW + 1)[:-1]
  pieces = padded[index] * window
  power = np.abs(np.fft.rfft(pieces, 2 * _FFT)) ** 2
  correlation = np.fft.irfft(power)[:, : _ORDER + 1]
  correlation[:, 0] = correlation[:, 0] * 1.001 + 1e-9
  lags = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
  predictor = np.linalg.solve(correlation[:, lags], correlation[:, 1:, None])[..., 0]
  # Wider resonances: the open glottis of a whisper damps them, and narrow ones would sound like tones.
  predictor *= 0.975 ** np.arange(1, _ORDER + 1)
  error = np.maximum(correlation[:, 0] - np.sum(predictor * correlation[:, 1:], axis=1), 1e-12)
  whitening = np.concatenate([np.ones([frames, 1]), -predictor], axis=1)
  envelope = np.sqrt(error)[:, None] / np.abs(np.fft.rfft(whitening, 2 * _FFT))
  frequency = np.fft.rfftfreq(2 * _FFT, 1 / SAMPLE_RATE_HZ)
  source = np.sqrt(np.maximum(frequency, 200.0) / 1000.0) / (1.0 + (350.0 / np.maximum(frequency, 1.0)) ** 4)
  # White noise in the same frames has the power of the window in every bin.
  excitation = np.pad(rng.standard_normal(n), (_WINDOW // 2, _WINDOW + _HOP))[index] * window
  spectrum = np.fft.rfft(excitation, 2 * _FFT) * envelope * source / np.sqrt(np.sum(window**2))
  shaped = np.fft.irfft(spectrum)[:, : 2 * _FFT]
  out = np.zeros(n + 4 * _FFT + _WINDOW + _HOP)
  for i, frame in enumerate(shaped):  # overlapping frames, each with the tail of its filter
    out[i * _HOP : i * _HOP + 2 * _FFT] += frame
  out /= np.sqrt(np.sum(window**2) / _HOP)
  return out[_WINDOW // 2 : _WINDOW // 2 + n]


def _creak(
  sound: np.ndarray, marks: list[tuple[str, int, int]], voice: VoiceParameters, rng: np.random.Generator
) -> np.ndarray:
  """Makes glottal pulses irregular: every other pulse is weak, and loudness changes from pulse to pulse."""
  n = len(sound)
  period = SAMPLE_RATE_HZ / adjusted(voice).pitch_hz
  width = max(3, int(0.12 * period))
  envelope = np.convolve(np.abs(np.diff(sound, prepend=0.0)), np.hanning(width), 'same')
  pulses, _ = signal.find_peaks(envelope, distance=max(1, int(0.7 * period)))
  if len(pulses) < 2:
    return sound
  strength = voice.creaky * _toward_phrase_ends(n, marks)[pulses]
  weak = (np.arange(len(pulses)) % 2) * rng.uniform(0.4, 1.0, len(pulses))
  gain_db = strength * (-14.0 * weak + rng.normal(0.0, 2.5, len(pulses)))
  # The gain steps between pulses, where the sound is weakest.
  middles = (pulses[1:] + pulses[:-1]) / 2
  steps = np.repeat(10 ** (gain_db / 20), np.diff(np.concatenate([[0], middles.astype(int), [n]])))
  ramp = np.hanning(max(3, int(0.15 * period)))
  return (sound * np.convolve(steps, ramp / ramp.sum(), 'same')[:n]).astype(np.float32)


def _toward_phrase_ends(n: int, marks: list[tuple[str, int, int]]) -> np.ndarray:
  """Rises from 0.4 at the start of each phrase to 1 at its end; `[n]`."""
  curve, first = np.full(n, 0.4), 0
  for label, start, end in [*marks, ('_', n, n)]:
    if label.startswith('_'):
      curve[first:start] = np.linspace(0.4, 1.0, max(0, start - first))
      first = end
  return curve
