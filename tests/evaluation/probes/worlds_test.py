"""Worlds of the evaluation: those that configurations name."""

import pathlib

import pytest

from seetalk_jax.constants import Part
from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation.probes import worlds
from seetalk_jax.media import face
from seetalk_jax.training import config_files

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
  'variant, world_class',
  [
    ('tiny', worlds.MeasuredSyntheticWorld),
    ('demo', worlds.MeasuredSyntheticWorld),
    ('human', worlds.MeasuredHumanWorld),
  ],
)
def test_the_experiment_of_figure_3_names_its_world(variant, world_class):
  config = config_files.load(ROOT / 'configs' / 'figure3.py', variant)
  world = worlds.measured_world(config.world)
  assert type(world) is world_class
  assert world.skin_parts == (Part.SKIN,) and world.hair_parts == (Part.HAIR,)
  first, second = world.speakers('test', 3, 2)
  assert first != second and world.speakers('test', 4, 1) == [second]
  assert world.attributes(first).shape == (3,) and world.crop_version == face.PORTRAIT_CROP.version
  # The weights of another world are no start for the human one.
  assert (config.init.speech_encoder == 'demo') == (config.world == 'cartoon')
  assert config.portrait.data_root == ('data/human' if config.world == 'human' else 'data/synthetic')


def test_an_unknown_world_is_named():
  with pytest.raises(ConfigError, match="unknown world 'moon', --config.world: use one of cartoon, human"):
    worlds.measured_world('moon')
