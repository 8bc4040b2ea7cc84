"""Stages that train low-rank factors (LoRA) beside the kernels of pretrained networks; see `lora`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
from flax import linen as nn
from flax import traverse_util

from seetalk_jax.errors import ConfigError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import checkpoint, lora
from seetalk_jax.training.initial_weights import InitialWeights, complete
from seetalk_jax.training.state import key_for

PyTree = Any


@dataclasses.dataclass(frozen=True)
class AdaptedStage(base.Stage):
  """A stage that trains some of its networks by low-rank factors; everything else is delegated to that stage.

  `frozen.params` must hold the base parameters of the adapted networks.

  Attributes:
    stage: the stage with full parameters.
    adapted: network name -> LoRA options.
    sources: network name -> source of its base parameters (an entry of `config.init`).
    fresh: network name -> prefixes of parameter paths that the base may lack, besides `new_parts`.
  """

  stage: base.Stage
  adapted: Mapping[str, lora.LowRank]
  sources: Mapping[str, str]
  fresh: Mapping[str, tuple[str, ...]]

  @property
  def name(self) -> str:
    return self.stage.name

  @property
  def view(self) -> str:
    return self.stage.view

  @property
  def preview_rows(self) -> tuple[str, ...]:
    return self.stage.preview_rows

  @property
  def networks(self) -> Mapping[str, nn.Module]:
    return self.stage.networks

  @property
  def frozen(self) -> Mapping[str, nn.Module]:
    return self.stage.frozen

  @property
  def image_size(self) -> int | None:
    return self.stage.image_size

  @property
  def encoder_inputs(self) -> tuple[str, ...]:
    return self.stage.encoder_inputs

  def batch_spec(self, batch_size):
    return self.stage.batch_spec(batch_size)

  def data_options(self):
    return self.stage.data_options()

  def check_frozen(self, frozen):
    self.stage.check_frozen(frozen)

  def statistics_spec(self):
    return self.stage.statistics_spec()

  @property
  def new_parts(self) -> Mapping[str, tuple[str, ...]]:
    return self.stage.new_parts

  @property
  def statistics_entries(self) -> tuple[str, ...] | None:
    return self.stage.statistics_entries

  def prepare(self, frozen, batches):
    return self.stage.prepare(frozen, batches)

  def check_statistics(self, statistics):
    self.stage.check_statistics(statistics)

  def features(self, frozen, batch):
    return self.stage.features(frozen, batch)

  def trainable(self, params):
    return self.stage.trainable(params)

  def average_collections(self, average, collections, decay):
    return self.stage.average_collections(average, collections, decay)

  def without_regularization(self):
    return dataclasses.replace(self, stage=self.stage.without_regularization())

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, PyTree], dict[str, Any]]:
    """Initializes as `Stage.init` does, with the trained parameters of `lora.start` for adapted networks.

    Raises:
      CheckpointError: a base parameter has another shape.
      ConfigError: no dense layer of a network matches its targets.
    """
    params, collections = self.stage.init(rng, frozen)
    params = dict(params)
    for name, options in self.adapted.items():
      base_params, full, where = frozen.params[name], params[name], self.sources[name]
      plain = device_mesh.unbox(full)
      added = (*self.fresh[name], *self.new_parts.get(name, ()))
      checkpoint.check_same_shapes(name, complete(base_params, plain, added), plain, where)
      params[name] = lora.start(key_for(rng, name), full, base_params, options)
      if not any(path.endswith(lora.FACTOR_A) for path in traverse_util.flatten_dict(params[name], sep='/')):
        raise ConfigError(
          f'config.lora.{name} adapts nothing: no dense layer of {where} is called {" or ".join(options.targets)}'
        )
    return params, collections

  def loss(self, params, frozen, collections, batch, rng, step):
    """As `Stage.loss`."""
    return self.stage.loss(self.merged(params, frozen), frozen, collections, batch, rng, step)

  def preview(self, params, frozen, collections, batch, rng):
    """As `Stage.preview`."""
    return self.stage.preview(self.merged(params, frozen), frozen, collections, batch, rng)

  def merged(self, params: Mapping[str, PyTree], frozen: base.Frozen) -> dict[str, PyTree]:
    """Full parameters of every network: network name -> tree, with the factors merged into the base."""
    return {
      name: lora.merge(frozen.params[name], tree, self.adapted[name].scale) if name in self.adapted else tree
      for name, tree in params.items()
    }


def build_adapted_stage(config, initial: InitialWeights) -> base.Stage | base.PassStage:
  """Builds the stage that is trained and planned: `base.build_stage` with `config.lora` applied.

  Raises:
    ConfigError: see `base.build_stage`, `adapt`.
  """
  return adapt(base.build_stage(config, initial.modules), config, initial)


def adapt(stage: base.Stage, config, initial: InitialWeights) -> base.Stage:
  """Returns the stage with LoRA on the networks named in `config.lora`; the same stage if none is named.

  Raises:
    ConfigError: a network is not trained by the stage or has no initial weights, or a field is invalid.
  """
  adapted = networks_with_factors(config)
  for name in adapted:
    if name not in stage.networks:
      trains = ', '.join(stage.networks) or 'no network'
      raise ConfigError(f'config.lora.{name}: stage {config.stage} trains {trains}')
    if name not in initial.networks:
      raise ConfigError(f'config.lora.{name} needs pretrained weights: set --config.init.{name}=WORKDIR')
  if not adapted:
    return stage
  bases = {name: initial.networks[name] for name in adapted}
  return AdaptedStage(
    stage,
    adapted,
    sources={name: network.source for name, network in bases.items()},
    fresh={name: network.fresh for name, network in bases.items()},
  )


def networks_with_factors(config) -> dict[str, lora.LowRank]:
  """Network name -> how `config.lora` adapts it, without those of rank 0.

  Raises:
    ConfigError: see `lora.read`.
  """
  options = {name: lora.read(name, fields.to_dict()) for name, fields in config.lora.items()}
  return {name: how for name, how in options.items() if how is not None}


def adapted_by(stage: base.Stage) -> Mapping[str, lora.LowRank]:
  """Network name -> LoRA options; empty for a stage without LoRA."""
  return stage.adapted if isinstance(stage, AdaptedStage) else {}


def describe(stage: base.Stage, frozen: base.Frozen) -> dict[str, dict[str, Any]]:
  """JSON description of the adapted networks: network name -> scale, and source and CRC-32 of the base.

  The factors are only valid with the same scale and the same base.
  """
  return {
    name: {
      'scale': options.scale,
      'base': stage.sources[name],
      'crc32': lora.checksum(frozen.params[name]),
    }
    for name, options in adapted_by(stage).items()
  }
