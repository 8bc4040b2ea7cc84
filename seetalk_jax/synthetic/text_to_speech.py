"""Text to speech with a named voice of espeak-ng, for `seetalk say` and the web demo."""

from __future__ import annotations

import functools
import pathlib

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ, SPEAKING_RATE, SPEAKING_RATES, SPOKEN_VOICE
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import espeak, voice

_GAP_S = 0.35  # silence between sentences
_MARGIN_S = 0.25  # silence before the first and after the last sentence
_PEAK = 0.7
# Lines of a variant that name it: the language says who the voice is.
_NAMES = ('language', 'name', 'gender', 'maintainer', 'status')


def variants() -> list[str]:
  """Sorted names of the variants of the installed engine, such as 'f3'.

  Raises:
    InputError: the extra `synthetic` is not installed.
  """
  return sorted(_variant_files())


def say(text: str, voice_name: str = SPOKEN_VOICE, rate: int = SPEAKING_RATE) -> np.ndarray:
  """Speaks a text; the same arguments give the same samples.

  Args:
    text: one or more sentences.
    voice_name: a language of `espeak.languages`, such as 'de', alone or with a variant of `variants`: 'en-us+f3'.
    rate: speaking rate in words per minute, 80 to 400.

  Returns:
    Speech, float32 `[n]` at 16 kHz, with a largest sample of 0.7.

  Raises:
    InputError: the text has no words, the language or the variant is unknown, the rate is out of range, or the extra
      `synthetic` is not installed.
  """
  import soxr

  if not SPEAKING_RATES[0] <= rate <= SPEAKING_RATES[1]:
    raise InputError(f'{rate} words per minute, rate: use {SPEAKING_RATES[0]} to {SPEAKING_RATES[1]}')
  segments = espeak.synthesize(
    _definition(voice_name), voice.sentences_of(text), words_per_minute=rate, intonation=50
  )
  pieces = [_silence(_MARGIN_S)]
  for number, segment in enumerate(segments):
    samples = np.frombuffer(segment.pcm, '<i2').astype(np.float32) / 32768
    pieces += [_silence(_GAP_S)] if number else []
    pieces.append(soxr.resample(samples, espeak.ENGINE_RATE_HZ, SAMPLE_RATE_HZ))
  pieces.append(_silence(_MARGIN_S))
  speech = np.concatenate(pieces)
  peak = np.abs(speech).max()
  if peak == 0:
    raise InputError('nothing can be pronounced, text: give words in the language of the voice')
  return (_PEAK / peak * speech).astype(np.float32)


def _definition(voice_name: str) -> str:
  """Text of the engine's voice file for LANGUAGE or LANGUAGE+VARIANT."""
  language, plus, variant = voice_name.partition('+')
  definition = espeak.language_definition(language)
  if not plus:
    return definition
  files = _variant_files()
  if variant not in files:
    raise InputError(
      f'unknown variant {variant!r}, voice {voice_name}: seetalk say --voices prints all, f1 to f5 and m1 to m8 '
      'for example'
    )
  lines = files[variant].read_text('utf-8', 'replace').splitlines()
  kept = [line for line in lines if not line.strip().startswith(_NAMES)]
  return '\n'.join([definition, *kept, ''])


@functools.cache
def _variant_files() -> dict[str, pathlib.Path]:
  folder = espeak.data_folder() / 'voices' / '!v'
  return {path.name: path for path in folder.iterdir() if path.is_file()}


def _silence(seconds: float) -> np.ndarray:
  return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)
