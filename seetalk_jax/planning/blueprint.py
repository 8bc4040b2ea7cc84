"""A stage as shapes alone: its networks, statistics and whole train state, without weights and without data."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.sharding import Mesh

from seetalk_jax import example_inputs
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.stages import base
from seetalk_jax.training import sharding
from seetalk_jax.training import state as state_lib

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Blueprint:
  """What training of a stage holds on its devices.

  Attributes:
    stage: with all networks.
    frozen: of ShapeDtypeStructs.
    optimizer: of the configuration.
    state: the first TrainState, of ShapeDtypeStructs in boxes of logical axis names.
  """

  stage: base.Stage
  frozen: base.Frozen
  optimizer: optax.GradientTransformationExtraArgs
  state: state_lib.TrainState

  def shardings(self, mesh: Mesh) -> state_lib.TrainState:
    """Of the state, on this mesh (an abstract one will do)."""
    return sharding.state_shardings(self.state, mesh)


def make(config, size: str) -> Blueprint:
  """The blueprint of a stage's configuration.

  Args:
    config: as for training; `config.init` is not read.
    size: of the networks that would come from earlier stages.

  Raises:
    ConfigError: a network or a field that there is none of, or a stage without training steps.
  """
  if 'stage' not in config:
    raise ConfigError("a configuration that is no stage's, --config: give configs/STAGE.py")
  given: dict[str, nn.Module] = {}
  for name in sorted(config.init):
    if name in registry.NETWORKS and name not in config.model and name not in _NOT_GIVEN:
      given[name] = registry.make(name, size, dtype=config.get('dtype', 'float32'))
  stage = base.build_stage(config, given)
  if not hasattr(stage, 'loss'):
    raise ConfigError(
      f'stage {config.stage} has no training steps (it reads its data once), --config: nothing to plan'
    )
  networks = {**stage.frozen, **stage.networks}
  params, collections = {}, {}
  for name, module in stage.frozen.items():
    variables = dict(_variables(name, module, networks, getattr(stage, 'image_size', example_inputs.SIDE)))
    params[name] = sharding.unbox(variables.pop('params'))
    if variables:
      collections[name] = sharding.unbox(variables)
  frozen = base.Frozen(params=params, collections=collections, statistics=stage.statistics_spec())
  optimizer = state_lib.make_optimizer(stage, config.optimizer, config.get('unfreeze', ''))
  state = jax.eval_shape(
    lambda frozen: state_lib.create_state(stage, optimizer, jax.random.key(0), frozen), frozen
  )
  return Blueprint(stage, frozen, optimizer, state)


# Given by nobody unless the user says so.
_NOT_GIVEN = ('perceptual', 'syncnet')


def _variables(name: str, module: nn.Module, networks, side: int) -> PyTree:
  inputs, method = example_inputs.of(name, module, networks, side=side)
  key = jax.ShapeDtypeStruct((2,), jnp.uint32)
  return jax.eval_shape(functools.partial(module.init, method=method), key, *inputs)
