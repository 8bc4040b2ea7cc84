"""Data of a stage: what the configuration passes on to the batches."""

import dataclasses
import functools
import types

import jax
import numpy as np
import pytest
import real_records
from ml_collections import ConfigDict

from seetalk_jax.data import pipeline
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import face_prior, motion, portrait
from seetalk_jax.training.stage_data import StageData

_DATA = {'corpora': (), 'weights': (), 'seed': -1, 'batch_size': 8, 'augment': True, 'num_workers': 0}


def options_of_train(**data):
  """Keyword arguments that `make_batches` gets for training."""
  config = ConfigDict(
    {
      **{'seed': 3, 'accumulate': 1, 'data_root': '', 'eval_batches': 0},
      'data': {**_DATA, **data},
    }
  )
  stage = types.SimpleNamespace(
    view='motion_pair', data_options=lambda: {'image_size': 32}, encoder_inputs=('source', 'driver')
  )
  mesh = device_mesh.make_mesh(devices=jax.devices()[:1])
  return StageData(config, stage, lambda view, folders, **options: options, mesh).train(start_index=2)


def test_rows_are_passed_on_where_several_processes_share_a_batch(monkeypatch):
  """One process holds all rows, which reads as None: rows of cached features are found by it."""
  assert options_of_train()['rows'] is None
  monkeypatch.setattr(jax, 'process_count', lambda: 2)
  assert np.array_equal(options_of_train()['rows'], np.arange(8))


def test_camera_effects_are_passed_on():
  assert options_of_train(camera_effects=0.5)['camera_effects'] == 0.5


def test_limits_of_records_are_passed_on():
  limits = {'min_side': 384, 'max_outside': 0.1}
  assert options_of_train(**limits).items() >= limits.items()
  assert not options_of_train(min_side=0, max_outside=1.0).keys() & limits.keys()


def test_flips_and_color_jitter_are_passed_on():
  options = options_of_train(flips=0.5, color_jitter=0.25)
  assert options['flips'] == 0.5 and options['color_jitter'] == 0.25


def test_color_jitter_needs_pictures():
  stage = types.SimpleNamespace(name='motion', view='speech_motion', encoder_inputs=())
  config = ConfigDict({'seed': 3, 'accumulate': 1, 'data_root': '', 'data': dict(_DATA, color_jitter=0.5)})
  mesh = device_mesh.make_mesh(devices=jax.devices()[:1])
  with pytest.raises(
    ConfigError, match='color_jitter=0.5 changes pictures, and stage motion has none: set it to 0'
  ):
    StageData(config, stage, None, mesh)


@pytest.mark.parametrize('data', [{}, {'camera_effects': 0.0, 'flips': 0.0, 'color_jitter': 0.0}])
def test_without_camera_effects_the_batches_are_asked_for_as_before(data):
  options = options_of_train(**data)
  assert not {'camera_effects', 'flips', 'color_jitter', 'weights'} & set(options)
  assert options['start_index'] == 2 and options['seed'] == 3 and options['augment'] is True


def test_one_speaker_is_refused_where_a_stage_compares_them():
  config = ConfigDict({'stage': 'conre', 'seed': 3, 'accumulate': 1, 'data_root': '', 'options': {}})
  config.data = dict(_DATA, corpora=('mine',))
  stage = types.SimpleNamespace(view='portrait_speech', data_options=dict, encoder_inputs=())
  closed = []
  mesh = device_mesh.make_mesh(devices=jax.devices()[:1])
  for seconds, refused in (((2,), True), ((2, 1), False)):
    source = real_records.RealSource(seconds)
    found = types.SimpleNamespace(records=source, close=lambda: closed.append(True))
    data = StageData(config, stage, lambda view, folders, found=found, **options: found, mesh)
    if refused:
      with pytest.raises(InputError, match="stage conre compares speakers.*'speaker 0', mine"):
        data.train(start_index=0)
    else:
      assert data.train(start_index=0) is found
  assert closed == [True]


def test_held_out_records_that_all_fail_the_filter_are_no_error(capsys):
  config = ConfigDict({'seed': 3, 'accumulate': 1, 'data_root': '', 'eval_batches': 2, 'data': _DATA})
  config.keep_best = {'metric': ''}
  config.data.min_side = 600
  stage = types.SimpleNamespace(view='image', data_options=dict, encoder_inputs=())
  records = [dataclasses.replace(record, source_side=90) for record in real_records.RealSource((2,)).records]
  make = functools.partial(pipeline.make_batches, record_sources=[records])
  mesh = device_mesh.make_mesh(devices=jax.devices()[:1])
  data = StageData(config, stage, lambda view, folders, **options: make(view, **options), mesh)
  assert data.held_out({}) == []
  assert 'no held-out metrics and pictures: none of 1000 records' in capsys.readouterr().err
  config.keep_best.metric = 'psnr'
  with pytest.raises(InputError, match='none of 1000 records'):
    data.held_out({})


def test_records_that_are_left_out_are_reported_once(capsys):
  config = ConfigDict({'seed': 3, 'accumulate': 1, 'data_root': '', 'data': _DATA})
  stage = types.SimpleNamespace(view='clip', data_options=dict, encoder_inputs=())
  found = types.SimpleNamespace(note='3 of 9 records are left out')
  mesh = device_mesh.make_mesh(devices=jax.devices()[:1])
  data = StageData(config, stage, lambda view, folders, **options: found, mesh)
  assert data.train(start_index=0) is data.train(start_index=4) is found
  assert capsys.readouterr().err.count('3 of 9 records are left out') == 1


@pytest.mark.parametrize('stage', [portrait.PortraitStage, face_prior.FacePriorStage, motion.MotionStage])
def test_stages_whose_pictures_are_targets_refuse_camera_effects(stage):
  built = stage(networks={}, frozen={})
  config = ConfigDict({'seed': 3, 'accumulate': 1, 'data_root': '', 'data': dict(_DATA, camera_effects=0.5)})
  mesh = device_mesh.make_mesh(devices=jax.devices()[:1])
  with pytest.raises(ConfigError, match=f'stage {built.name} has none: set it to 0'):
    StageData(config, built, None, mesh)
  config.data.camera_effects = 0.0
  StageData(config, built, None, mesh)
