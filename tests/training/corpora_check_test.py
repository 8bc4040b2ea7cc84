"""Check of recordings before a run of all stages: missing, small and short ones are one line."""

import json
import pathlib

import pytest
import real_records

from seetalk_jax.data import schema, sources
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.training import all_stages, config_files, corpora_check

ROOT = pathlib.Path(__file__).resolve().parents[2]


def corpus(folder, *, seconds=(5, 4), size=64, largest_side=300, split='train'):
  sources.add_part(folder, 'real', split, {'largest_side': largest_side})
  records = real_records.RealSource(seconds=seconds, size=size).records
  shard = folder / sources.shard_name('real', split, 0, 1)
  sources.write_shard(shard, [schema.encode(record) for record in records])


def check(root, corpora=('mine',), **changes):
  config = config_files.load(ROOT / 'configs' / 'all.py', 'real-tiny')
  config.update({'corpora': corpora, 'data_root': str(root)} | changes)
  stages = {stage: all_stages.stage_config(config, stage) for stage in config.stages}
  corpora_check.check(config.data_root, stages)


def test_recordings_of_the_right_size_and_length_pass(tmp_path):
  corpus(tmp_path / 'mine')
  check(tmp_path)


def test_no_corpora(tmp_path):
  with pytest.raises(ConfigError, match=r"no recordings, config.corpora=\(\): .*'seetalk prepare'"):
    check(tmp_path, ())


def test_no_such_corpus(tmp_path):
  with pytest.raises(InputError, match='none is no corpus'):
    check(tmp_path, ('none',))


def test_no_train_split(tmp_path):
  corpus(tmp_path / 'mine', split='test')
  with pytest.raises(InputError, match="split 'train'"):
    check(tmp_path)


def test_small_recordings_are_named_before_the_first_stage(tmp_path):
  corpus(tmp_path / 'mine', largest_side=40)
  with pytest.raises(
    InputError, match='stage autoencoder .* crops of 48 pixels or more.*--config.min_side=0'
  ):
    check(tmp_path)
  check(tmp_path, min_side=40)


def test_pictures_of_another_size(tmp_path):
  corpus(tmp_path / 'mine', size=96)
  with pytest.raises(ConfigError, match='stage conre needs pictures of 64 pixels, and .* has 96: prepare'):
    check(tmp_path)


def test_short_clips(tmp_path):
  corpus(tmp_path / 'mine', seconds=(3, 2))
  with pytest.raises(InputError, match='stage motion needs clips of 4 s, and the longest of .* has 3 s'):
    check(tmp_path)
  manifest = json.loads((tmp_path / 'mine' / 'corpus.json').read_text())
  assert list(manifest['parts']) == ['real-train']
