"""Retired options: defaults are ignored, other values give a one-line error, the shipped release loads."""

import json

import jax
import numpy as np
import pytest
import toy_stage

from seetalk_jax import constants, models
from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.nn import blocks
from seetalk_jax.releases import network_spec, retired, storage
from seetalk_jax.training import initial_weights, loop


def release_with(directory, fields=None, statistics=None):
  """Writes a release of SAW whose seetalk.json also contains `fields`."""
  module = models.SampleAdaptiveWeighting(hidden=4)
  params = blocks.init_params(
    module, jax.random.key(0), *(np.zeros(a.shape, a.dtype) for a in module.example_inputs())
  )
  storage.save_release(directory, {'sample_adaptive_weighting': (module, params)}, statistics)
  path = directory / RELEASE_FILE
  info = json.loads(path.read_text())
  info['networks']['sample_adaptive_weighting']['fields'].update(fields or {})
  path.write_text(json.dumps(info))
  return module


def test_a_retired_field_is_ignored_at_its_default_and_refused_otherwise(tmp_path):
  module = release_with(tmp_path / 'old', {'per_channel': False})
  assert storage.load_networks(tmp_path / 'old').modules == {'sample_adaptive_weighting': module}
  release_with(tmp_path / 'in_use', {'per_channel': True})
  with pytest.raises(CheckpointError, match='per_channel=True is no longer supported.*: train') as caught:
    storage.load_networks(tmp_path / 'in_use')
  assert 'in_use' in str(caught.value) and '\n' not in str(caught.value)
  release_with(tmp_path / 'unknown', {'per_chanel': False})
  with pytest.raises(CheckpointError, match='has no field per_chanel'):
    storage.load_networks(tmp_path / 'unknown')


def test_prototypes_that_voices_chose_are_refused(tmp_path):
  alone = {'face_prior_prototypes': np.zeros((2, 4, 4, 4), np.float32)}  # used only by the preview
  release_with(tmp_path / 'alone', statistics=alone)
  initial_weights.load_initial_weights({'face_prior': str(tmp_path / 'alone')})
  release_with(tmp_path / 'chosen', statistics={**alone, 'face_prior_prototype_voices': np.eye(2, 512)})
  for load in (
    storage.load_networks,
    lambda path: initial_weights.load_initial_weights({'face_prior': str(path)}),
  ):
    with pytest.raises(CheckpointError, match='prototype_voices is no longer supported.*: train'):
      load(tmp_path / 'chosen')


def test_training_runs_are_checked_too(tmp_path, monkeypatch):
  toy_stage.register()
  loop.train(toy_stage.get_config(num_steps=1), tmp_path, make_batches=toy_stage.make_batches)
  assert 'mean' in initial_weights.load_trained_stage(tmp_path).statistics['toy_net']
  monkeypatch.setitem(retired.STATISTICS, 'mean', 'train it again')
  with pytest.raises(CheckpointError, match='statistic mean is no longer supported.*: train it again'):
    initial_weights.load_trained_stage(tmp_path)
  fields = {
    'hidden': 4,
    'beta0': 1.0,
    'per_channel': False,
    'pooled': False,
  }  # as in the config.json of an older run
  entry = {'class': 'SampleAdaptiveWeighting', 'fields': fields}
  built = network_spec.build('sample_adaptive_weighting', entry, 'run')
  assert built == models.SampleAdaptiveWeighting(hidden=4)


def test_the_shipped_release_names_retired_fields_at_their_defaults_alone():
  _, info = storage.read_info('demo')
  named = {
    (entry['class'], field): value
    for entry in info['networks'].values()
    for field, value in entry['fields'].items()
  }
  for key, value in retired.FIELDS.items():
    assert key not in named or named[key] == value.accepted


def test_weightings_of_the_first_form_are_refused():
  current = retired.current_fields
  with pytest.raises(CheckpointError, match='pooled=True is no longer supported, here: train'):
    current('SampleAdaptiveWeighting', {'hidden': 8, 'pooled': True}, 'here')
  # Version 0.1.0 had no other form and no name for it.
  with pytest.raises(CheckpointError, match='pooled=True is no longer supported, here: train'):
    current('SampleAdaptiveWeighting', {'hidden': 64, 'beta0': 1.0, 'per_channel': False}, 'here')
  for fields in ({'hidden': 8, 'num_heads': 4, 'pooled': False}, {'hidden': 8, 'num_heads': 4}):
    assert current('SampleAdaptiveWeighting', fields, 'here') == {'hidden': 8, 'num_heads': 4}


def test_descriptions_without_later_fields_have_the_values_of_their_time():
  codec = retired.current_fields('MotionCodec', {'hidden': 8}, 'here')
  assert codec == {'inner_size': 0, 'low_grid': False, 'hidden': 8}
  entry = {'class': 'AutoencoderKL', 'fields': {'latent_channels': 4}}
  assert not network_spec.build('autoencoder', entry, 'run').cosine_shortcut
  entry = {'class': 'MotionTransformer', 'fields': {}}
  transformer = network_spec.build('motion_transformer', entry, 'run')
  assert transformer.controls == () and not transformer.with_past


def test_codecs_of_version_0_1_0_are_refused():
  current = retired.current_fields
  fields = {'truth_fields': list(constants.MOTION_FIELDS), 'hidden': 8}
  assert current('MotionCodec', fields, 'here') == {'inner_size': 0, 'low_grid': False, 'hidden': 8}
  for old in ({'truth_dim': 20}, {'truth_fields': ['jaw', 'spread']}):
    with pytest.raises(CheckpointError, match=r'MotionCodec\.truth.* is no longer supported, here: train'):
      current('MotionCodec', old, 'here')
