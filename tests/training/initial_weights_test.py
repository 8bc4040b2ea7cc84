"""Initial weights: a run loads from config.init what its stage uses, and nothing else."""

import contextlib
import dataclasses
import json
import pathlib

import jax
import numpy as np
import pytest
import toy_stage

from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import flat_statistics
from seetalk_jax.training import checkpoint, config_files, initial_weights, loop

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
  assert not {'face_encoder', 'perceptual'} & set(initial_weights.initial_sources(config))
  config.options.identity_weight = 0.1
  assert set(initial_weights.initial_sources(config)) == {'face_encoder'}
  config.options.perceptual_weight = 1.0
  assert set(initial_weights.initial_sources(config)) == {'face_encoder', 'perceptual'}


def statistics_of(workdir):
  return initial_weights.load_trained_stage(workdir).statistics


def test_a_network_brings_its_own_statistics_alone(tmp_path, monkeypatch):
  def prepare(self, frozen, batches):
    return {'toy_net': {'mean': np.float32(0)}, 'conre': {'age_mean': np.float32(40)}}

  with monkeypatch.context() as patched:
    patched.setattr(toy_stage.ToyStage, 'prepare', prepare)
    train(tmp_path / 'first')
  assert set(statistics_of(tmp_path / 'first')) == {'toy_net', 'conre'}
  initial = initial_weights.load_initial_weights({'toy_net': str(tmp_path / 'first')})
  assert initial.statistics == {'toy_net': {'mean': 0}}
  train(tmp_path / 'second', **{'init.toy_net': str(tmp_path / 'first')})
  assert set(statistics_of(tmp_path / 'second')) == {'toy_net'}


def test_a_network_that_is_trained_further_keeps_its_prior(tmp_path):
  config = config_files.load(ROOT / 'configs' / 'portrait.py', 'tiny')
  run = config.init.portrait_unet = str(tmp_path / 'run')
  assert initial_weights.initial_sources(config) == {'portrait_unet': run, 'face_prior': run}
  config.init.face_prior = 'other'
  assert initial_weights.initial_sources(config) == {'portrait_unet': run, 'face_prior': 'other'}
  config.init.portrait_unet, config.init.face_prior = 'demo', ''  # of a release only what is named
  assert initial_weights.initial_sources(config) == {'portrait_unet': 'demo'}


@contextlib.contextmanager
def flat_checkpoints(monkeypatch, **others):
  """Saves checkpoints as earlier versions did: with flat statistics, and those of other networks."""
  save = checkpoint.Checkpoints.save

  def save_flat(self, step, state, *rest):
    flat = {**flat_statistics.flatten(state.statistics), **others}
    save(self, step, dataclasses.replace(state, statistics=flat), *rest)

  monkeypatch.setitem(flat_statistics.OWNERS, 'mean', 'toy_net')
  with monkeypatch.context() as patched:
    patched.setattr(checkpoint.Checkpoints, 'save', save_flat)
    yield


def test_a_run_with_flat_statistics_resumes_exactly(tmp_path, monkeypatch):
  train(tmp_path / 'whole', num_steps=2)
  stops = loop.reason_to_stop
  with flat_checkpoints(monkeypatch, age_mean=np.float32(40)), monkeypatch.context() as patched:
    patched.setattr(loop, 'reason_to_stop', lambda *now: 'signal' if now[2] == 1 else stops(*now))
    train(tmp_path / 'old', num_steps=2)
  written = json.loads((tmp_path / 'old/checkpoints/1/statistics/_METADATA').read_text())
  assert set(written['tree_metadata']) == {"('age_mean',)", "('mean',)"}
  assert set(statistics_of(tmp_path / 'old')) == {'toy_net', 'conre'}
  train(tmp_path / 'old', num_steps=2)
  states = []
  for name in ('whole', 'old'):
    with checkpoint.Checkpoints(tmp_path / name) as saved:
      assert saved.latest == 2
      states.append(saved.read(('params', 'ema_params', 'opt_state', 'collections', 'statistics')))
  assert states[1]['statistics'].pop('conre') == {'age_mean': 40}
  jax.tree.map(np.testing.assert_array_equal, *states)


def test_runs_with_flat_statistics_are_initial_weights(tmp_path, monkeypatch):
  for name, age in (('first', 40), ('second', 50)):
    # Both also hold ConRe's statistics, of different runs, which no one reads.
    with flat_checkpoints(monkeypatch, age_mean=np.float32(age), latent_scale=np.float32(age)):
      train(tmp_path / name)
  initial = initial_weights.load_initial_weights(
    {'toy_net': str(tmp_path / 'first'), 'face_prior': str(tmp_path / 'second')}
  )
  mean = statistics_of(tmp_path / 'first')['toy_net']['mean']
  assert initial.statistics == {'toy_net': {'mean': mean}, 'face_prior': {'latent_scale': 50}}
