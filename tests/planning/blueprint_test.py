"""Blueprints: arrays equal those of training, including low-rank factors."""

import pathlib

import jax
import numpy as np
import pytest
from flax import traverse_util

from seetalk_jax.errors import ConfigError
from seetalk_jax.planning import blueprint, plan
from seetalk_jax.sharding import device_mesh
from seetalk_jax.training import config_files

ROOT = pathlib.Path(__file__).resolve().parents[2]


def config_of(stage, **changes):
  config = config_files.load(ROOT / 'configs' / f'{stage}.py', 'tiny')
  config.update_from_flattened_dict(changes)
  return config


def sizes(tree):
  return {
    path: np.shape(leaf)
    for path, leaf in traverse_util.flatten_dict(device_mesh.unbox(tree), sep='/').items()
  }


@pytest.fixture(scope='module')
def blueprints():
  """Blueprints of the portrait stage: full training, and factors of rank 2."""
  specs = ({}, {'lora.portrait_unet.rank': 2})
  return [blueprint.make(config_of('portrait', **changes), 'tiny') for changes in specs]


def test_factors_are_planned_as_they_are_trained(blueprints):
  full, adapted = blueprints
  trained, whole = sizes(adapted.state.params), sizes(full.state.params)
  factors = {path for path in trained if path.startswith('portrait_unet/')}
  assert factors and {path.rpartition('/')[2] for path in factors} == {'lora_a', 'lora_b'}
  assert trained.keys() - factors == {path for path in whole if not path.startswith('portrait_unet/')}
  # The base parameters are frozen, without optimizer moments.
  assert sizes(adapted.frozen.params['portrait_unet']) == sizes(full.state.params['portrait_unet'])
  numbers = [
    sum(leaf.size for leaf in jax.tree.leaves(device_mesh.unbox(b.state.opt_state))) for b in blueprints
  ]
  assert numbers[1] < 0.5 * numbers[0]


def test_what_a_converted_base_lacks_is_planned_whole(blueprints, monkeypatch):
  monkeypatch.setattr(
    blueprint, 'fresh_parts', lambda where, name: ('voice_proj',) if name == 'portrait_unet' else ()
  )
  made = blueprint.make(config_of('portrait', **{'lora.portrait_unet.rank': 2}), 'tiny')
  full, trained = sizes(blueprints[0].state.params), sizes(made.state.params)
  fresh = {path for path in full if path.startswith('portrait_unet/voice_proj')}
  assert fresh and all(trained[path] == full[path] for path in fresh)
  assert not any(path.startswith('voice_proj') for path in sizes(made.frozen.params['portrait_unet']))


def test_operations_of_adapted_networks_are_counted(blueprints):
  counts = []
  for made in blueprints:
    state = device_mesh.unbox(made.state)
    frozen = made.frozen.replace(statistics={})
    counts.append(plan._model_flops(made, state, frozen, made.stage.batch_spec(2)))
  assert 0.5 * counts[0] < counts[1] < 1.5 * counts[0]


def test_what_must_be_given_is_taken_as_given():
  config = config_of('codebook')
  assert not blueprint.make(config, 'tiny').frozen.params
  config.options.identity_weight = 0.1
  assert set(blueprint.make(config, 'tiny').frozen.params) == {'face_encoder'}


def test_stages_without_steps_have_no_plan():
  with pytest.raises(ConfigError, match='no training steps'):
    blueprint.make(config_of('face_prior'), 'tiny')
