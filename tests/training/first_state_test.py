"""Initial train state: statistics of the data from batches on the mesh."""

import dataclasses
import types
from typing import Any

import jax
import numpy as np
import pytest
import toy_stage

from seetalk_jax.errors import CheckpointError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.training import first_state, initial_weights, loop


@pytest.fixture(autouse=True)
def toy():
  toy_stage.register()


def test_statistics_are_computed_from_batches_on_the_mesh(tmp_path, monkeypatch):
  """Every process reads its own rows, and no device holds a whole batch."""
  seen, asked = [], []
  prepare = toy_stage.ToyStage.prepare

  def watched(self, frozen, batches):
    kept = []

    def watch():
      for batch in batches:
        kept.append(batch)
        yield batch

    seen.append(kept)
    return prepare(self, frozen, watch())

  def make_batches(*args, **options):
    asked.append(options)
    return toy_stage.make_batches(*args, **options)

  monkeypatch.setattr(toy_stage.ToyStage, 'prepare', watched)
  loop.train(toy_stage.get_config(num_steps=1), tmp_path, make_batches=make_batches)
  (batches,) = seen
  sharding = device_mesh.batch_sharding(device_mesh.make_mesh())
  for batch in batches:
    assert batch.keys() == {'image', 'target'}  # what the stage reads, and nothing else
    assert all(isinstance(x, jax.Array) and x.sharding == sharding for x in batch.values())
  # A single process holds every row, in training, in held-out batches and in those for statistics.
  assert [options['rows'] for options in asked] == [None] * 3


def test_only_the_entries_of_the_statistics_are_read(tmp_path, monkeypatch):
  asked, seen = [], []
  prepare = toy_stage.ToyStage.prepare

  def watched(self, frozen, batches):
    return prepare(self, frozen, (seen.append(set(batch)) or batch for batch in batches))

  def make_batches(*args, **options):
    asked.append(options.get('only'))
    return toy_stage.make_batches(*args, **options)

  monkeypatch.setattr(toy_stage.ToyStage, 'prepare', watched)
  monkeypatch.setattr(toy_stage.ToyStage, 'statistics_entries', ('image',), raising=False)
  loop.train(toy_stage.get_config(num_steps=1), tmp_path, make_batches=make_batches)
  assert sorted(filter(None, asked)) == [('image',)] and len(asked) == 3
  assert seen == [{'image'}] * 2


@dataclasses.dataclass(frozen=True)
class State:
  params: Any
  ema_params: Any
  collections: Any
  ema_collections: Any

  def replace(self, **changes):
    return dataclasses.replace(self, **changes)


def test_initial_weights_may_lack_what_a_stage_adds_to_a_network():
  device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  fresh, averages = (
    {'net': {'kernel': np.zeros(2), 'mark': jax.device_put(np.zeros(3), device)}} for _ in range(2)
  )
  state = State(params=fresh, ema_params=averages, collections={}, ema_collections={})
  shardings = State(*({'net': device},) * 2, {}, {})
  initial = initial_weights.InitialWeights(
    {'net': initial_weights.InitialNetwork(None, {'kernel': np.ones(2)}, {}, (), 'older')}, {}
  )
  stage = types.SimpleNamespace(networks={'net': None}, new_parts={'net': ('mark',)})
  started = first_state._start_from(state, stage, initial, shardings)
  for tree in (started.params, started.ema_params):
    assert tree['net']['kernel'].tolist() == [1, 1] and tree['net']['mark'].tolist() == [0, 0, 0]
  # A step donates both: they share no memory.
  marks = [tree['net']['mark'].unsafe_buffer_pointer() for tree in (started.params, started.ema_params)]
  assert marks[0] != marks[1]
  with pytest.raises(CheckpointError, match='mark'):
    stage.new_parts = {}
    first_state._start_from(state, stage, initial, shardings)
