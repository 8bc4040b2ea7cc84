"""Sounds between sentences: laughs, sighs, coughs, hesitations and audible breaths, with their times.

Hesitations ("uh", "um") and the vowels of laughs come from the synthesizer, breath and coughs are shaped noise.
Rhythm, pitch, loudness and breathiness are those of people. The sounds are easy to recognize, and easy to tell from
recordings: laughs sound stiff. Crying, snorts, sniffs and speech with laughter in it are missing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.data import augment
from seetalk_jax.synthetic import recording, voice
from seetalk_jax.synthetic.acting.events import Event, EventKind

_STREAM_EVENTS = 0xEEB7
# Chance of each kind in a pause before or between sentences; at the end of the text no one hesitates.
CHANCES = {
  EventKind.BREATH: 0.30,
  EventKind.HESITATION: 0.12,
  EventKind.LAUGH: 0.06,
  EventKind.SIGH: 0.04,
  EventKind.COUGH: 0.03,
}
# Vocalic and nasal hesitation of each language; other languages have the English ones.
HESITATIONS = {
  'en': ('uh', 'um'), 'de': ('äh', 'ähm'), 'fr': ('euh', 'euhm'), 'es': ('eh', 'em'), 'it': ('eh', 'ehm'),
  'pt': ('é', 'hum'), 'nl': ('eh', 'ehm'), 'sv': ('öh', 'öhm'), 'da': ('øh', 'øhm'), 'nb': ('øh', 'øhm'),
  'fi': ('öö', 'öm'), 'hu': ('öö', 'öm'), 'ru': ('э', 'эм'), 'tr': ('ıı', 'ım'),
}  # fmt: skip
_OPEN_THROAT = ((600.0, 350.0, 1.0), (1500.0, 500.0, 0.6), (2600.0, 700.0, 0.4), (4200.0, 1500.0, 0.25))
_COUGH_SOUND = ((500.0, 300.0, 1.0), (1300.0, 700.0, 0.8), (2800.0, 1500.0, 0.6), (5000.0, 2500.0, 0.3))


def speak_with_events(
  text: str,
  own: voice.VoiceParameters,
  seed: int = 0,
  *,
  rate: float = 1.0,
  kinds: Sequence[str | None] | None = None,
) -> tuple[voice.Utterance, tuple[Event, ...]]:
  """Synthesizes `text` as `voice.speak` does, with sounds in its pauses.

  Args:
    text: one or more sentences in the language of the voice.
    own: parameters of the voice.
    seed: seed of pauses and sounds.
    rate: factor on the chance of a sound in a pause, 0.55 in all; 0 leaves the pauses silent.
    kinds: kind of the sound in each pause, None for silence, in place of sampling; the first pause is that
      before the first sentence, the last that after the last one. Missing entries are silent.

  Returns:
    (utterance, events in the order of time). Phonemes are silence in the events, except in hesitations, which
    have the phonemes that they are made of: mouths follow them as they do speech.

  Raises:
    InputError: as `voice.speak`.
    ValueError: an unknown kind.
  """
  sentences = voice.synthesize_sentences(text, own)
  rng = np.random.default_rng([_STREAM_EVENTS, seed, own.variant])
  level = max([recording.speech_level(s.sound) for s in sentences if len(s.sound)], default=0.05)
  pieces, events, clock = [], [], 0

  def add(piece: voice.Piece) -> None:
    nonlocal clock
    pieces.append(piece)
    clock += len(piece.sound)

  for i in range(len(sentences) + 1):
    last = i == len(sentences)
    add(voice.silence(rng.uniform(0.1, 0.5) if i == 0 or last else rng.uniform(0.15, 0.7)))
    if kinds is None:
      kind = _sample_kind(rng, rate, can_hesitate=not last)
    else:
      kind = EventKind(kinds[i]) if i < len(kinds) and kinds[i] else None
    if kind is not None:
      start = clock
      add(_SOUNDS[kind](own, level, rng))
      events.append(Event(kind.value, start / SAMPLE_RATE_HZ, clock / SAMPLE_RATE_HZ))
      add(voice.silence(rng.uniform(0.08, 0.35)))
    if not last:
      add(sentences[i])
  return voice.join(pieces, text, own, rng), tuple(events)


def _sample_kind(rng: np.random.Generator, rate: float, can_hesitate: bool) -> EventKind | None:
  draw = rng.random()
  for kind, chance in CHANCES.items():
    draw -= rate * chance
    if draw < 0:
      return kind if can_hesitate or kind is not EventKind.HESITATION else None
  return None


def _silent_phonemes(sound: np.ndarray) -> voice.Piece:
  return voice.Piece(sound.astype(np.float32), [(voice.SILENCE, 0, len(sound))])


def _throat_noise(n: int, resonances, scale: float, rng: np.random.Generator) -> np.ndarray:
  """Noise `[n]` of unit RMS through resonances `(Hz, half bandwidth in Hz, gain)`, scaled as the formants are."""

  def response(frequency):
    gains = (g / (1 + ((frequency - scale * hz) / (scale * wide)) ** 2) for hz, wide, g in resonances)
    return sum(gains) / (1.0 + (200.0 / np.maximum(frequency, 1.0)) ** 4)

  noise = augment.apply_response(rng.standard_normal(n), response)
  return noise / (np.sqrt(np.mean(noise**2)) + 1e-12)


def _curve(n: int, *points: tuple[float, float]) -> np.ndarray:
  """Smooth curve `[n]` through `(place 0 to 1, value)`."""
  places, values = np.array(points, float).T
  curve = np.interp(np.linspace(0, 1, n), places, values)
  width = max(3, min(n, int(0.02 * SAMPLE_RATE_HZ)))
  ramp = np.hanning(width + 2)[1:-1]
  return np.convolve(curve, ramp / ramp.sum(), 'same')[:n]


def _vowel(own: voice.VoiceParameters, text: str, **changes) -> np.ndarray:
  """Longest vowel that the synthesizer says in an English `text` with this voice, `[n]`."""
  changed = dataclasses.replace(own, language='en-us', whisper=0.0, creaky=0.0, **changes)
  (piece,) = voice.synthesize_sentences(text, changed)
  _, start, end = max((m for m in piece.marks if m[0] != voice.SILENCE), key=lambda m: m[2] - m[1])
  return piece.sound[start:end]


def _breath(own: voice.VoiceParameters, level: float, rng: np.random.Generator) -> voice.Piece:
  """Inhalation of 0.25 to 0.7 s, 18 to 30 dB below speech."""
  n = int(rng.uniform(0.25, 0.7) * SAMPLE_RATE_HZ)
  peak = rng.uniform(0.45, 0.75)
  swell = _curve(n, (0, 0), (peak, 1), (0.9, 0.4), (1, 0))
  gain = level * 10 ** (-rng.uniform(18, 30) / 20)
  return _silent_phonemes(gain * swell * _throat_noise(n, _OPEN_THROAT, 1.1 * own.formant_scale, rng))


def _sigh(own: voice.VoiceParameters, level: float, rng: np.random.Generator) -> voice.Piece:
  """Exhalation of 0.7 to 1.5 s that falls off; half of them begin with a falling voice."""
  n = int(rng.uniform(0.7, 1.5) * SAMPLE_RATE_HZ)
  fall = _curve(n, (0, 0), (0.12, 1), (0.5, 0.5), (1, 0))
  gain = level * 10 ** (-rng.uniform(12, 20) / 20)
  sound = gain * fall * _throat_noise(n, _OPEN_THROAT, 0.9 * own.formant_scale, rng)
  if rng.random() < 0.5:
    vowel = _vowel(own, 'Ah.', rate=95.0, pitch_hz=0.95 * own.pitch_hz, breathy=1.0)
    vowel = vowel[: int(0.5 * n)] * _curve(min(len(vowel), int(0.5 * n)), (0, 0), (0.3, 1), (1, 0))
    start = int(0.05 * n)
    sound[start : start + len(vowel)] += 0.4 * (1 - own.whisper) * vowel
  return _silent_phonemes(sound)


def _laugh(own: voice.VoiceParameters, level: float, rng: np.random.Generator) -> voice.Piece:
  """Laugh: 3 to 8 bursts "ha" at about 5 Hz, falling in pitch and loudness, often with a breath after them."""
  import soxr

  high = min(1.5 * own.pitch_hz, 420.0)
  vowel = _vowel(own, str(rng.choice(['Hah.', 'Heh.', 'Huh.'])), rate=110.0, pitch_hz=high, pitch_range=0.3)
  rhythm = rng.uniform(4.2, 5.6)
  pieces, count = [], int(rng.integers(3, 9))
  for k in range(count):
    period = int(SAMPLE_RATE_HZ / rhythm * (1 + 0.25 * k / count) * rng.uniform(0.93, 1.07))
    loud = level * 10 ** (-(1.5 * k + rng.uniform(0, 4)) / 20)
    pitch = (1.2 - 0.35 * k / max(1, count - 1)) * rng.uniform(0.96, 1.04)
    voiced = soxr.resample(vowel.astype(np.float64), SAMPLE_RATE_HZ * pitch, SAMPLE_RATE_HZ)
    voiced = voiced[: int(rng.uniform(0.45, 0.6) * period)]
    voiced = voiced * _curve(len(voiced), (0, 0), (0.2, 1), (0.6, 0.7), (1, 0))
    voiced *= (1 - own.whisper) * loud / (recording.speech_level(voiced) + 1e-9)
    burst = 0.15 * loud * _throat_noise(period, _OPEN_THROAT, own.formant_scale, rng)
    burst *= _curve(period, (0, 0.1), (0.25, 1), (0.6, 0.5), (1, 0.1))
    start = period - len(voiced) - int(0.08 * period)
    burst[start : start + len(voiced)] += voiced
    pieces.append(burst)
  if rng.random() < 0.5:
    pieces.append(_breath(own, 2.0 * level, rng).sound)
  return _silent_phonemes(np.concatenate(pieces))


def _cough(own: voice.VoiceParameters, level: float, rng: np.random.Generator) -> voice.Piece:
  """1 to 3 coughs: a burst, a rush of air, and often a short voiced end."""
  vowel = _vowel(own, 'Uh.', pitch_hz=0.9 * own.pitch_hz, tense=0.5)
  pieces = []
  for k in range(int(rng.integers(1, 4))):
    n = int(rng.uniform(0.28, 0.42) * SAMPLE_RATE_HZ)
    time = np.arange(n) / SAMPLE_RATE_HZ
    burst = np.minimum(1.0, time / 0.004) * np.exp(-time / rng.uniform(0.02, 0.04))
    rush = 0.35 * np.exp(-(((time - 0.06) / 0.07) ** 2))
    sound = (burst + rush) * _throat_noise(n, _COUGH_SOUND, own.formant_scale, rng)
    if rng.random() < 0.6:
      end = vowel[: int(0.09 * SAMPLE_RATE_HZ)]
      end = end * _curve(len(end), (0, 0), (0.25, 1), (1, 0)) / (recording.speech_level(end) + 1e-9)
      start = int(0.13 * SAMPLE_RATE_HZ)
      sound[start : start + len(end)] += 0.5 * (1 - own.whisper) * end
    pieces.append(level * 10 ** (-(2.0 * k + rng.uniform(0, 4)) / 20) * sound)
  return _silent_phonemes(np.concatenate(pieces))


def _hesitation(own: voice.VoiceParameters, level: float, rng: np.random.Generator) -> voice.Piece:
  """A slow, level "uh" or "um" in the language of the voice, with its phonemes."""
  key = own.language.lower().split('-')[0]
  language = own.language if key in HESITATIONS else 'en-us'
  word = HESITATIONS.get(key, HESITATIONS['en'])[int(rng.integers(2))]
  slow = dataclasses.replace(
    own,
    language=language,
    rate=rng.uniform(0.45, 0.7) * own.rate,
    pitch_hz=0.93 * own.pitch_hz,
    pitch_range=0.3 * own.pitch_range,
    effort=0.5 * own.effort - 0.3,
  )
  (piece,) = voice.synthesize_sentences(word + '.', slow)
  spoken = [mark for mark in piece.marks if mark[0] != voice.SILENCE]
  first, last = spoken[0][1], spoken[-1][2]
  sound = piece.sound[first:last] * _curve(last - first, (0, 0), (0.05, 1), (0.85, 1), (1, 0))
  return voice.Piece(
    sound.astype(np.float32), [(label, start - first, end - first) for label, start, end in spoken]
  )


_SOUNDS = {
  EventKind.BREATH: _breath,
  EventKind.SIGH: _sigh,
  EventKind.LAUGH: _laugh,
  EventKind.COUGH: _cough,
  EventKind.HESITATION: _hesitation,
}
