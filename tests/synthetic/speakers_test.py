"""Speakers: fixed by their number, distribution of their attributes, splits."""

import itertools

import numpy as np
import pytest

from seetalk_jax import errors
from seetalk_jax.synthetic import speakers


def test_speakers_are_fixed_by_their_number():
  assert speakers.sample_speaker(17) == speakers.sample_speaker(17)
  assert speakers.sample_speaker(17) != speakers.sample_speaker(18)


def test_population():
  people = [speakers.sample_speaker(i) for i in range(600)]
  table = np.array([p.attributes for p in people])
  assert 0.4 < (table[:, 0] > 0.5).mean() < 0.6
  assert np.mean((table[:, 0] < 0.15) | (table[:, 0] > 0.85)) > 0.85
  assert table[:, 1].min() >= 18 and table[:, 1].max() <= 80 and table[:, 1].std() > 15
  assert 0.2 < np.corrcoef(table[:, 0], table[:, 2])[0, 1] < 0.6


def test_splits_share_no_speaker():
  ids = [set(speakers.speaker_ids(split, 1000)) for split in speakers.SPLIT_OFFSETS]
  assert all(not a & b for a, b in itertools.combinations(ids, 2))
  assert [speakers.split_of(max(i)) for i in ids] == list(speakers.SPLIT_OFFSETS)
  with pytest.raises(errors.InputError, match='unknown split'):
    speakers.speaker_ids('dev', 3)
