"""Layouts of corpora: speakers and splits from file names."""

from __future__ import annotations

import hdtf_names
import pytest

from seetalk_jax.prepare import layouts


@pytest.mark.parametrize(
  ('layout', 'file', 'speaker', 'split'),
  [
    ('folder', 'anna/talks/3.mp4', 'anna', None),
    ('folder', 'bert.mov', 'bert', None),
    ('hdtf', 'WDA_BobMenendez_001.mp4', 'WDA_BobMenendez', None),
    ('hdtf', 'WDA_NancyPelosi3.mp4', 'WDA_NancyPelosi', None),
    ('hdtf', 'WRA/JohnKasich2_014.mp4', 'WRA_JohnKasich', None),
    ('hdtf', 'WDA_LucilleRoybal-Allard_000_crop.mp4', 'WDA_LucilleRoybal-Allard', None),
    ('hdtf', 'WDA_BobCasey1/003.mp4', 'WDA_BobCasey', None),
    ('hdtf', 'WDA_WhipJimClyburn_000.mp4', 'WDA_JamesClyburn', None),
    ('hdtf', 'RD_Radio34_000.mp4', 'RD_Radio34', 'train'),
    ('hdtf', 'RD/Radio8.mp4', 'RD_Radio8', 'train'),
    ('hdtf', 'other_name_001.mp4', 'other_name', None),
    ('hdtf', '001.mp4', '001', None),
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


def people_of_hdtf():
  """Person of HDTF -> files of all clips of all videos, by names of the published lists."""
  people = {}
  for subset, videos in (('WDA', hdtf_names.WDA), ('WRA', hdtf_names.WRA)):
    for video in videos:
      person = f'{subset} {video.rstrip("0123456789").replace("WhipJim", "James")}'
      people.setdefault(person, []).extend(f'{subset}_{video}_{clip:03d}.mp4' for clip in range(3))
  return people


def test_people_of_hdtf_are_one_speaker_in_one_split():
  people = people_of_hdtf()
  assert len(people) == 25 and sum(map(len, people.values())) == 3 * 56
  items = {file: layouts.LAYOUTS['hdtf'](file) for files in people.values() for file in files}
  speakers = {person: {items[file].speaker for file in files} for person, files in people.items()}
  assert all(len(found) == 1 for found in speakers.values())
  assert len(set.union(*speakers.values())) == len(people)  # no two people are one speaker
  held_out = {person for person, files in people.items() if any(items[f].split != 'train' for f in files)}
  shared = {person for person in held_out if any(items[file].split == 'train' for file in people[person])}
  assert len(held_out) > 1 and not shared
  # Records of one clip are joined: a clip belongs to one file.
  assert len({(item.speaker, item.clip) for item in items.values()}) == len(items)


def test_videos_of_hdtf_without_names_stay_in_one_split():
  items = [
    layouts.LAYOUTS['hdtf'](f'RD_{video}_{clip:03d}.mp4') for video in hdtf_names.RD for clip in (0, 1)
  ]
  assert {item.split for item in items} == {'train'}
  assert len({item.speaker for item in items}) == len(hdtf_names.RD)


@pytest.mark.parametrize(
  'form',
  [
    '{subset}_{name}_000.mp4',
    '{subset}/{name}/000.mp4',
    '{subset}/{name}/000_1.mp4',
    '{subset}/{name}_1.mp4',
  ],
)
def test_names_of_hdtf_are_found_in_file_and_folders(form):
  def speaker(subset, name):
    return layouts.LAYOUTS['hdtf'](form.format(subset=subset, name=name)).speaker

  assert speaker('WDA', 'NancyPelosi0') == speaker('WDA', 'NancyPelosi3') == 'WDA_NancyPelosi'
  assert speaker('WDA', 'WhipJimClyburn') == speaker('WDA', 'JamesClyburn1') == 'WDA_JamesClyburn'
  assert (speaker('RD', 'Radio3'), speaker('RD', 'Radio12')) == ('RD_Radio3', 'RD_Radio12')


def test_clips_with_the_same_number_stay_apart():
  first, second = (layouts.LAYOUTS['hdtf'](f'WDA_NancyPelosi{video}/000.mp4') for video in (0, 1))
  assert first.speaker == second.speaker and first.clip != second.clip


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
