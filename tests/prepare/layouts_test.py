"""Layouts: splits of corpora with few speakers."""

import pytest

from seetalk_jax.prepare import layouts


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
