"""What a stage starts from: networks and statistics of earlier stages, or of a release, by `config.init`."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from flax import traverse_util

from seetalk_jax.constants import CONFIG_FILE, RELEASE_FILE
from seetalk_jax.errors import CheckpointError, ConfigError
from seetalk_jax.models import NETWORKS
from seetalk_jax.releases import network_spec, retired, storage
from seetalk_jax.stages import base
from seetalk_jax.stages.base import Frozen
from seetalk_jax.training import checkpoint, lora
from seetalk_jax.training.progress import print_message

PyTree = Any

# A release holds the statistics of every stage. Those whose names start so are taken from it only where it is
# named for the network on the right: they belong to its weights.
_OWNERS = {
  'age_': 'speech_encoder',
  'articulation_': 'speech_encoder',
  'latent_': 'face_prior',
  'face_prior_': 'face_prior',
  'beta0': 'portrait_unet',
  'motion_': 'motion_transformer',
  'lip_': 'lip_refiner',
}


@dataclasses.dataclass(frozen=True)
class TrainedStage:
  """A finished stage, or one at a checkpoint; arrays are NumPy.

  Attributes:
    networks: network name -> description (see described.describe): class and fields.
    params: network name -> EMA parameters.
    collections: network name -> {collection: tree}.
    statistics: flat name -> array.
    config: the configuration of the run, as JSON.
    step: gradient steps taken.
    where: the file that describes the networks, for messages.
  """

  networks: dict[str, dict[str, Any]]
  params: dict[str, PyTree]
  collections: dict[str, dict[str, PyTree]]
  statistics: dict[str, np.ndarray]
  config: dict[str, Any]
  step: int
  where: str

  def modules(self) -> dict[str, nn.Module]:
    """The networks as modules with the fields that they were trained with."""
    return {name: network_spec.build(name, entry, self.where) for name, entry in self.networks.items()}


def load_trained_stage(workdir: str | pathlib.Path, step: int | None = None) -> TrainedStage:
  """Networks, EMA parameters, collections and statistics of a run's checkpoint (the latest).

  Low-rank factors are added to their bases, which are read from where the run had them.

  Raises:
    CheckpointError: the directory is not a training run, has no checkpoint yet, has statistics that are no longer
      supported, or a base is not what it was.
  """
  workdir = pathlib.Path(workdir)
  if not (workdir / CONFIG_FILE).exists():
    raise CheckpointError(f'{workdir} has no {CONFIG_FILE}, it is not a training run: give one')
  written = json.loads((workdir / CONFIG_FILE).read_text())
  with checkpoint.Checkpoints(workdir) as checkpoints:
    step = step if step is not None else checkpoints.latest
    parts = checkpoints.read(('ema_params', 'collections', 'statistics'), step)
  retired.check_statistics(parts['statistics'], str(workdir))
  params = _with_factors_added(parts['ema_params'], written.get('adapted', {}))
  return TrainedStage(
    networks=written['networks'],
    params=params,
    collections=parts['collections'],
    statistics=parts['statistics'],
    config=written['config'],
    step=step,
    where=str(workdir / CONFIG_FILE),
  )


def used_places(config) -> dict[str, str]:
  """The entries of `config.init` that name a place and that the stage uses; says of others that it does not."""
  places, names = {name: where for name, where in config.init.items() if where}, base.uses(config).names
  for name in sorted(places.keys() - set(names)):
    print_message(
      f'config.init.{name} is not loaded: stage {config.stage} does not use it with these options'
    )
  return {name: where for name, where in places.items() if name in names}


@dataclasses.dataclass(frozen=True)
class InitialNetwork:
  """A network that training starts from, or that a stage reads.

  Attributes:
    module: with the fields that it was trained with.
    params: EMA parameters, NumPy.
    collections: {collection: tree}.
    fresh: beginnings of the paths of parameters that a converted release leaves to training; `params` lacks them.
    place: where it is from, as `config.init` has it.
  """

  module: nn.Module
  params: PyTree
  collections: Mapping[str, PyTree]
  fresh: tuple[str, ...]
  place: str


@dataclasses.dataclass(frozen=True)
class InitialWeights:
  """What `config.init` names, loaded.

  Attributes:
    networks: by name.
    statistics: flat name -> array, see `base.Frozen`.
  """

  networks: Mapping[str, InitialNetwork]
  statistics: Mapping[str, Any]

  @property
  def modules(self) -> dict[str, nn.Module]:
    """Network name -> module."""
    return {name: network.module for name, network in self.networks.items()}

  @property
  def frozen(self) -> Frozen:
    """The arrays of all networks, and the statistics."""
    return Frozen(
      params={name: network.params for name, network in self.networks.items()},
      collections={
        name: network.collections for name, network in self.networks.items() if network.collections
      },
      statistics=self.statistics,
    )


def load_initial_weights(init: Mapping[str, str]) -> InitialWeights:
  """Networks and statistics of the places that `config.init` names.

  Args:
    init: name -> where: a training directory (its EMA parameters), a released directory, 'demo' (the shipped
      weights), or '' for nothing. The name is a network's, or `face_prior`, which gives statistics alone.
      A run also gives all its statistics (see `kept_statistics`), a release those of the networks that it is named
      for.

  Raises:
    CheckpointError: nothing usable at a place, or two places with different values of one statistic.
    ConfigError: a name that is no network.
  """
  places: dict[str, tuple] = {}
  networks, statistics = {}, {}
  origin: dict[str, str] = {}
  for name, where in init.items():
    if not where:
      continue
    if name not in NETWORKS and name != 'face_prior':
      raise ConfigError(f'config.init.{name} is not a network: use one of {", ".join(NETWORKS)}, face_prior')
    if where not in places:
      places[where] = _load(where)
    found_modules, found_params, found_collections, found_statistics = places[where]
    if name in NETWORKS:
      if name not in found_modules:
        holds = ', '.join(found_modules) or 'no network'
        raise CheckpointError(f'{where} has no {name}, it holds {holds}: change config.init.{name}')
      networks[name] = InitialNetwork(
        found_modules[name],
        found_params[name],
        found_collections.get(name, {}),
        fresh_parts(where, name),
        where,
      )
    for key, value in found_statistics.items():
      owner = _owner(key)
      if _is_release(where) and owner and owner not in (n for n in init if init[n] == where):
        continue
      if key in statistics and not np.array_equal(statistics[key], value):
        raise CheckpointError(
          f'{key} of {where} is not that of {origin[key]}: they come from different runs of an earlier '
          'stage, train the later one again'
        )
      statistics[key], origin[key] = value, where
  return InitialWeights(networks, statistics)


def kept_statistics(stage, places: Mapping[str, str], statistics: Mapping[str, Any]) -> dict[str, Any]:
  """Those of the given statistics that a stage may pass on: its own kinds, and those of what it is given.

  Args:
    stage: built.
    places: of `used_places`.
    statistics: of `load_initial_weights`; runs hold those of the runs that they were given, too.
  """
  read = stage.statistics_spec()
  owners = {*places, *map(_owner, read)} - {None}
  return {key: value for key, value in statistics.items() if key in read or _owner(key) in owners}


def fresh_parts(where: str, name: str) -> tuple[str, ...]:
  """Beginnings of the paths of a network's parameters that a converted release leaves to training."""
  if not where or not _is_release(where):
    return ()
  return tuple(storage.read_info(where)[1]['networks'][name].get('fresh', ()))


def complete(have: PyTree, fresh: PyTree, parts: Sequence[str]) -> PyTree:
  """`have` with what it lacks of `parts` taken from `fresh`, a whole tree."""
  added = {
    path: x for path, x in traverse_util.flatten_dict(fresh, sep='/').items() if path.startswith(tuple(parts))
  }
  return traverse_util.unflatten_dict({**added, **traverse_util.flatten_dict(have, sep='/')}, sep='/')


def without(have: PyTree, parts: Sequence[str]) -> PyTree:
  """`have` less what begins with one of `parts`: what a converted network brings along."""
  kept = {
    path: x
    for path, x in traverse_util.flatten_dict(have, sep='/').items()
    if not path.startswith(tuple(parts))
  }
  return traverse_util.unflatten_dict(kept, sep='/')


def check_finished(initial: InitialWeights, names: Iterable[str]) -> None:
  """Networks that a stage does not train must not have untrained parts.

  Raises:
    CheckpointError: one has.
  """
  for name in names:
    network = initial.networks.get(name)
    if network is not None and network.fresh:
      raise CheckpointError(
        f'{name} of {network.place} is converted and its {", ".join(network.fresh)} are not trained yet: train it '
        'first, in a stage of its own'
      )


def _owner(key: str) -> str | None:
  return next((owner for start, owner in _OWNERS.items() if key.startswith(start)), None)


def _is_release(where: str) -> bool:
  return where == 'demo' or (pathlib.Path(where) / RELEASE_FILE).exists()


def _load(where: str) -> tuple[dict, dict, dict, dict]:
  """(modules, params, collections, statistics) at one place."""
  if _is_release(where):
    networks = storage.load_networks(where, unfinished=True)
    return networks.modules, networks.params, dict(getattr(networks, 'collections', {})), networks.statistics
  result = load_trained_stage(where)
  return result.modules(), result.params, result.collections, result.statistics


def _with_factors_added(
  params: Mapping[str, PyTree], entries: Mapping[str, Mapping[str, Any]]
) -> dict[str, PyTree]:
  """Parameters of a run's networks, as NumPy arrays, with its factors added to the bases that they belong to.

  Args:
    params: network name -> what the run trained.
    entries: of `adapted_stage.describe`.

  Raises:
    CheckpointError: a base is gone, or is another one by now.
  """
  merged = dict(params)
  for name, entry in entries.items():
    base_params = load_initial_weights({name: entry['base']}).networks[name].params
    if lora.checksum(base_params) != entry['crc32']:
      raise CheckpointError(
        f'{name} of {entry["base"]} is not what it was when its factors were trained: put those weights back'
      )
    whole = lora.merge(base_params, params[name], entry['scale'])
    merged[name] = jax.tree.map(np.asarray, whole)
  return merged
