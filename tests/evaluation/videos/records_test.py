"""Videos of prepared corpora: clips over several records, rendered records, sound, lengths, names, errors."""

import dataclasses

import numpy as np
import pytest

from seetalk_jax.constants import SAMPLES_PER_FRAME
from seetalk_jax.data import schema
from seetalk_jax.data import sources as corpora
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.videos import records

_LEAD = 3 * SAMPLES_PER_FRAME


def record(clip, start, num_frames, kind='real', shade=0, speaker='id1/x'):
  frames = [schema.encode_frame(np.full((32, 32, 3), shade + i, np.uint8)) for i in range(num_frames)]
  samples = _LEAD + (num_frames + 2) * SAMPLES_PER_FRAME
  audio = (np.arange(samples) - _LEAD + round(start * 25) * SAMPLES_PER_FRAME).clip(0).astype(np.int16)
  motion = {'audio': audio, 'audio_lead': _LEAD}
  return schema.ClipRecord(
    kind=kind, speaker=speaker, clip=clip, start_seconds=start, frames=frames, size=32, **motion
  )


def corpus(folder, made, kind='real', split='test'):
  corpora.add_part(folder, kind, split, {'size': 32})
  corpora.write_shard(folder / corpora.shard_name(kind, split, 0, 1), map(schema.encode, made))
  return str(folder)


@pytest.fixture
def folder(tmp_path):
  """A clip of two records, and one of one record."""
  made = [record('a@0', 0.0, 25), record('a@0', 1.0, 20, shade=25), record('a@90', 3.6, 30, shade=100)]
  return corpus(tmp_path, made)


def test_records_of_a_clip_are_one_video(folder):
  first, second = records.record_videos(folder, 'test')
  assert [first.name, second.name] == ['id1_x-a_0', 'id1_x-a_90']
  assert [int(frame[0, 0, 0]) for frame in first.frames()] == pytest.approx(list(range(45)), abs=1)
  np.testing.assert_array_equal(schema.to_int16(first.waveform()), np.arange(45 * SAMPLES_PER_FRAME))
  assert len(list(second.frames())) == 30
  assert first.identity != second.identity


def test_only_the_start_of_long_videos_is_read(folder):
  whole, cut = (records.record_videos(folder, 'test', max_frames=limit)[0] for limit in (None, 30))
  assert len(list(cut.frames())) == 30 and len(cut.waveform()) == 30 * SAMPLES_PER_FRAME
  assert whole.identity != cut.identity


def test_the_first_long_videos(folder):
  names = lambda **options: [video.name for video in records.record_videos(folder, 'test', **options)]
  assert names(num_videos=1) == ['id1_x-a_0']
  assert names(min_seconds=1.5) == ['id1_x-a_0']
  with pytest.raises(InputError, match="no clip of split 'test' with 5 s or more"):
    names(min_seconds=5.0)


def test_rendered_records_are_clips_of_their_own_and_names_differ(tmp_path):
  truth = schema.Truth(attributes=np.zeros(3, np.float32))
  made = [dataclasses.replace(record(7, 0.0, 25, 'clips', speaker=3), truth=truth) for _ in range(2)]
  videos = records.record_videos(corpus(tmp_path, made, 'clips'), 'test')
  assert [video.name for video in videos] == ['3-7', '3-7_2']


def test_corpora_are_told_from_folders_of_videos(folder, tmp_path):
  assert records.is_corpus(folder) and records.is_corpus(str(tmp_path.parent))
  (tmp_path / 'videos').mkdir()
  assert not records.is_corpus(str(tmp_path / 'videos'))


def test_other_splits_and_talks_are_one_line(folder, tmp_path):
  with pytest.raises(InputError, match=r"all of them are of split 'test'.*talks have none"):
    records.record_videos(folder, 'train')
