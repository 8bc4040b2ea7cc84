"""Initial weights of a stage (`config.init`): networks and statistics of earlier stages or of a release."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from flax import traverse_util

from seetalk_jax.constants import CONFIG_FILE, TRUTH_KNOWN
from seetalk_jax.errors import CheckpointError, ConfigError
from seetalk_jax.models import NETWORKS
from seetalk_jax.releases import (
  codec_truth,
  flat_statistics,
  motion_window,
  network_spec,
  provenance,
  retired,
  storage,
)
from seetalk_jax.stages import base
from seetalk_jax.stages.base import Frozen
from seetalk_jax.training import checkpoint, lora, run_sources
from seetalk_jax.training.progress import print_message

PyTree = Any


@dataclasses.dataclass(frozen=True)
class TrainedStage:
  """A trained stage, finished or at a checkpoint; arrays are NumPy.

  Attributes:
    networks: network name -> class and fields, see `network_spec.describe`.
    params: network name -> EMA parameters.
    collections: network name -> {collection: tree}; their averages where the stage averages them.
    statistics: owner -> {name: array}: those that the run computed, and those that it read.
    config: the configuration of the run, as JSON.
    step: gradient steps taken.
    where: path of the run's config.json, for messages.
    sources: what the run was made of, with licences; None: a run of an earlier version, without a record.
  """

  networks: dict[str, dict[str, Any]]
  params: dict[str, PyTree]
  collections: dict[str, dict[str, PyTree]]
  statistics: dict[str, dict[str, np.ndarray]]
  config: dict[str, Any]
  step: int
  where: str
  sources: Sequence[run_sources.Source] | None = None

  def modules(self) -> dict[str, nn.Module]:
    """Network name -> module, with the fields of training."""
    return {name: network_spec.build(name, entry, self.where) for name, entry in self.networks.items()}

  def notes(self, name: str, addition: str | None = None) -> dict[str, str]:
    """Licence and origin of a network or statistic; see `run_sources.notes_of`."""
    return run_sources.notes_of(name, self.sources, addition)


def load_trained_stage(workdir: str | pathlib.Path, step: int | None = None) -> TrainedStage:
  """Loads networks, EMA parameters, collections and statistics from a checkpoint of a run.

  Low-rank factors are merged into their bases, which are read from the place that the run read them from.

  Args:
    workdir: directory of the run.
    step: step of the checkpoint; None: the latest.

  Raises:
    CheckpointError: the directory is not a training run, has no checkpoint yet, has statistics that are no longer
      supported, or the base of low-rank factors has changed.
  """
  workdir = pathlib.Path(workdir)
  if not (workdir / CONFIG_FILE).exists():
    raise CheckpointError(f'{workdir} has no {CONFIG_FILE}, it is not a training run: give one')
  written = json.loads((workdir / CONFIG_FILE).read_text())
  with checkpoint.Checkpoints(workdir) as checkpoints:
    step = step if step is not None else checkpoints.latest
    parts = checkpoints.read(('ema_params', 'collections', 'ema_collections', 'statistics'), step)
  for names in parts['statistics'].values():
    retired.check_statistics(names, str(workdir))
  params = _with_factors_added(parts['ema_params'], written.get('adapted', {}))
  return TrainedStage(
    networks=written['networks'],
    params=params,
    collections={**parts['collections'], **parts['ema_collections']},
    statistics=with_motion_window(parts['statistics'], written['config']),
    config=written['config'],
    step=step,
    where=str(workdir / CONFIG_FILE),
    sources=run_sources.from_json(written),
  )


def with_motion_window(statistics: base.Statistics, config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
  """Statistics of a run by owner, with the `motion_window` of a run of an earlier version by its configuration."""
  stages = {config['stage']: {'config': config}}
  return {owner: motion_window.with_window(values, stages) for owner, values in statistics.items()}


def initial_sources(config) -> dict[str, str]:
  """Entries of `config.init` that the stage uses; prints a message for other entries that are set.

  A network that is trained further keeps the statistics that it was trained with: owners in `Uses.statistics`
  that have no entry get its run.
  """
  sources, used = {name: where for name, where in config.init.items() if where}, base.uses(config)
  for name in sorted(sources.keys() - set(used.names)):
    print_message(
      f'config.init.{name} is not loaded: stage {config.stage} does not use it with these options'
    )
  sources = {name: where for name, where in sources.items() if name in used.names}
  runs = [sources[name] for name in used.trained if name in sources and not storage.is_release(sources[name])]
  return {**dict.fromkeys(used.statistics, runs[0]), **sources} if runs else sources


@dataclasses.dataclass(frozen=True)
class InitialNetwork:
  """A pretrained network that a stage trains further or reads.

  Attributes:
    module: Linen module with the fields of training.
    params: EMA parameters, NumPy.
    collections: {collection: tree}.
    fresh: path prefixes of parameters that a converted release does not have yet; `params` lacks them.
    source: its source, an entry of `config.init`.
  """

  module: nn.Module
  params: PyTree
  collections: Mapping[str, PyTree]
  fresh: tuple[str, ...]
  source: str


@dataclasses.dataclass(frozen=True)
class InitialWeights:
  """Networks and statistics of `config.init`, loaded.

  Attributes:
    networks: network name -> network.
    statistics: owner -> {name: array}, see `base.Frozen`.
    notes: name in `config.init` -> its licence and origin.
  """

  networks: Mapping[str, InitialNetwork]
  statistics: base.Statistics
  notes: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

  @property
  def modules(self) -> dict[str, nn.Module]:
    """Network name -> module."""
    return {name: network.module for name, network in self.networks.items()}

  @property
  def frozen(self) -> Frozen:
    """Parameters and collections of all networks, and the statistics."""
    return Frozen(
      params={name: network.params for name, network in self.networks.items()},
      collections={
        name: network.collections for name, network in self.networks.items() if network.collections
      },
      statistics=self.statistics,
    )


def load_initial_weights(init: Mapping[str, str]) -> InitialWeights:
  """Loads the networks and statistics of `config.init`.

  Each name brings its own statistics. Others that a place holds, such as those that a run has read, are not loaded.

  Args:
    init: name -> place. The name is a network, or `face_prior`, which has statistics alone. The place is a
      training directory (its EMA parameters), a release folder, 'demo' (the shipped weights), or '' for none.

  Raises:
    CheckpointError: a place cannot be loaded.
    ConfigError: a name is not a network.
  """
  loaded: dict[str, tuple] = {}
  networks, statistics, notes = {}, {}, {}
  for name, where in init.items():
    if not where:
      continue
    if name not in NETWORKS and name != 'face_prior':
      raise ConfigError(f'config.init.{name} is not a network: use one of {", ".join(NETWORKS)}, face_prior')
    if where not in loaded:
      loaded[where] = _load(where)
    run_modules, run_params, run_collections, run_statistics, notes_for = loaded[where]
    if name in NETWORKS:
      if name not in run_modules:
        holds = ', '.join(run_modules) or 'no network'
        raise CheckpointError(f'{where} has no {name}, it holds {holds}: change config.init.{name}')
      networks[name] = InitialNetwork(
        run_modules[name],
        run_params[name],
        run_collections.get(name, {}),
        fresh_parts(where, name),
        where,
      )
    notes[name] = notes_for(name)
    if name in run_statistics:
      statistics[name] = run_statistics[name]
  return InitialWeights(networks, statistics, notes)


def fresh_parts(where: str, name: str) -> tuple[str, ...]:
  """Path prefixes of a network's parameters that a converted release does not have yet."""
  if not where or not storage.is_release(where):
    return ()
  return tuple(storage.read_info(where)[1]['networks'][name].get('fresh', ()))


def complete(have: PyTree, fresh: PyTree, parts: Sequence[str]) -> PyTree:
  """`have`, with missing parameters under the path prefixes `parts` taken from the full tree `fresh`."""
  added = {
    path: x for path, x in traverse_util.flatten_dict(fresh, sep='/').items() if path.startswith(tuple(parts))
  }
  return traverse_util.unflatten_dict({**added, **traverse_util.flatten_dict(have, sep='/')}, sep='/')


def without(have: PyTree, parts: Sequence[str]) -> PyTree:
  """`have` without parameters under the path prefixes `parts`: those that a converted network provides."""
  kept = {
    path: x
    for path, x in traverse_util.flatten_dict(have, sep='/').items()
    if not path.startswith(tuple(parts))
  }
  return traverse_util.unflatten_dict(kept, sep='/')


def check_finished(initial: InitialWeights, names: Iterable[str]) -> None:
  """Checks that the named networks, which a stage reads but does not train, have no untrained parameters.

  Raises:
    CheckpointError: a network has untrained parameters.
  """
  for name in names:
    network = initial.networks.get(name)
    if network is not None and network.fresh:
      raise CheckpointError(
        f'{name} of {network.source} is converted and its {", ".join(network.fresh)} are not trained yet: train it '
        'first, in a stage of its own'
      )


def _load(where: str) -> tuple[dict, dict, dict, dict, Callable[[str], dict[str, Any]]]:
  """Loads (modules, params, collections, statistics by owner, notes of a name) from one place."""
  if storage.is_release(where):
    networks = storage.load_networks(where, unfinished=True)
    statistics = flat_statistics.by_owner(networks.statistics)
    statistics = _with_truth_known(statistics, networks.info.get('provenance', {}).get('stages', {}))
    of_release = functools.partial(_notes_in_release, networks)
    return networks.modules, networks.params, networks.collections, statistics, of_release
  result = load_trained_stage(where)
  statistics = _with_truth_known(result.statistics, {result.config['stage']: {'config': result.config}})
  return result.modules(), result.params, result.collections, statistics, result.notes


def _with_truth_known(statistics: base.Statistics, stages: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
  """Statistics by owner, with `truth_known` 0 for a codec of an earlier version that was trained without motion."""
  of_codec = dict(statistics.get('motion_codec', {}))
  if codec_truth.is_known(of_codec, stages):
    return dict(statistics)
  return {**statistics, 'motion_codec': {**of_codec, TRUTH_KNOWN: np.float32(0.0)}}


def _notes_in_release(networks: storage.Networks, name: str) -> dict[str, Any]:
  """Licence and origin of a network of a release, or of its statistics: those of all its networks."""
  entries = networks.info['networks']
  if name in entries:
    return provenance.notes_of(entries[name])
  licences = [provenance.notes_of(entry)['licence'] for entry in entries.values()]
  return {
    'licence': provenance.combined_licence(licences),
    'origin': f'statistics of the release {networks.directory.name}',
  }


def _with_factors_added(
  params: Mapping[str, PyTree], entries: Mapping[str, Mapping[str, Any]]
) -> dict[str, PyTree]:
  """Parameters of a run's networks as NumPy arrays, with low-rank factors merged into their bases.

  Args:
    params: network name -> trained parameters or factors.
    entries: network name -> description of its factors, from `adapted_stage.describe`.

  Raises:
    CheckpointError: a base is missing or has changed.
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
