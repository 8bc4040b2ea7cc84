"""Cached features: every sample once per pass, equal after a restart, computed once, resumed after a stop."""

import jax
import numpy as np
import pytest
import toy_stage

from seetalk_jax.errors import ConfigError
from seetalk_jax.training import features, initial_weights, loop


@pytest.fixture(autouse=True)
def toy():
  toy_stage.register()


def batches(count=20, batch_size=4, **kwargs):
  columns = {'row': np.arange(count), 'value': np.arange(count, dtype=np.float16)}
  return features.CachedBatches(columns, batch_size, seed=3, **kwargs)


def test_every_row_once_a_pass_in_an_order_of_its_own():
  drawn = batches()
  passes = [np.concatenate([next(drawn)['row'] for _ in range(5)]) for _ in range(3)]
  for rows in passes:
    np.testing.assert_array_equal(np.sort(rows), np.arange(20))
  assert any(np.any(a != b) for a, b in zip(passes, passes[1:], strict=False))


def test_batches_are_a_function_of_their_index():
  first = batches(count=18)  # batches cross the end of a pass
  drawn = [next(first) for _ in range(12)]
  again = batches(count=18, start_index=7)
  np.testing.assert_array_equal(drawn[7]['row'], next(again)['row'])
  np.testing.assert_array_equal(drawn[8]['row'], next(again)['row'])
  assert again.get_state() == 9 and drawn[0]['value'].dtype == np.float32


def train(workdir, root, corpora=(), **changes):
  # A constant learning rate, because the schedule depends on the planned number of steps.
  config = toy_stage.get_config(data_root=str(root), **{'optimizer.final_fraction': 1.0, **changes})
  with config.unlocked():
    config.data.cached_samples = 40
    config.data.corpora = corpora
  return loop.train(config, workdir, make_batches=toy_stage.make_batches)


def params(workdir):
  return initial_weights.load_trained_stage(workdir).params


def test_restart_changes_nothing_and_computes_nothing(tmp_path):
  train(tmp_path / 'whole', tmp_path)
  (part,) = (tmp_path / 'features').rglob('*.npz')
  written = part.stat().st_mtime_ns
  train(tmp_path / 'halves', tmp_path, num_steps=4)
  train(tmp_path / 'halves', tmp_path)
  jax.tree.map(np.testing.assert_array_equal, params(tmp_path / 'whole'), params(tmp_path / 'halves'))
  assert part.stat().st_mtime_ns == written
  # Other data need other features.
  train(tmp_path / 'other', tmp_path, seed=1)
  assert len(list((tmp_path / 'features').iterdir())) == 2


def test_corpora_outside_of_the_data_root_are_part_of_the_key(tmp_path):
  elsewhere = tmp_path / 'elsewhere'
  elsewhere.mkdir()
  for number in range(2):
    (elsewhere / f'{number}.array_record').write_bytes(b'a record')
    train(tmp_path / f'run_{number}', tmp_path / 'root', corpora=(str(elsewhere),), num_steps=1)
  assert len(list((tmp_path / 'root' / 'features').iterdir())) == 2


@pytest.mark.parametrize('batch_size', [8, 64])
def test_the_batch_size_does_not_change_the_number_of_samples(tmp_path, monkeypatch, batch_size):
  asked = []

  def make_batches(*args, **options):
    asked.append((options['batch_size'], options['rows']))
    return toy_stage.make_batches(*args, **options)

  config = toy_stage.get_config(data_root=str(tmp_path))
  with config.unlocked():
    config.data.cached_samples, config.data.batch_size, config.num_steps = 64, batch_size, 1
  loop.train(config, tmp_path / 'run', make_batches=make_batches)
  assert (features._ROWS_AT_ONCE, None) in asked  # None: all rows
  (part,) = (tmp_path / 'features').rglob('*.npz')
  assert {len(column) for column in np.load(part).values()} == {features._ROWS_PER_PART}


def test_an_interrupted_computation_goes_on(tmp_path, monkeypatch):
  monkeypatch.setattr(features, '_ROWS_PER_PART', 16)
  monkeypatch.setattr(features, '_ROWS_AT_ONCE', 8)
  train(tmp_path / 'a', tmp_path, num_steps=1)
  parts = sorted((tmp_path / 'features').rglob('*.npz'))
  assert len(parts) == 3  # for 40 rows
  before = [dict(np.load(part)) for part in parts]
  kept = parts[0].stat().st_mtime_ns
  parts[1].unlink()
  train(tmp_path / 'b', tmp_path, num_steps=1)
  assert parts[0].stat().st_mtime_ns == kept
  for part, columns in zip(parts, before, strict=True):
    jax.tree.map(np.testing.assert_array_equal, columns, dict(np.load(part)))
  assert not list((tmp_path / 'features').rglob('*.part'))


def test_what_cannot_be_cached_says_so(tmp_path, monkeypatch):
  monkeypatch.setattr(toy_stage.ToyStage, 'features', lambda self, frozen, batch: None)
  with pytest.raises(ConfigError, match='has no frozen features'):
    train(tmp_path / 'a', tmp_path, num_steps=1)
  with pytest.raises(ConfigError, match='less than one batch'):
    train(tmp_path / 'b', tmp_path, **{'data.batch_size': 64})
