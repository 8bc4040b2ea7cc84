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


def splits(tmp_path, layout, files):
  for file in files:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
  return {item.file: item.split for item in layouts.find_items(tmp_path, layout)}


@pytest.mark.parametrize('speaker', ['narrator', 'face', 'ben', 'me'])
def test_a_single_speaker_is_in_the_train_split(tmp_path, speaker):
  """The hash puts `narrator` and `face` into validation."""
  found = splits(tmp_path, 'folder', [f'{speaker}/0.mp4', f'{speaker}/1.mp4'])
  assert set(found.values()) == {'train'}


def test_the_speaker_with_most_files_is_moved_to_the_train_split(tmp_path):
  assert layouts.split_of('narrator') == layouts.split_of('face') == 'validation'
  found = splits(tmp_path, 'folder', ['face/0.mp4', 'narrator/0.mp4', 'narrator/1.mp4'])
  assert found == {'face/0.mp4': 'validation', 'narrator/0.mp4': 'train', 'narrator/1.mp4': 'train'}


def test_a_train_split_is_left_as_it_is(tmp_path):
  files = [f's{i}/0.mp4' for i in range(50)]
  assert splits(tmp_path, 'folder', files) == {file: layouts.split_of(file.split('/')[0]) for file in files}


def test_an_official_test_set_alone_stays_a_test_set(tmp_path):
  file = 'test/mp4/id00017/01dfn2spqyE/00001.mp4'
  assert splits(tmp_path, 'voxceleb2', [file]) == {file: 'test'}


@pytest.mark.parametrize('num', [1, 2, 3, 60])
def test_recordings_of_one_person_are_split_by_clip(tmp_path, num):
  found = list(splits(tmp_path, 'person', [f'day{i % 3}/{i}.mp4' for i in range(num)]).values())
  assert found.count('train') >= max(1, num // 2)
  assert found.count('validation') >= 1 or num == 1
