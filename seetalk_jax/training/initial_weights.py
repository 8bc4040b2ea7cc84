"""What a stage starts from: networks and statistics of earlier stages, or of a release, by `config.init`."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from flax import linen as nn
from flax import traverse_util

from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import CheckpointError, ConfigError
from seetalk_jax.models import NETWORKS
from seetalk_jax.stages import base
from seetalk_jax.stages.base import Frozen
from seetalk_jax.training import checkpoint
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


def used_places(config) -> dict[str, str]:
  """The entries of `config.init` that name a place and that the stage uses; says of others that it does not."""
  places, names = {name: where for name, where in config.init.items() if where}, base.uses(config).names
  for name in sorted(places.keys() - set(names)):
    print_message(
      f'config.init.{name} is not loaded: stage {config.stage} does not use it with these options'
    )
  return {name: where for name, where in places.items() if name in names}


def load_given(init: Mapping[str, str]) -> tuple[dict[str, nn.Module], Frozen]:
  """Modules and arrays that `config.init` names.

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
  modules, params, collections, statistics = {}, {}, {}, {}
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
      modules[name], params[name] = found_modules[name], found_params[name]
      if name in found_collections:
        collections[name] = found_collections[name]
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
  return modules, Frozen(params=params, collections=collections, statistics=statistics)


def kept_statistics(stage, places: Mapping[str, str], statistics: Mapping[str, Any]) -> dict[str, Any]:
  """Those of the given statistics that a stage may pass on: its own kinds, and those of what it is given.

  Args:
    stage: built.
    places: of `used_places`.
    statistics: of `load_given`; runs hold those of the runs that they were given, too.
  """
  read = () if base.is_pass(stage) else stage.statistics_spec()
  owners = {*places, *map(_owner, read)} - {None}
  return {key: value for key, value in statistics.items() if key in read or _owner(key) in owners}


def fresh_parts(where: str, name: str) -> tuple[str, ...]:
  """Beginnings of the paths of a network's parameters that a converted release leaves to training."""
  if not where or not _is_release(where):
    return ()
  from seetalk_jax.releases import storage

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


def check_finished(init: Mapping[str, str], names: Iterable[str]) -> None:
  """Networks that a stage does not train must not have untrained parts.

  Raises:
    CheckpointError: one has.
  """
  for name in names:
    where = init.get(name, '')
    if where and name in NETWORKS and (parts := fresh_parts(where, name)):
      raise CheckpointError(
        f'{name} of {where} is converted and its {", ".join(parts)} are not trained yet: train it first, in a '
        'stage of its own'
      )


def _owner(key: str) -> str | None:
  return next((owner for start, owner in _OWNERS.items() if key.startswith(start)), None)


def _is_release(where: str) -> bool:
  return where == 'demo' or (pathlib.Path(where) / RELEASE_FILE).exists()


def _load(where: str) -> tuple[dict, dict, dict, dict]:
  """(modules, params, collections, statistics) at one place."""
  if _is_release(where):
    from seetalk_jax.releases import storage

    networks = storage.load_networks(where, unfinished=True)
    return networks.modules, networks.params, dict(getattr(networks, 'collections', {})), networks.statistics
  result = checkpoint.load_stage_result(where)
  return result.modules(), result.params, result.collections, result.statistics
