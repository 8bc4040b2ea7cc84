"""Layouts of corpora: speakers and splits from file names."""

from __future__ import annotations

import pytest

from seetalk_jax.prepare import layouts


@pytest.mark.parametrize(
  ('layout', 'file', 'speaker', 'split'),
  [
    ('folder', 'anna/talks/3.mp4', 'anna', None),
    ('folder', 'bert.mov', 'bert', None),
    ('hdtf', 'WDA_BobMenendez_001.mp4', 'WDA_BobMenendez', None),
    ('voxceleb2', 'dev/mp4/id00012/21Uxsk56VDQ/00001.mp4', 'id00012', None),
    ('voxceleb2', 'test/mp4/id00017/01dfn2spqyE/00001.mp4', 'id00017', 'test'),
    ('avspeech', 'train/AbCdEfGhIjK_10.0_14.2.mp4', 'AbCdEfGhIjK', None),
    ('avspeech', 'test/AbCdEfGhIjK/10.0_14.2.mp4', 'AbCdEfGhIjK', 'test'),
  ],
)
def test_layouts(layout, file, speaker, split):
  item = layouts.LAYOUTS[layout](file)
  assert item.speaker == speaker
  assert item.split == split if split else item.split in layouts.SPLITS
  if layout in ('voxceleb2', 'avspeech') and split is None:
    assert item.split != 'test'  # only the official list sets the test split


def test_splits_go_by_speaker_in_their_shares():
  counts = {split: 0 for split in layouts.SPLITS}
  for number in range(4000):
    counts[layouts.split_of(f'speaker {number}')] += 1
  assert counts['train'] / 4000 == pytest.approx(0.9, abs=0.02)
  assert counts['test'] / 4000 == pytest.approx(0.05, abs=0.015)
