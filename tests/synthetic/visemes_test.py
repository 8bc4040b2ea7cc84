"""Visemes: shapes and shares of phoneme labels."""

import pytest

from seetalk_jax.synthetic import espeak, speakers, texts, visemes, voice

MARKS = ('', 'ʲ', 'ː', 'ʰ', '\u0303')  # labels that are only a mark: palatal, long, aspirated, nasal


def is_known(label):
  """Whether a label is silence or has a viseme other than that of unknown labels."""
  shapes = [shape for shape, _ in visemes.label_visemes(label)]
  return label.strip('ˈˌ') in MARKS or shapes != [visemes._UNKNOWN]


def test_labels_become_shapes():
  (first, _), (second, _) = visemes.label_visemes('ˈaʊ')
  assert first.jaw > 0.9 and second.rounding > 0.5
  assert visemes.label_visemes('tʃ')[-1][0].rounding > 0.5
  assert visemes.label_visemes('_') == ((visemes.REST, 1.0),)
  for label in ('p', 'ˈm', 'pʰ', 'bː', 'ph'):
    assert visemes.label_visemes(label)[0][0].closure == 1.0
  for label in ('', '?', 'ˈ', '1', 'ɑ̃ː', 'tɕh', 'əl', 'ts.h'):
    assert sum(share for _, share in visemes.label_visemes(label)) == pytest.approx(1.0)


@pytest.mark.parametrize('language', sorted(set(voice.WORLD_ACCENTS)))
def test_every_label_of_the_languages_is_known(language):
  pytest.importorskip('espeakng_loader')
  own = voice.voice_of(speakers.sample_speaker(1), 0, language)
  for seed in range(2):
    spoken = voice.speak(texts.sample_text(seed, language, 'train', 3), own)
    labels = {p.label for p in spoken.phonemes if not visemes.is_silence(p.label)}
    assert len(labels) > 10
    assert not [label for label in labels if not is_known(label)]


@pytest.mark.slow
def test_every_label_of_the_synthesizer_is_known():
  pytest.importorskip('espeakng_loader')
  unknown = {}
  for language in espeak.languages():
    if language == 'kl':  # its numbers end the engine
      continue
    numbers = ' '.join(map(str, [*range(21), *range(30, 101, 7), 1000, 1_000_000]))
    (segment,) = espeak.synthesize(
      espeak.language_definition(language), [numbers], words_per_minute=400, intonation=50
    )
    unknown |= {label: language for _, label in segment.events if not is_known(label)}
  assert not unknown


def test_accented_letters_count_as_their_letter():
  assert visemes.label_visemes('ˈũ') == visemes.label_visemes('u')
  assert visemes.label_visemes('ɸ')[0][0].closure > 0.5
