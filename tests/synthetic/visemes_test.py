"""Visemes: shapes and shares of phoneme labels."""

import pytest

from seetalk_jax.synthetic import visemes


def test_labels_become_shapes():
  (first, _), (second, _) = visemes.label_visemes('ˈaʊ')
  assert first.jaw > 0.9 and second.rounding > 0.5
  assert visemes.label_visemes('tʃ')[-1][0].rounding > 0.5
  assert visemes.label_visemes('_') == ((visemes.REST, 1.0),)
  for label in ('p', 'ˈm', 'pʰ', 'bː', 'ph'):
    assert visemes.label_visemes(label)[0][0].closure == 1.0
  for label in ('', '?', 'ˈ', '1', 'ɑ̃ː', 'tɕh', 'əl', 'ts.h'):
    assert sum(share for _, share in visemes.label_visemes(label)) == pytest.approx(1.0)
