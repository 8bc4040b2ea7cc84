"""Blueprint of a stage: shapes of its networks, statistics and train state, without weights and data."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.sharding import Mesh

from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.models.nn import examples
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import adapted_stage
from seetalk_jax.training import state as state_lib
from seetalk_jax.training.initial_weights import InitialNetwork, InitialWeights, fresh_parts, without

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Blueprint:
  """Shapes of all arrays that training of a stage holds on its devices.

  Attributes:
    stage: the stage with all networks; those of `config.lora` are adapted.
    frozen: frozen arrays as ShapeDtypeStructs, with the base parameters of adapted networks.
    optimizer: the optimizer of the configuration.
    state: the initial TrainState, as ShapeDtypeStructs boxed with logical axis names.
  """

  stage: base.Stage
  frozen: base.Frozen
  optimizer: optax.GradientTransformationExtraArgs
  state: state_lib.TrainState

  def shardings(self, mesh: Mesh) -> state_lib.TrainState:
    """The shardings of the state on a mesh, which can be abstract."""
    return device_mesh.state_shardings(self.state, mesh)


def make(config, size: str) -> Blueprint:
  """The blueprint of a stage's configuration.

  Args:
    config: a training configuration. No weights of `config.init` are read: networks that need weights, and
      those of `config.lora`, are assumed to have them.
    size: size of the networks that would come from earlier stages.

  Raises:
    ConfigError: an unknown network or field, or a stage without training steps.
  """
  if 'stage' not in config:
    raise ConfigError("a configuration that is no stage's, --config: give configs/STAGE.py")
  used, dtype = base.uses(config), config.dtype
  modules = {name: registry.make(name, size, dtype=dtype) for name in used.frozen}
  for name in adapted_stage.networks_with_factors(config):
    if name in used.trained:
      modules[name] = base.network_for(name, config, {})
  stage = adapted_stage.build_adapted_stage(config, _without_weights(modules, config))
  if stage.kind == 'pass':
    raise ConfigError(
      f'stage {config.stage} has no training steps (it reads its data once), --config: nothing to plan'
    )
  networks = {**stage.frozen, **stage.networks}
  params, collections = {}, {}
  for name in (*stage.frozen, *adapted_stage.adapted_by(stage)):
    side = stage.image_size or examples.SIDE
    variables = dict(_variables(networks[name], networks, side))
    params[name] = device_mesh.unbox(variables.pop('params'))
    if name in adapted_stage.adapted_by(stage):  # their collections are part of the train state
      params[name] = without(params[name], (*stage.fresh[name], *stage.new_parts.get(name, ())))
    elif variables:
      collections[name] = device_mesh.unbox(variables)
  frozen = base.Frozen(params=params, collections=collections, statistics=stage.statistics_spec())
  optimizer = state_lib.make_optimizer(stage, config.optimizer, config.unfreeze)
  state = jax.eval_shape(
    lambda frozen: state_lib.create_state(stage, optimizer, jax.random.key(0), frozen), frozen
  )
  return Blueprint(stage, frozen, optimizer, state)


def _without_weights(modules, config) -> InitialWeights:
  """Initial networks without weights; those of `config.lora` with the parameters that their release lacks."""
  networks, adapted = {}, adapted_stage.networks_with_factors(config)
  for name, module in modules.items():
    source = config.init.get(name, '') if name in adapted else ''
    networks[name] = InitialNetwork(module, {}, {}, fresh_parts(source, name), source)
  return InitialWeights(networks, {})


def _variables(module: nn.Module, networks, side: int) -> PyTree:
  key = jax.ShapeDtypeStruct((2,), jnp.uint32)
  return jax.eval_shape(module.init, key, *module.example_inputs(networks, side))
