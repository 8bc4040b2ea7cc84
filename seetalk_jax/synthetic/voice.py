"""Voices of synthetic speakers: voice parameters from speaker attributes, and speech with phoneme times from text.

Sex, age and head size determine the voice through several cues with individual noise. Sex can be inferred
from the voice almost surely, age roughly, and head size from the formants. The relations follow common
findings on real voices (pitch, vocal tract length, speaking rate, hoarseness); the values are our choice.
"""

from __future__ import annotations

import dataclasses
import re
from typing import NamedTuple

import numpy as np
from scipy import fft

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.synthetic import espeak, phonation, speakers

SILENCE = '_'
_STREAM_VOICE, _STREAM_ACCENT, _STREAM_SPEAK = 0x70CE, 0xACCE, 0x57EA
_STREAM_PHONATION = 0x9401

# Language codes of the synthesizer; the part before the dash is the key of the word bank.
ACCENTS = (
  'en-us', 'en-us', 'en-gb', 'en-us', 'en-gb-x-rp', 'de', 'de', 'fr-fr', 'fr-fr', 'es', 'es-419', 'it', 'pt',
  'pt-br', 'nl', 'pl', 'ru', 'tr', 'cmn',
)  # fmt: skip

# Languages of the human world: those above for nearly half of the recordings, and 25 more.
WORLD_ACCENTS = ACCENTS + (
  'en-us', 'en-gb', 'en-gb-scotland', 'en-gb-x-gbclan', 'en-029', 'fr-be', 'yue', 'sv', 'da', 'nb', 'fi', 'cs',
  'hu', 'ro', 'el', 'uk', 'hr', 'ca', 'id', 'sw', 'vi', 'ja', 'ko', 'hi', 'ar', 'ta', 'fa',
)  # fmt: skip

# Wave generators of the synthesizer, as lines of a voice file; the comments describe their sound.
_TIMBRES = (
  '',  # sum of sines
  '',
  'klatt 1',  # formant filters, impulse source
  'klatt 2',  # formant filters, smoother source
  'klatt 3',
  'klatt 4',
)
_SILENT_LEVEL = 12  # of 32768; samples below this level belong to the closure of a stop
_LEVEL_DBFS = -23.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class VoiceParameters:
  """Parameters of a voice.

  Attributes:
    pitch_hz: mean fundamental frequency in Hz.
    pitch_range: range of intonation; 1 is normal, 0 is monotone.
    formant_scale: factor on all formants; 1.0 for a typical man, about 1.17 for women.
    rate: speaking rate in words per minute.
    roughness: irregular loudness from one cycle to the next, 0 to 1.
    breath: aspiration noise, 0 to 1.
    tilt: spectral tilt in dB per octave above 500 Hz; negative values sound duller.
    language: language code of the synthesizer, such as 'en-us'.
    variant: timbre seed; selects the wave generator and the fine shape of the formants.
    effort: vocal effort, -1 (soft) to 1 (loud). The other parameters are those of effort 0.
    whisper: share of whispering, 0 to 1; 1 has no voice at all.
    breathy: breathiness, 0 to 1.
    creaky: creak (low and irregular pulses), 0 to 1, most at the end of phrases.
    tense: tension (pressed voice), 0 to 1.
  """

  pitch_hz: float
  pitch_range: float
  formant_scale: float
  rate: float
  roughness: float
  breath: float
  tilt: float
  language: str
  variant: int
  effort: float = 0.0
  whisper: float = 0.0
  breathy: float = 0.0
  creaky: float = 0.0
  tense: float = 0.0


class Phoneme(NamedTuple):
  """Phoneme: an IPA label (with stress marks; `SILENCE` for pauses) and its time in seconds."""

  label: str
  start_s: float
  end_s: float


@dataclasses.dataclass(frozen=True)
class Utterance:
  """Synthesized speech with phoneme times.

  Attributes:
    waveform: float32 `[n]` at 16 kHz, -23 dBFS over its voiced parts.
    phonemes: phonemes that cover the waveform without gaps, from 0 s to n / 16000 s.
    text: the spoken text.
    voice: parameters of the voice.
  """

  waveform: np.ndarray
  phonemes: tuple[Phoneme, ...]
  text: str
  voice: VoiceParameters

  @property
  def duration_s(self) -> float:
    """Duration in seconds."""
    return len(self.waveform) / SAMPLE_RATE_HZ


def voice_of(
  speaker: speakers.Speaker, seed: int = 0, language: str | None = None, accents: tuple[str, ...] = ACCENTS
) -> VoiceParameters:
  """Samples the voice of `speaker`.

  Args:
    speaker: speaker whose attributes and id determine pitch, formants, rate, hoarseness and timbre.
    seed: seed of differences between recordings of one speaker: small changes of pitch and rate, and the
      language.
    language: language code of the synthesizer; None samples one of `accents`.
    accents: language codes to sample from.
  """
  rng = np.random.default_rng([_STREAM_VOICE, speaker.speaker_id])
  # Individual noise of every cue, sampled in a fixed order.
  n_pitch, n_range, n_formant, n_rate, n_rough, n_breath, n_tilt = rng.standard_normal(7)
  variant = int(rng.integers(1_000_000))
  day = np.random.default_rng([_STREAM_ACCENT, speaker.speaker_id, seed])
  d_pitch, d_rate, d_range = day.standard_normal(3)
  accent = accents[day.integers(len(accents))]

  female = 1.0 - speaker.sex
  age = (speaker.age - 49.0) / 18.0  # standard score over the population
  # Women's pitch falls with age; men's falls until about 50, then rises.
  old_pitch = female * -0.05 * age + speaker.sex * 0.035 * (age**2 - 1.0)
  log_pitch = np.log(114.0) + female * np.log(205.0 / 114.0) + old_pitch + 0.10 * n_pitch + 0.03 * d_pitch
  formants = np.exp(0.155 * female - 0.030 * speaker.head_size - 0.008 * age + 0.012 * n_formant)
  return VoiceParameters(
    pitch_hz=float(np.clip(np.exp(log_pitch), 70.0, 320.0)),
    pitch_range=float(np.clip(1.0 - 0.08 * age + 0.22 * n_range + 0.08 * d_range, 0.35, 1.7)),
    formant_scale=float(np.clip(formants, 0.86, 1.34)),
    rate=float(np.clip(168.0 - 14.0 * age + 12.0 * n_rate + 5.0 * d_rate, 105.0, 230.0)),
    roughness=float(np.clip(0.36 + 0.20 * age + 0.20 * n_rough, 0.0, 1.0)),
    breath=float(np.clip(0.36 + 0.08 * female + 0.18 * age + 0.18 * n_breath, 0.0, 1.0)),
    tilt=float(-1.5 - 1.1 * age + 1.1 * n_tilt),
    language=language or accent,
    variant=variant,
  )


def varied_voice_of(speaker: speakers.Speaker, seed: int = 0, language: str | None = None) -> VoiceParameters:
  """Samples the voice of `speaker` as `voice_of` does, with vocal effort, phonation and one of `WORLD_ACCENTS`.

  Pitch, formants, rate and timbre are those of `voice_of`: sex, age and head size follow as before.
  """
  return phonation.sample(voice_of(speaker, seed, language, WORLD_ACCENTS), speaker.speaker_id, seed)


def speak(text: str, voice: VoiceParameters, seed: int = 0) -> Utterance:
  """Synthesizes `text`, with silence before it, between its sentences and after it; deterministic bit for bit.

  Args:
    text: one or more sentences in the language of the voice.
    voice: parameters of the voice.
    seed: seed of the pauses (0.1 to 0.5 s at the ends, 0.15 to 0.9 s more between sentences) and of the
      breath noise.

  Raises:
    InputError: the text is empty, the language is unknown, or the synthesizer's extra is not installed.
  """
  rng = np.random.default_rng([_STREAM_SPEAK, seed, voice.variant])
  pieces = []
  for i, sentence in enumerate(synthesize_sentences(text, voice)):
    pieces.append(silence(rng.uniform(0.1, 0.5) if i == 0 else rng.uniform(0.15, 0.9)))
    pieces.append(sentence)
  pieces.append(silence(rng.uniform(0.1, 0.5)))
  return join(pieces, text, voice, rng)


class Piece(NamedTuple):
  """Part of an utterance: sound before the voice quality is applied, and its phonemes.

  Attributes:
    sound: float32 `[n]` at 16 kHz.
    marks: `(label, first sample, end sample)` of phonemes that cover the sound.
  """

  sound: np.ndarray
  marks: list[tuple[str, int, int]]


def silence(seconds: float) -> Piece:
  """A pause."""
  gap = int(seconds * SAMPLE_RATE_HZ)
  return Piece(np.zeros(gap, np.float32), [(SILENCE, 0, gap)])


def sentences_of(text: str) -> list[str]:
  """Splits a text into sentences; raises InputError if it is empty."""
  sentences = [s.strip() for s in re.split(r'(?<=[.!?。！？।؟])\s*(?=[^\d\s])', text) if s.strip()]
  if not sentences:
    from seetalk_jax.errors import InputError

    raise InputError('nothing to say, text, give at least one word')
  return sentences


def synthesize_sentences(text: str, voice: VoiceParameters) -> list[Piece]:
  """Synthesizes the sentences of `text` one by one; raises as `speak`. Pieces may be empty."""
  import soxr

  sentences = sentences_of(text)
  # Formants are scaled by resampling; pitch and rate are requested with the inverse factor to compensate.
  voice = phonation.adjusted(voice)
  scale = voice.formant_scale
  segments = espeak.synthesize(
    _definition(voice),
    sentences,
    words_per_minute=int(round(np.clip(voice.rate / scale, 80, 400))),
    intonation=50,
  )
  pieces = []
  for segment in segments:
    samples = np.frombuffer(segment.pcm, '<i2')
    if not len(samples):
      pieces.append(silence(0.0))
      continue
    marks = _place_closures(samples, segment.events)
    sound = soxr.resample(samples.astype(np.float32) / 32768, espeak.ENGINE_RATE_HZ * scale, SAMPLE_RATE_HZ)
    ratio = len(sound) / len(samples)
    pieces.append(Piece(sound, [(label, round(a * ratio), round(b * ratio)) for label, a, b in marks]))
  return pieces


def join(pieces: list[Piece], text: str, voice: VoiceParameters, rng: np.random.Generator) -> Utterance:
  """Joins pieces, applies the voice quality and sets the level."""
  marks, clock = [], 0
  for piece in pieces:
    marks += [(label, clock + start, clock + end) for label, start, end in piece.marks]
    clock += len(piece.sound)
  sound = np.concatenate([piece.sound for piece in pieces])
  if phonation.is_modal(voice):
    waveform = _voice_quality(sound, voice, rng)
  else:
    own = np.random.default_rng([_STREAM_PHONATION, int(rng.integers(2**31))])
    waveform = _voice_quality(phonation.apply(sound, marks, voice, own), phonation.adjusted(voice), rng)
  return Utterance(waveform, _seconds(marks), text, voice)


def _definition(voice: VoiceParameters) -> str:
  """Text of the synthesizer's voice file: the lines of the language, then our lines, which override them."""
  rng = np.random.default_rng([_STREAM_VOICE, voice.variant])
  scale = voice.formant_scale
  # The synthesizer treats `pitch low high` as a base and a range above it; the mean is near 0.45 of the
  # range.
  half_range = 0.22 * voice.pitch_range
  mean = voice.pitch_hz / scale / 1.07  # the measured pitch of the output is 7 % higher
  lines = [f'pitch {mean * (1 - 0.9 * half_range):.0f} {mean * (1 + 1.1 * half_range):.0f}']
  lines.append(_TIMBRES[rng.integers(len(_TIMBRES))])
  for formant in range(1, 6):
    frequency = 100 + rng.normal(0.0, 1.2)
    height, width = 100 + rng.normal(0.0, 7.0), 100 + rng.normal(0.0, 12.0)
    frequency *= phonation.formant_factor(voice, formant)
    width *= phonation.bandwidth_factor(voice)
    lines.append(f'formant {formant} {frequency:.0f} {height:.0f} {width:.0f}')
  lines.append(f'flutter {1 + 5 * voice.roughness:.0f}')
  lines.append(f'consonants {rng.uniform(80, 120):.0f} {rng.uniform(80, 120):.0f}')
  return espeak.language_definition(voice.language) + '\n' + '\n'.join(lines) + '\n'


def _place_closures(samples: np.ndarray, events: list[tuple[int, str]]) -> list[tuple[str, int, int]]:
  """Converts events to contiguous `(label, start, end)` in samples, with silent labels merged.

  The synthesizer marks a voiceless stop at its burst and assigns the silence of its closure, about 50 ms, to
  the previous phoneme. Here the closure is assigned to the stop, because a mouth that closes at the burst is
  late.
  """
  total = len(samples)
  marks = [(label or SILENCE, min(start, total)) for start, label in events]
  if not marks or marks[0][1] > 0:
    marks.insert(0, (SILENCE, 0))
  starts = [start for _, start in marks]
  labels = [label for label, _ in marks]
  loud = np.abs(samples.astype(np.int32)) > _SILENT_LEVEL
  longest, shortest_left = int(0.09 * espeak.ENGINE_RATE_HZ), int(0.012 * espeak.ENGINE_RATE_HZ)
  for i in range(1, len(labels)):
    if labels[i].lstrip('ˈˌ')[:1] in ('p', 't', 'k', 'c', 'q', 'ʈ'):
      # The burst may start a few samples before its event.
      floor = max(starts[i - 1] + shortest_left, starts[i] - longest)
      before = np.flatnonzero(loud[floor : max(floor, starts[i] - 120)])
      if floor < starts[i]:
        starts[i] = min(starts[i], floor + (int(before[-1]) + 1 if len(before) else 0))
  marks = []
  for label, start, end in zip(labels, starts, [*starts[1:], total], strict=True):
    if end <= start:
      continue
    if marks and label == SILENCE and marks[-1][0] == SILENCE:
      marks[-1] = (SILENCE, marks[-1][1], end)
    else:
      marks.append((label, start, end))
  return marks


def _seconds(phonemes: list[tuple[str, int, int]]) -> tuple[Phoneme, ...]:
  """Merges adjacent silences and converts samples to seconds."""
  joined: list[list] = []
  for label, start, end in phonemes:
    if end <= start:
      continue
    if joined and label == SILENCE and joined[-1][0] == SILENCE:
      joined[-1][2] = end
    else:
      joined.append([label, start, end])
  return tuple(Phoneme(label, start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ) for label, start, end in joined)


def _voice_quality(waveform: np.ndarray, voice: VoiceParameters, rng: np.random.Generator) -> np.ndarray:
  """Adds tilt, roughness and breath, and sets the level; float32, same length."""
  n = len(waveform)
  size = fft.next_fast_len(n + 512, real=True)  # padding against circular wraparound of the filter
  spectrum = fft.rfft(waveform, size)
  octaves = np.log2(np.maximum(fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ), 500.0) / 500.0)
  gain = (10 ** (voice.tilt * octaves / 20)).astype(np.float32)
  tilted = fft.irfft(spectrum * gain, size)[:n]
  loudness = smooth(np.abs(tilted), int(0.012 * SAMPLE_RATE_HZ))
  # Roughness: loudness modulation at 25 to 70 Hz, below the pitch.
  tremble = _band_noise(n, 25.0, 70.0, rng)
  rough = tilted * np.maximum(0.1, 1 + 0.45 * voice.roughness * tremble)
  # Breath: noise above 1.5 kHz that follows the voice.
  noise = _band_noise(n, 1500.0, 7000.0, rng)
  level = 0.0 if voice.breath <= 0 else 10 ** ((-34 + 24 * voice.breath) / 20)
  mixed = rough + level * noise * loudness * 1.6
  voiced = loudness > 0.1 * loudness.max() if n else loudness
  rms = np.sqrt(np.mean(mixed[voiced] ** 2)) if np.any(voiced) else 1.0
  mixed = mixed * (10 ** (_LEVEL_DBFS / 20) / max(rms, 1e-6))
  return (mixed / max(1.0, np.abs(mixed).max() / 0.99)).astype(np.float32)


def _band_noise(n: int, low_hz: float, high_hz: float, rng: np.random.Generator) -> np.ndarray:
  """Band-limited Gaussian noise `[n]` of unit standard deviation."""
  size = fft.next_fast_len(n, real=True)
  first, last = (int(np.ceil(hz * size / SAMPLE_RATE_HZ)) for hz in (low_hz, high_hz))
  spectrum = np.zeros(size // 2 + 1, np.complex64)
  draws = rng.standard_normal(2 * (last - first), dtype=np.float32)
  spectrum[first:last] = draws.view(np.complex64)
  noise = fft.irfft(spectrum, size)[:n]
  return noise / (noise.std() + 1e-9)


def smooth(values: np.ndarray, width: int) -> np.ndarray:
  """Centered moving average `[n]` over `width` samples; at the ends, over the available samples."""
  half = max(1, width // 2)
  total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
  i = np.arange(len(values))
  high, low = np.minimum(i + half + 1, len(values)), np.maximum(i - half, 0)
  return (total[high] - total[low]) / (high - low)
