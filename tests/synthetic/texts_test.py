"""Texts: repeatable, varied, with different nouns in every split."""

import itertools

import pytest

from seetalk_jax.synthetic import texts


@pytest.mark.parametrize('language', texts.LANGUAGES)
def test_texts_are_repeatable_varied_and_disjoint(language):
  drawn = {
    s: {texts.sample_text(i, language, s, 1) for i in range(150)} for s in ('train', 'validation', 'test')
  }
  assert texts.sample_text(4, language, 'test') == texts.sample_text(4, language, 'test')
  assert len(drawn['train']) > 120
  for a, b in itertools.combinations(drawn, 2):
    assert not drawn[a] & drawn[b]
    assert not set(texts.nouns(language, a)) & set(texts.nouns(language, b))
  assert not any(letter in text for text in drawn['train'] for letter in '{}')
