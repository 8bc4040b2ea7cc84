"""Checkpoints: leftovers of killed saves, damaged checkpoints, full disks."""

import collections
import os
import shutil

import jax
import numpy as np
import pytest
import toy_stage

from seetalk_jax.errors import CheckpointError, OutputError
from seetalk_jax.training import checkpoint, loop
from seetalk_jax.training.state import TrainState


def test_the_first_save_removes_leftovers_of_killed_saves(tmp_path):
  leftover = tmp_path / 'checkpoints' / '3.orbax-checkpoint-tmp-7'
  leftover.mkdir(parents=True)
  state = TrainState(np.int32(4), {'net': {'w': jax.numpy.ones(2)}}, {}, {}, {}, {})
  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    assert (
      checkpoints.latest is None and leftover.exists()
    )  # a reader leaves the save of a running training alone
    checkpoints.save(4, state, {'seconds': 0.0, 'data_index': 0})
    checkpoints.wait()
    assert checkpoints.latest == 4 and not leftover.exists()


def train(workdir, num_steps):
  toy_stage.register()
  config = toy_stage.get_config(num_steps=num_steps, checkpoint_every=2)
  return loop.train(config, workdir, make_batches=toy_stage.make_batches)


@pytest.fixture(scope='module')
def four_steps(tmp_path_factory):
  workdir = tmp_path_factory.mktemp('four')
  train(workdir, 4)
  return workdir


@pytest.fixture(scope='module')
def six_steps(tmp_path_factory, four_steps):
  """Continued from step 2."""
  workdir = tmp_path_factory.mktemp('six') / 'run'
  shutil.copytree(four_steps, workdir)
  shutil.rmtree(workdir / 'checkpoints' / '4')
  train(workdir, 6)
  return workdir


def parameters(workdir):
  with checkpoint.Checkpoints(workdir) as checkpoints:
    return checkpoints.read(('params', 'ema_params', 'opt_state'))


def cut_data(folder):
  largest = max(folder.glob('params/d/*'), key=lambda path: path.stat().st_size)
  os.truncate(largest, 1)


def empty_manifest(folder):
  (folder / 'params' / 'manifest.ocdbt').write_bytes(b'')


def no_meta(folder):
  shutil.rmtree(folder / 'meta')


def cut_metadata(folder):
  for path in folder.rglob('_METADATA'):
    os.truncate(path, 5)


def empty_folder(folder):
  shutil.rmtree(folder)
  folder.mkdir()


@pytest.mark.parametrize('damage', [cut_data, empty_manifest, no_meta, cut_metadata, empty_folder])
def test_a_damaged_checkpoint_is_moved_away_and_the_one_before_it_continues(
  four_steps, six_steps, tmp_path, capsys, damage
):
  """It is as if the damaged one had never been; nothing is lost."""
  workdir = tmp_path / 'run'
  shutil.copytree(four_steps, workdir)
  damage(workdir / 'checkpoints' / '4')
  assert train(workdir, 6).step == 6
  output = capsys.readouterr()
  assert f'checkpoint 4 cannot be read, {workdir}' in output.out + output.err
  assert 'at step 2' in output.out + output.err
  assert (workdir / 'damaged' / '4').is_dir()
  jax.tree.map(np.testing.assert_array_equal, parameters(workdir), parameters(six_steps))


def test_readers_name_the_damaged_folder(four_steps, tmp_path):
  shutil.copytree(four_steps, tmp_path / 'run')
  cut_data(tmp_path / 'run' / 'checkpoints' / '4')
  with pytest.raises(
    CheckpointError, match='checkpoint 4 cannot be read, .*checkpoints/4 .*: move that folder away'
  ):
    parameters(tmp_path / 'run')


def test_a_single_damaged_checkpoint_is_one_line(four_steps, tmp_path):
  workdir = tmp_path / 'run'
  shutil.copytree(four_steps, workdir)
  shutil.rmtree(workdir / 'checkpoints' / '2')
  empty_manifest(workdir / 'checkpoints' / '4')
  with pytest.raises(CheckpointError, match='checkpoint 4 cannot be read'):
    train(workdir, 6)
  assert (workdir / 'checkpoints' / '4').is_dir()


def test_a_save_that_does_not_fit_is_not_begun(tmp_path, monkeypatch):
  usage = collections.namedtuple('usage', 'total used free')
  monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(10**9, 10**9 - 7, 7))
  with pytest.raises(
    OutputError, match='no space left, .*checkpoints: a checkpoint needs .* the same command goes on'
  ):
    train(tmp_path, 4)
  assert [path.name for path in (tmp_path / 'checkpoints').iterdir()] == []


def test_a_disk_that_fills_during_a_save_is_one_line(tmp_path, monkeypatch):
  def full(*_, **__):
    raise ValueError(
      'RESOURCE_EXHAUSTED: Error writing "checkpoints": [OS error 28: ENOSPC No space left on device]'
    )

  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    monkeypatch.setattr(checkpoints._manager, 'save', full)
    state = TrainState(np.int32(4), {'net': {'w': jax.numpy.ones(2)}}, {}, {}, {}, {})
    with pytest.raises(
      OutputError, match='no space left, .*checkpoints: free some, then the same command goes on'
    ):
      checkpoints.save(4, state, {})
