"""Low-rank adaptation (LoRA, arXiv 2106.09685): a given network stays as it is, factors beside its kernels learn.

Where a stage would train a kernel `[n, m]`, it trains `lora_a [n, rank]` and `lora_b [rank, m]`; the kernel is
`base + alpha / rank * lora_a @ lora_b`. Parameters that the given network lacks are trained whole, all others not
at all. The sum is made inside the loss, so neither stages nor networks know of it, and once more when the run is
read: what it hands on has plain kernels. (The gradient of a whole kernel exists for a moment; what is saved is its
place in the optimizer's moments, the running mean and the checkpoints.)
"""

from __future__ import annotations

import dataclasses
import fnmatch
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util

from seetalk_jax.errors import CheckpointError, ConfigError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import checkpoint
from seetalk_jax.training.initial_weights import complete, fresh_parts, load_given
from seetalk_jax.training.state import key_for

PyTree = Any

_A, _B = 'lora_a', 'lora_b'


@dataclasses.dataclass(frozen=True)
class LowRank:
  """How one network is adapted.

  Attributes:
    rank: of the factors.
    alpha: the factors' product counts alpha / rank; 0: as much as the rank, so that it counts once.
    targets: names of the dense layers whose kernels are adapted; `*` and `?` as in file names.
  """

  rank: int = 16
  alpha: float = 0.0
  targets: tuple[str, ...] = ('to_q', 'to_k', 'to_v', 'to_out')

  @property
  def scale(self) -> float:
    """What the product of the factors is multiplied by."""
    return (self.alpha or self.rank) / self.rank

  def adapts(self, path: str, ndim: int) -> bool:
    """Whether the parameter at `a/b/kernel`, of so many dimensions, is a kernel that gets factors."""
    *layers, leaf = path.split('/')
    named = layers and any(fnmatch.fnmatchcase(layers[-1], target) for target in self.targets)
    return bool(named) and leaf == 'kernel' and ndim == 2


def parse(name: str, spec: str) -> LowRank:
  """`parse('portrait_unet', 'rank=16, alpha=16, targets=to_q|to_k|to_v|to_out')`; what is left out has a default.

  Raises:
    ConfigError: a spec that does not read.
  """
  kinds = {'rank': int, 'alpha': float, 'targets': lambda text: tuple(text.split('|'))}
  try:
    pairs = dict(part.split('=') for part in spec.replace(' ', '').split(','))
    options = LowRank(**{key: kinds[key](value) for key, value in pairs.items()})
    if options.rank < 1 or options.alpha < 0:
      raise ValueError
  except (ValueError, KeyError) as e:
    raise ConfigError(
      f"config.lora.{name}={spec!r} does not read: write 'rank=16, alpha=16, targets=to_q|to_v'"
    ) from e
  return options


def start(rng: jax.Array, full: PyTree, given: PyTree, options: LowRank) -> PyTree:
  """What is trained at first: factors whose product is zero, and what `given` lacks of `full`, whole.

  Args:
    full: parameters as a fresh network has them, boxed with logical names or not; factors get the names of their
      kernel's dimensions, the rank has none and is not split.
    given: the base.
  """
  full, given = traverse_util.flatten_dict(full, sep='/'), traverse_util.flatten_dict(given, sep='/')
  trained = {path: leaf for path, leaf in full.items() if path not in given}
  for path in full.keys() & given.keys():
    if not options.adapts(path, np.ndim(given[path])):
      continue
    (n, m), layer = np.shape(given[path]), path.removesuffix('kernel')
    names = full[path].names if isinstance(full[path], nn.LogicallyPartitioned) else None
    key = key_for(rng, path)
    a = jax.random.normal(key, (n, options.rank)) / np.sqrt(n)
    b = jnp.zeros((options.rank, m))
    trained[layer + _A] = nn.LogicallyPartitioned(a, (names[0], None)) if names else a
    trained[layer + _B] = nn.LogicallyPartitioned(b, (None, names[1])) if names else b
  return traverse_util.unflatten_dict(trained, sep='/')


def merge(given: PyTree, trained: PyTree, scale: float) -> PyTree:
  """A network's parameters: the base with the factors' products added, and with what is trained whole.

  With `lora_b` zero they are those of the base exactly.
  """
  merged, learned = traverse_util.flatten_dict(given, sep='/'), traverse_util.flatten_dict(trained, sep='/')
  for path, value in learned.items():
    if path.endswith(_A):
      layer = path.removesuffix(_A)
      # In full precision everywhere, so that a release means what was trained.
      product = jnp.matmul(value, learned[layer + _B], precision=jax.lax.Precision.HIGHEST)
      merged[layer + 'kernel'] = merged[layer + 'kernel'] + scale * product
    elif not path.endswith(_B):
      merged[path] = value
  return traverse_util.unflatten_dict(merged, sep='/')


@dataclasses.dataclass(frozen=True)
class AdaptedStage:
  """A stage some of whose networks learn by factors; in all else it is that stage.

  `frozen.params` must hold the networks that are adapted.

  Attributes:
    stage: with whole parameters.
    adapted: network name -> how.
    places: network name -> where its base is from.
    fresh: network name -> beginnings of the paths that the base may lack.
  """

  stage: base.Stage
  adapted: Mapping[str, LowRank]
  places: Mapping[str, str]
  fresh: Mapping[str, tuple[str, ...]]

  def __getattr__(self, name: str) -> Any:
    if name == 'stage':  # while it is being copied there is none
      raise AttributeError(name)
    return getattr(self.stage, name)

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, PyTree], dict[str, Any]]:
    """As `Stage.init`, with what `start` makes of the adapted networks.

    Raises:
      CheckpointError: a base of another shape.
      ConfigError: no layer of the given names.
    """
    params, collections = self.stage.init(rng, frozen)
    params = dict(params)
    for name, options in self.adapted.items():
      given, full, where = frozen.params[name], params[name], self.places[name]
      plain = device_mesh.unbox(full)
      checkpoint.check_same_shapes(name, complete(given, plain, self.fresh[name]), plain, where)
      params[name] = start(key_for(rng, name), full, given, options)
      if not any(path.endswith(_A) for path in traverse_util.flatten_dict(params[name], sep='/')):
        raise ConfigError(
          f'config.lora.{name} adapts nothing: no dense layer of {where} is called {" or ".join(options.targets)}'
        )
    return params, collections

  def loss(self, params, frozen, collections, batch, rng, step):
    """As `Stage.loss`."""
    return self.stage.loss(self.merged(params, frozen), frozen, collections, batch, rng, step)

  def preview(self, params, frozen, collections, batch, rng):
    """As `StageBase.preview`."""
    return self.stage.preview(self.merged(params, frozen), frozen, collections, batch, rng)

  def merged(self, params: Mapping[str, PyTree], frozen: base.Frozen) -> dict[str, PyTree]:
    """Whole parameters of every network."""
    return {
      name: merge(frozen.params[name], tree, self.adapted[name].scale) if name in self.adapted else tree
      for name, tree in params.items()
    }


def build_adapted_stage(config, given: Mapping[str, nn.Module]) -> base.Stage | base.PassStage:
  """The stage of a configuration as it is trained and planned: `base.build_stage`, and `config.lora` applied.

  Raises:
    ConfigError: see `base.build_stage`, `adapt`.
  """
  return adapt(base.build_stage(config, given), config, given)


def adapt(stage: base.Stage, config, given: Mapping[str, nn.Module]) -> base.Stage:
  """The stage with the networks adapted that `config.lora` names; itself where there are none.

  Raises:
    ConfigError: a network that the stage does not train or that is not given, or a spec that does not read.
  """
  adapted = {name: parse(name, spec) for name, spec in dict(config.get('lora', {})).items() if spec}
  for name in adapted:
    if name not in stage.networks:
      trains = ', '.join(stage.networks) or 'no network'
      raise ConfigError(f'config.lora.{name}: stage {config.stage} trains {trains}')
    if name not in given:
      raise ConfigError(
        f'config.lora.{name} needs given weights: say where with --config.init.{name}=WORKDIR'
      )
  if not adapted:
    return stage
  places = {name: config.init[name] for name in adapted}
  return AdaptedStage(stage, adapted, places, {name: fresh_parts(places[name], name) for name in adapted})


def adapted_by(stage: base.Stage) -> Mapping[str, LowRank]:
  """Network name -> how it is adapted; empty for an ordinary stage."""
  return stage.adapted if isinstance(stage, AdaptedStage) else {}


def describe(stage: base.Stage, frozen: base.Frozen) -> dict[str, dict[str, Any]]:
  """What must be known, and stay, for a run's factors to be of use: how they count, and the base. For JSON."""
  return {
    name: {
      'scale': options.scale,
      'base': stage.places[name],
      'crc32': _crc32(frozen.params[name]),
    }
    for name, options in adapted_by(stage).items()
  }


def merge_result(params: Mapping[str, PyTree], entries: Mapping[str, Mapping[str, Any]]) -> dict[str, PyTree]:
  """Parameters of a run's networks, as NumPy arrays, with its factors added to the bases that they belong to.

  Args:
    params: network name -> what the run trained.
    entries: what `describe` said.

  Raises:
    CheckpointError: a base is gone, or is another one by now.
  """
  merged = dict(params)
  for name, entry in entries.items():
    _, frozen = load_given({name: entry['base']})
    if _crc32(frozen.params[name]) != entry['crc32']:
      raise CheckpointError(
        f'{name} of {entry["base"]} is not what it was when its factors were trained: put those weights back'
      )
    merged[name] = jax.tree.map(np.asarray, merge(frozen.params[name], params[name], entry['scale']))
  return merged


def _crc32(params: PyTree) -> int:
  found = 0
  for path, leaf in sorted(traverse_util.flatten_dict(params, sep='/').items()):
    found = zlib.crc32(path.encode(), found)
    found = zlib.crc32(np.ascontiguousarray(leaf), found)
  return found
