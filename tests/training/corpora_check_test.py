"""Check of recordings before a run of all stages: missing, small and short ones are one line."""

import dataclasses
import json
import pathlib

import pytest
import real_records

from seetalk_jax.data import schema, sources
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.synthetic import sketch, source
from seetalk_jax.training import all_stages, config_files, corpora_check

ROOT = pathlib.Path(__file__).resolve().parents[2]


def corpus(folder, *, seconds=(5, 4), size=64, largest_side=300, split='train', sides=None):
  """A corpus with one speaker for each of `seconds`, whose portrait crops have `sides` pixels in the recording."""
  sources.add_part(folder, 'real', split, {'largest_side': largest_side})
  records = real_records.RealSource(seconds=seconds, size=size).records
  if sides:
    records = [dataclasses.replace(r, source_side=sides[int(r.speaker[-1])]) for r in records]
  shard = folder / sources.shard_name('real', split, 0, 1)
  sources.write_shard(shard, [schema.encode(record) for record in records])


def rendered(folder, *kinds, size=64, num=4, frames=None):
  """A rendered corpus of records of some kinds."""
  for kind in kinds:
    sources.add_part(folder, kind, 'train', {})
    of_kind = frames if kind == 'clips' else None
    records = source.WorldSource(kind, 'train', num, size=size, frames=of_kind, world=sketch.SketchWorld)
    shard = folder / sources.shard_name(kind, 'train', 0, 1)
    sources.write_shard(shard, [schema.encode(records[i]) for i in range(num)])


def load(root, corpora=('mine',), variant='real-tiny', overrides=None, **changes):
  config = config_files.load(ROOT / 'configs' / 'all.py', variant)
  config.update({'corpora': corpora, 'data_root': str(root)} | changes)
  config.overrides.update(overrides or {})
  return config


def check(root, *args, **changes):
  config = all_stages.with_readable_corpora(load(root, *args, **changes))
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


def test_stages_that_compare_speakers_need_two(tmp_path):
  for name in ('mine', 'more'):  # both of the person 'speaker 0'
    corpus(tmp_path / name, seconds=(6,))
  for corpora in (('mine',), ('mine', 'more')):
    with pytest.raises(
      InputError,
      match=r"stage conre compares speakers.* of one, 'speaker 0', mine.*: .*seetalk adapt.*real-person",
    ) as error:
      check(tmp_path, corpora)
    assert '\n' not in str(error.value)
  corpus(tmp_path / 'two', seconds=(1, 1))
  check(tmp_path, ('mine', 'two'))


def test_speakers_whose_records_do_not_pass_do_not_count(tmp_path):
  corpus(tmp_path / 'mine', seconds=(6, 6), sides=(300, 90))
  check(tmp_path)
  with pytest.raises(
    InputError, match='all its recordings with portrait crops of 96 pixels or more are of one'
  ):
    check(tmp_path, overrides={'conre': {'data': {'min_side': 96}}})


def test_one_person_serves_stages_that_do_not_compare(tmp_path):
  corpus(tmp_path / 'mine', seconds=(6,))
  check(tmp_path, overrides={'conre': {'options': {'contrastive_weight': 0.0}}})
  check(tmp_path, stages=('motion_codec', 'motion', 'render'))
  # The regression from voice to face of the demo prior is cross-validated over speakers.
  corpus(tmp_path / 'large', seconds=(6,), size=512, largest_side=600, sides=(600,))
  check(tmp_path, ('large',), 'real-person')
  with pytest.raises(InputError, match='stage face_prior compares speakers'):
    check(tmp_path, ('large',), 'real-demo', stages=('autoencoder', 'face_prior', 'portrait'))


def test_only_records_that_a_stage_reads_count(tmp_path):
  corpus(tmp_path / 'mine')
  rendered(tmp_path / 'synthetic', 'faces', 'clips', 'talks')
  rendered(tmp_path / 'clips', 'clips', size=96)  # no stage but sync_expert reads them, in any size
  check(tmp_path, ('mine', 'clips'))
  check(tmp_path, ('synthetic',), stages=('conre', 'sync_expert', 'motion'))
  rendered(tmp_path / 'faces', 'faces')
  with pytest.raises(
    InputError, match="stage sync_expert: no clips or real records of split 'train' in .*faces"
  ):
    check(tmp_path, ('faces',), stages=('conre', 'sync_expert'))
  # Long clips do not serve a stage that reads talks and recordings.
  corpus(tmp_path / 'short', seconds=(3, 2))
  rendered(tmp_path / 'long', 'clips', num=2, frames=100)
  with pytest.raises(InputError, match='stage motion needs clips of 4 s, and the longest of .* has 3 s'):
    check(tmp_path, ('short', 'long'))


def test_the_lip_refiner_needs_long_clips_too(tmp_path):
  corpus(tmp_path / 'mine', seconds=(3, 2), size=512, largest_side=600, sides=(600, 600))
  short = {'motion': {'options': {'num_frames': 50}}}
  stages = ('motion_codec', 'motion', 'lip_refiner')
  with pytest.raises(
    InputError, match='stage lip_refiner needs clips of 4 s.* or leave it out of config.stages'
  ):
    check(tmp_path, ('mine',), 'real-person', short, stages=stages)
  check(tmp_path, ('mine',), 'real-person', short, stages=stages[:2])


def test_shared_corpora_that_a_stage_cannot_read_have_weight_0_there(tmp_path, capsys):
  corpus(tmp_path / 'large')
  corpus(tmp_path / 'small', largest_side=40)
  corpus(tmp_path / 'unmeasured', largest_side=40, sides=(40, 40))
  manifest = tmp_path / 'unmeasured' / 'corpus.json'
  manifest.write_text(manifest.read_text().replace('"largest_side": 40', ''))
  corpora = ('large', 'small', 'unmeasured')
  config = load(tmp_path, corpora, weights=(3.0, 1.0, 2.0))
  readable = all_stages.with_readable_corpora(config)
  said = capsys.readouterr().err
  assert 'stage autoencoder reads no record of small, unmeasured: weight 0\n' in said and 'conre' not in said
  weights = {s: all_stages.stage_config(readable, s).data.weights for s in ('conre', 'autoencoder')}
  assert weights == {'conre': (3.0, 1.0, 2.0), 'autoencoder': (3.0, 0.0, 0.0)}
  assert config.overrides.autoencoder.data.weights == ()
  check(tmp_path, corpora, weights=(3.0, 1.0, 2.0))
  own = {'autoencoder': {'data': {'weights': (1.0, 1.0, 0.0)}}}
  with pytest.raises(
    ConfigError, match='stage autoencoder, config.data.weights: .*on corpus 1, which has no such'
  ):
    check(tmp_path, corpora, overrides=own, weights=(3.0, 1.0, 2.0))
  with pytest.raises(ConfigError, match='stage conre.*: 2 weights for 3 corpora'):
    check(tmp_path, corpora, weights=(1.0, 1.0))


def test_records_that_all_fail_the_filter(tmp_path):
  corpus(tmp_path / 'mine', sides=(40, 40))  # the part has larger ones by its manifest
  with pytest.raises(
    InputError, match='stage autoencoder .* crops of 48 pixels or more, mine: .*config.min_side=0'
  ):
    check(tmp_path)
  check(tmp_path, min_side=0)


def test_the_validation_split_is_needed_where_the_best_checkpoint_is_kept(tmp_path):
  corpus(tmp_path / 'mine')
  check(tmp_path)
  best = {'codebook': {'keep_best': {'metric': 'psnr'}}}
  with pytest.raises(InputError, match="stage codebook: no faces or real records of split 'validation'"):
    check(tmp_path, overrides=best)
  corpus(tmp_path / 'mine', split='validation')
  check(tmp_path, overrides=best)
