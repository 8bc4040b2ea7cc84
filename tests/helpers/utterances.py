"""Utterances without a speech synthesizer: labels with times, and noise where there is sound."""

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.synthetic import voice

VOICE = voice.VoiceParameters(
  pitch_hz=120.0,
  pitch_range=1.0,
  formant_scale=1.0,
  rate=170.0,
  roughness=0.0,
  breath=0.0,
  tilt=0.0,
  language='en-us',
  variant=0,
)


def utterance(*marks: tuple[str, float], level: float = 0.05) -> voice.Utterance:
  """Utterance of (label, seconds); `level` is the amplitude of its sound, '_' is silence."""
  phonemes, sounds, at = [], [], 0.0
  rng = np.random.default_rng(0)
  for label, seconds in marks:
    phonemes.append(voice.Phoneme(label, at, at + seconds))
    at += seconds
    size = int(round(at * SAMPLE_RATE_HZ)) - sum(map(len, sounds))
    sounds.append((level if label != '_' else 0.0) * rng.standard_normal(size).astype(np.float32))
  return voice.Utterance(np.concatenate(sounds), tuple(phonemes), '', VOICE)


def sentence(level: float = 0.05) -> voice.Utterance:
  """About four seconds of speech with closures, tucks, rounded and spread vowels, and a pause."""
  words = ('m', 'ˈa', 'm', 'ə', 's', 'ˈiː', 'f', 'ˈuː', 'b', 'ˈɔ', 'v', 'ɪ', 'p', 'ˈæ', 't', 'w', 'ˈiː', 'k')
  half = [(label, 0.16 if 'ˈ' in label else 0.08) for label in words]
  return utterance(('_', 0.3), *half, ('_', 0.6), *half, ('_', 0.4), level=level)
