"""Visemes in ARKit coefficients: shapes and shares of phoneme labels."""

import unicodedata

import pytest

from seetalk_jax.synthetic import espeak
from seetalk_jax.synthetic.acting import visemes

# Every label that the voices of 19 languages produced for 684 texts, without stress and length marks.
LABELS = (
  't n m a s k l ə p d i r e b f ɾ j v o z ɛ ɪ w ð ɐ ʊ ɹ ŋ ʲ ʃ u eɪ æ ɔ ʁ ɑ ɡ h ʒ tʃ β x ʌ ɨ dʒ ɭ y ɕ ɲ aɪ ts əl '
  'əʊ tɕ ə- ɒ aʊ s. ɣ a- ɑu ɜ χ ɯ dʲ θ ʋ ç oʊ ɚ sʲ ts. ai ɑ̃ dʑ ø oɪ ũ tʃʲ iɛ ʎ œ mʲ ɟ o- ei iou ɫ ɛ̃ ɐ̃ ᵻ ʏ ɵ i̪ '
  'ʝ ʑ ja ɛɪ kh ou ɛʊ ss ʌʊ eʊ ph ʐ ɔ̃ ɐ̃ʊ ɔø ɔɹ i. eə iə ju yɛ aɪə th œ̃ œy ts.h ɔɪ dz tɕh uo ɑɹ yæ y- onɡ iɑ u" '
  'ua uə aɪɚ ɪ^ ər c pf ɪɹ iʊ ʊɐ'
).split()
MARKS = set('ˈˌːʲ.-"^ˑʰ') | {'\u0303', '\u032a', '\u0327'}


def shape(label, name):
  return visemes.label_visemes(label)[0][0].targets[visemes.SPOKEN.index(name)]


@pytest.mark.parametrize('label', LABELS)
def test_every_label_of_the_voices_has_a_shape(label):
  symbols = label if label in visemes.VISEMES else unicodedata.normalize('NFD', label)
  assert all(symbol in visemes.VISEMES or symbol in MARKS for symbol in symbols)
  assert sum(share for _, share in visemes.label_visemes(label)) == pytest.approx(1.0)


@pytest.mark.parametrize('label', ['', '?', 'ˈ', '1', 'ɑ̃ː', 'tɕh', 'əl', 'ts.h'])
def test_any_label_has_shares_that_sum_to_one(label):
  assert sum(share for _, share in visemes.label_visemes(label)) == pytest.approx(1.0)


def test_shapes_follow_phonetics():
  assert shape('a', 'jawOpen') > shape('ɛ', 'jawOpen') > shape('i', 'jawOpen') > shape('s', 'jawOpen')
  assert shape('i', 'mouthStretch') > shape('ə', 'mouthStretch')
  assert shape('u', 'mouthPucker') > 0.5 > shape('i', 'mouthPucker')
  assert shape('ʃ', 'mouthFunnel') > 0.4 and shape('θ', 'tongueOut') > 0.3
  (first, _), (second, _) = visemes.label_visemes('ˈaʊ')
  assert first.targets[0] > 0.3 and sum(second.targets[2:4]) > 0.5


def test_an_accent_in_the_letter_does_not_hide_the_vowel():
  for label in ('\u0169', '\u00e3', 'u\u0303'):
    assert visemes.label_visemes(label)[0][0] is visemes.VISEMES['a' if label == '\u00e3' else 'u']


def test_contact_of_lips_and_teeth():
  for label in ('p', 'ˈm', 'pʰ', 'bː', 'ph', 'mʲ', 'pf'):
    assert visemes.label_visemes(label)[0][0].closure == 1.0
  for label in ('f', 'v', 'ʋ', 'vʲ'):
    assert visemes.label_visemes(label)[0][0].tuck == 1.0
  assert visemes.label_visemes('pf')[1][0].tuck == 1.0
  assert 0 < visemes.label_visemes('β')[0][0].closure < 1  # lips approach without contact


@pytest.mark.slow
def test_every_label_of_the_synthesizer_has_a_shape():
  pytest.importorskip('espeakng_loader')
  unknown = {}
  numbers = ' '.join(map(str, [*range(21), *range(30, 101, 7), 1000, 1_000_000]))
  for language in espeak.languages():
    if language == 'kl':  # its numbers end the engine
      continue
    definition = espeak.language_definition(language)
    (segment,) = espeak.synthesize(definition, [numbers], words_per_minute=400, intonation=50)
    for _, label in segment.events:
      marks_alone = not visemes.symbols_of(label).strip('ˈˌːʲʰ_\u0303')
      if not marks_alone and visemes.label_visemes(label)[0][0] is visemes._UNKNOWN:
        unknown[label] = language
  assert not unknown
