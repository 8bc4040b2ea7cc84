"""Initial train state of a run: from its latest checkpoint, from pretrained weights, or random."""

from __future__ import annotations

import contextlib
import json
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from seetalk_jax.constants import CONFIG_FILE
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import adapted_stage, checkpoint
from seetalk_jax.training import state as state_lib
from seetalk_jax.training.initial_weights import InitialWeights, complete, with_motion_window
from seetalk_jax.training.progress import announce_compilation, print_message
from seetalk_jax.training.run import Run
from seetalk_jax.training.stage_data import DeviceBatches
from seetalk_jax.training.step import Recipe


class FirstState(NamedTuple):
  """Everything that the training loop starts from.

  Attributes:
    recipe: definition of the gradient step.
    state: train state on the devices.
    shardings: shardings of the state.
    frozen: networks that the stage reads and the bases of low-rank factors, on the devices; the statistics
      are in `state` instead.
    seconds: training time of earlier runs in the directory.
    data_index: number of batches used by earlier runs.
  """

  recipe: Recipe
  state: state_lib.TrainState
  shardings: state_lib.TrainState
  frozen: base.Frozen
  seconds: float
  data_index: int


def make(run: Run, initial: InitialWeights) -> FirstState:
  """Restores the latest checkpoint, or computes statistics and initializes; writes config.json.

  A damaged checkpoint is moved to WORKDIR/damaged with a message, and the one before it is restored. With several
  processes, which may differ in what they can read, it raises instead.

  Args:
    initial: networks that the stage reads, and pretrained weights of networks that it trains.

  Raises:
    CheckpointError: the checkpoint or the pretrained weights do not match the configuration, or no checkpoint
      can be read.
    ConfigError: the statistics do not fit the options of the stage.
  """
  while True:
    try:
      return _make(run, initial)
    except checkpoint.DamagedCheckpointError as error:
      alone = jax.process_count() == 1 and run.checkpoints.num_checkpoints > 1
      if not alone or error.step != run.checkpoints.latest:
        raise
      print_message(f'{error}; moved to {run.checkpoints.set_aside(error.step)}')


def _make(run: Run, initial: InitialWeights) -> FirstState:
  config, stage, mesh, checkpoints = run.config, run.stage, run.mesh, run.checkpoints
  resumed = checkpoints.latest is not None
  bases = {name: initial.frozen.params[name] for name in adapted_stage.adapted_by(stage)}
  read = only(initial.frozen, stage.frozen)
  on_mesh = device_mesh.put_frozen(read.replace(params={**read.params, **bases}), mesh)
  if resumed:
    statistics = checkpoints.shapes('statistics')
  else:
    statistics = compute_statistics(run, on_mesh.replace(statistics=initial.statistics))
  frozen = initial.frozen.replace(statistics=statistics)
  root = jax.random.key(config.seed)
  fresh = fresh_paths(stage, initial)
  optimizer = state_lib.make_optimizer(stage, config.optimizer, config.unfreeze, fresh)

  def create(frozen):
    return state_lib.create_state(stage, optimizer, state_lib.rng_for(root, 'init', 0), frozen)

  boxed = jax.eval_shape(create, frozen)
  shardings = device_mesh.state_shardings(boxed, mesh)
  if resumed:
    abstract = jax.tree.map(
      lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), device_mesh.unbox(boxed), shardings
    )
    state, meta = checkpoints.restore(abstract)
    print_message(f'resumed {run.workdir} at step {int(state.step)}')
  else:
    # Initialization of hundreds of arrays compiles slowly and runs once, so compiler optimization is off.
    quick = {'xla_backend_optimization_level': 0} if jax.default_backend() == 'cpu' else None
    new = jax.jit(lambda f: device_mesh.unbox(create(f)), out_shardings=shardings, compiler_options=quick)
    announce_compilation('the initial parameters')
    state = _start_from(new(frozen), stage, initial, shardings)
    meta = {'seconds': 0.0, 'data_index': 0}
  stage.check_statistics(_as_written(run, state.statistics) if resumed else state.statistics)
  if jax.process_index() == 0:
    adapted = adapted_stage.describe(stage, frozen)
    checkpoint.write_config(run.workdir, config, stage.networks, adapted, sources=run.sources)
  recipe = Recipe(stage, optimizer, config.optimizer, root, config.accumulate)
  return FirstState(recipe, state, shardings, on_mesh, meta['seconds'], meta['data_index'])


def _as_written(run: Run, statistics: base.Statistics) -> base.Statistics:
  """Statistics of a resumed run, with those that earlier versions stated in its configuration alone."""
  path = pathlib.Path(run.workdir) / CONFIG_FILE
  return (
    with_motion_window(statistics, json.loads(path.read_text())['config']) if path.exists() else statistics
  )


def only(frozen: base.Frozen, names) -> base.Frozen:
  """Parameters and collections of the named networks alone, without statistics."""
  return base.Frozen(
    params={name: tree for name, tree in frozen.params.items() if name in names},
    collections={name: tree for name, tree in frozen.collections.items() if name in names},
  )


def compute_statistics(run: Run, frozen: base.Frozen) -> dict[str, dict[str, Any]]:
  """Initial statistics, with those that the stage computes from its data.

  Every process reads its own rows of the batches; the stage sees the global batches, spread over the mesh.

  Args:
    frozen: networks that the stage reads, on the mesh, and the initial statistics.
  """
  names = run.stage.statistics_entries
  batches = run.data.train(start_index=0, **({'only': names} if names else {}))
  if names is None:
    names = run.stage.batch_spec(run.data.batch_size)
  on_mesh = DeviceBatches(batches, names, run.data, run.mesh)
  rules = nn.logical_axis_rules(device_mesh.flax_rules())
  with contextlib.closing(batches), jax.set_mesh(run.mesh), rules:
    own = run.stage.prepare(frozen, on_mesh)
  return {**frozen.statistics, **jax.tree.map(np.asarray, own)}


def _start_from(state, stage: base.Stage, initial: InitialWeights, shardings) -> state_lib.TrainState:
  """The state with pretrained weights in those trained networks that have some."""
  of_variables = ('collections', 'ema_collections')
  parts = {name: dict(getattr(state, name)) for name in ('params', 'ema_params', *of_variables)}
  for name in stage.networks:
    if name not in initial.networks:
      continue
    network = initial.networks[name]
    if name not in adapted_stage.adapted_by(stage):  # low-rank factors have no pretrained values
      for part in ('params', 'ema_params'):
        # Each takes what is new from its own tree: a step donates both, and they must not share memory.
        full = getattr(state, part)[name]
        own = complete(network.params, full, (*network.fresh, *stage.new_parts.get(name, ())))
        checkpoint.check_same_shapes(name, own, full, network.source)
        parts[part][name] = jax.device_put(own, getattr(shardings, part)[name])
    for part in of_variables:
      if network.collections and name in parts[part]:
        parts[part][name] = jax.device_put(network.collections, getattr(shardings, part)[name])
    added = f', its {", ".join(network.fresh)} anew' if network.fresh else ''
    print_message(f'{name} starts from {network.source}{added}')
  return state.replace(**parts)


def fresh_paths(stage: base.Stage, initial: InitialWeights) -> list[str]:
  """Prefixes of the paths of parameters that the initial weights of trained networks lack."""
  networks = {name: initial.networks[name] for name in stage.networks if name in initial.networks}
  return [f'{name}/{part}' for name, network in networks.items() for part in network.fresh]
