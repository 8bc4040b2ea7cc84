"""Pauses: small movements of the mouth between phrases."""

import numpy as np
from utterances import sentence, utterance

from seetalk_jax.synthetic.acting import curves, pauses, prosody


def test_movements_occur_in_pauses_only():
  spoken = sentence()
  times = curves.frame_times(int(spoken.duration_s * 25))
  rhythm = prosody.analyze(spoken, times, np.random.default_rng(0))
  moved = np.max([pauses.gestures(times, rhythm, np.random.default_rng(seed)) for seed in range(40)], axis=0)
  silent = ((times[:, None] > rhythm.pauses[:, 0]) & (times[:, None] < rhythm.pauses[:, 1])).any(axis=1)
  assert moved[silent].max() > 0.2 and moved[~silent].max() == 0


def test_long_silences_have_several():
  times = curves.frame_times(1500)
  rhythm = prosody.analyze(utterance(('_', 60.0)), times, np.random.default_rng(0))
  active = pauses.gestures(times, rhythm, np.random.default_rng(0)).max(axis=1) > 0.05
  assert 8 <= np.sum(active[1:] & ~active[:-1]) <= 25
