"""Prosody: phrases, pauses, activity and accents."""

import numpy as np
from utterances import sentence, utterance

from seetalk_jax.synthetic.acting import curves, prosody


def test_phrases_and_pauses():
  spoken = utterance(('_', 0.4), ('a', 1.0), ('_', 0.05), ('a', 0.5), ('_', 0.6), ('a', 1.0), ('_', 0.3))
  times = curves.frame_times(100)
  found = prosody.analyze(spoken, times, np.random.default_rng(0))
  np.testing.assert_allclose(found.phrases, [[0.4, 1.95], [2.55, 3.55]])
  np.testing.assert_allclose(found.pauses, [[0.0, 0.4], [1.95, 2.55], [3.55, np.inf]])
  np.testing.assert_allclose(found.activity[[25, 2, -1]], [1, 0, 0], atol=1e-12)


def test_accents_are_stressed_syllables():
  spoken = sentence()
  found = prosody.analyze(spoken, curves.frame_times(100), np.random.default_rng(0))
  stressed = [(p.start_s + p.end_s) / 2 for p in spoken.phonemes if 'ˈ' in p.label]
  assert 0 < len(found.accents) <= len(stressed) and set(found.accents) <= set(stressed)
  assert found.sizes.min() >= 0 and found.sizes.max() <= 1


def test_silence_and_speech_without_pauses():
  silent = prosody.analyze(utterance(('_', 1.0)), curves.frame_times(25), np.random.default_rng(0))
  assert len(silent.phrases) == 0 and len(silent.accents) == 0 and silent.activity.max() == 0
  spoken = prosody.analyze(utterance(('a', 1.0)), curves.frame_times(25), np.random.default_rng(0))
  np.testing.assert_allclose(spoken.phrases, [[0.0, 1.0]])
