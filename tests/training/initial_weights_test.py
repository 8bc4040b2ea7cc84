"""Initial weights: a run loads from config.init what its stage uses, and nothing else."""

import pathlib

import jax.numpy as jnp
import numpy as np
import pytest
import toy_stage

from seetalk_jax.errors import CheckpointError
from seetalk_jax.stages import base
from seetalk_jax.training import config_files, initial_weights, loop

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def toy():
  toy_stage.register()


def train(workdir, **changes):
  changes = {'num_steps': 1, 'eval_batches': 0, **changes}
  return loop.train(toy_stage.get_config(**changes), workdir, make_batches=toy_stage.make_batches)


def test_what_a_stage_does_not_use_is_not_loaded(tmp_path, capsys):
  nowhere = str(tmp_path / 'nowhere')
  train(tmp_path / 'pass', stage='toy_pass', **{'init.toy_net': nowhere})
  assert 'config.init.toy_net is not loaded: stage toy_pass does not use it' in capsys.readouterr().err
  with pytest.raises(CheckpointError, match='nowhere'):
    train(tmp_path / 'toy', **{'init.toy_net': nowhere})


@pytest.mark.parametrize('stage', ['codebook', 'motion_codec', 'render'])
def test_critics_of_weight_0_are_not_loaded(stage, capsys):
  config = config_files.load(ROOT / 'configs' / f'{stage}.py', 'demo')
  config.init.face_encoder = config.init.perceptual = 'demo'
  assert not {'face_encoder', 'perceptual'} & set(initial_weights.used_places(config))
  config.options.identity_weight = 0.1
  assert set(initial_weights.used_places(config)) == {'face_encoder'}
  config.options.perceptual_weight = 1.0
  assert set(initial_weights.used_places(config)) == {'face_encoder', 'perceptual'}


def test_statistics_of_other_stages_do_not_travel(tmp_path, monkeypatch):
  def prepare(self, frozen, batches):
    return {'mean': np.float32(0), 'age_mean': np.float32(40)}

  with monkeypatch.context() as patched:
    patched.setattr(toy_stage.ToyStage, 'prepare', prepare)
    train(tmp_path / 'first')
  assert set(initial_weights.load_trained_stage(tmp_path / 'first').statistics) == {'mean', 'age_mean'}
  train(tmp_path / 'second', **{'init.toy_net': str(tmp_path / 'first')})
  assert set(initial_weights.load_trained_stage(tmp_path / 'second').statistics) == {'mean'}


def test_statistics_stay_with_their_networks_and_with_the_stages_that_read_them():
  class Stage(toy_stage.ToyStage):
    def statistics_spec(self):
      return {'motion_mean': base.float_spec(3), 'own': base.float_spec()}

  found = dict.fromkeys(
    ('age_std', 'articulation_mean', 'motion_mean', 'motion_std', 'latent_scale', 'own', 'x'), jnp.ones(())
  )
  kept = initial_weights.kept_statistics(
    Stage({}, {}), {'speech_encoder': 'conre', 'motion_codec': 'codec'}, found
  )
  assert set(kept) == {'age_std', 'articulation_mean', 'motion_mean', 'motion_std', 'own'}
  passed = initial_weights.kept_statistics(toy_stage.ToyPass({}, {}), {'face_prior': 'prior'}, found)
  assert set(passed) == {'latent_scale'}
