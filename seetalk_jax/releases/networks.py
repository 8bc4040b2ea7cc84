"""Networks of a release in memory: modules, parameters, statistics, and the content of seetalk.json."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import network_spec
from seetalk_jax.releases.provenance import notes_after_change

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Networks:
  """Networks read from a release.

  Attributes:
    modules: network name -> Linen module.
    params: network name -> plain nested dict of float32 arrays.
    collections: network name -> {collection: tree}, for networks that have any (the codebook's EMA state).
    statistics: name -> float32 scalar or array (latent_scale, motion_mean, face_prior_mean, ...).
    info: content of seetalk.json. `info['provenance']['networks']` holds licence, origin and other notes of each
      network, for `save_release`.
    directory: folder of the release.
  """

  modules: dict[str, Any]
  params: dict[str, PyTree]
  collections: dict[str, dict[str, PyTree]]
  statistics: dict[str, np.ndarray]
  info: dict[str, Any]
  directory: pathlib.Path

  def variables(self, network: str) -> dict[str, PyTree]:
    """Variables for `module.apply`: `{'params': ..., **collections}`.

    Raises:
      CheckpointError: the release lacks this network.
    """
    if network not in self.params:
      raise absent(network, self.directory)
    return {'params': self.params[network], **self.collections.get(network, {})}

  def replace(self, **params: PyTree) -> Networks:
    """These networks with other parameters in some of them, for `save_release`.

    networks = load_networks('demo')
    save_release('mine', networks.replace(motion_transformer=params))

    The licence of a network with other parameters becomes 'unknown', beside that of its release if that is not
    Apache-2.0; `save_release(..., provenance={'networks': {NAME: {'licence': ..., 'origin': ...}}})` states it.

    Args:
      params: network name -> parameters, or variables: `{'params': ..., 'codebook_state': ...}`. Parameters in the
        boxes of `init` are accepted. Their shapes are checked here.

    Raises:
      CheckpointError: a network that is not among these, or parameters that do not match its module.
    """
    new, collections, notes = dict(self.params), dict(self.collections), {}
    kept = self.info.get('provenance', {}).get('networks', {})
    for name, tree in params.items():
      if name not in self.modules:
        raise CheckpointError(
          f'no {name} among the networks of {self.directory}, argument {name}: use one of {", ".join(self.modules)}'
        )
      new[name], changed = _variables_of(name, tree)
      collections |= {name: {**collections.get(name, {}), **changed}} if changed else {}
      fresh = tuple(kept.get(name, {}).get('fresh', ()))  # they may be there by now
      shapes = network_spec.shapes_in({**new[name], **collections.get(name, {})})
      network_spec.compare_shapes(
        {path: shape for path, shape in shapes.items() if not path.startswith(fresh)},
        network_spec.shapes_in({**self.params[name], **self.collections.get(name, {})}),
        where=f'argument {name}',
        expected=f'the {name} of {self.directory}',
        advice='give parameters of that module',
      )
      notes[name] = notes_after_change(kept.get(name, {}))
    provenance = {**self.info.get('provenance', {}), 'networks': {**kept, **notes}}
    info = {**self.info, 'provenance': provenance}
    return dataclasses.replace(self, params=new, collections=collections, info=info)

  def __repr__(self) -> str:
    return f'Networks({str(self.directory)!r}, {", ".join(self.modules) or "none"})'


def absent(network: str, directory: pathlib.Path) -> CheckpointError:
  """The error for a network that a release lacks."""
  return CheckpointError(
    f'the checkpoint holds no {network}, {directory}: export a run that trained it, or export again with --base demo '
    'to take what the run did not train from the shipped weights'
  )


def _variables_of(name: str, tree: Any) -> tuple[dict[str, PyTree], dict[str, PyTree]]:
  """(params, collections) of parameters or variables, as plain nested dicts without boxes."""
  from flax import core

  if not isinstance(tree, Mapping):
    raise CheckpointError(
      f'{name} is a {type(tree).__name__}, argument {name}: give its parameters as nested dicts'
    )
  tree = dict(core.unfreeze(core.meta.unbox(tree)))
  if 'params' not in tree:
    return tree, {}
  return tree.pop('params'), {key: tree[key] for key in network_spec.COLLECTIONS if key in tree}
