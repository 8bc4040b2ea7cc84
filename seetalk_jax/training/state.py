"""Train state, optimizer, learning-rate schedule and random streams."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages.base import Frozen, Stage
from seetalk_jax.training import path_rules, unfreeze

PyTree = Any


@struct.dataclass
class TrainState:
  """Everything that training changes, and the statistics that the stage started with.

  Attributes:
    step: int32, gradient steps taken.
    params, ema_params: network name -> parameter tree.
    opt_state: state of the optimizer from `make_optimizer`.
    collections: network name -> {collection: tree}, variables that modules update without gradients.
    statistics: owner -> {name: array}, see Frozen.statistics; constant during training.
    ema_collections: running averages of those collections that the stage averages, see
      `Stage.average_collections`.
  """

  step: jax.Array
  params: Mapping[str, PyTree]
  ema_params: Mapping[str, PyTree]
  opt_state: PyTree
  collections: Mapping[str, Mapping[str, PyTree]]
  statistics: Mapping[str, Mapping[str, jax.Array]]
  ema_collections: Mapping[str, Mapping[str, PyTree]] = struct.field(default_factory=dict)

  @property
  def averaged_collections(self) -> dict[str, Mapping[str, PyTree]]:
    """The collections that belong to `ema_params`: averages, or the collections where there are none."""
    return {**self.collections, **self.ema_collections}


def key_for(root: jax.Array, name: str) -> jax.Array:
  """A random key that depends only on (root, name)."""
  return jax.random.fold_in(root, zlib.crc32(name.encode()))


def rng_for(root: jax.Array, stream: str, step) -> jax.Array:
  """A random key that depends only on (root, stream name, step), so that no key is passed on or stored."""
  return jax.random.fold_in(key_for(root, stream), step)


def make_optimizer(
  stage: Stage, options, frozen_until: Sequence[tuple[str, int]] = (), fresh: Collection[str] = ()
) -> optax.GradientTransformationExtraArgs:
  """AdamW without its learning rate, which `learning_rate` computes for each step.

  Args:
    stage: the stage; parameters outside of `stage.trainable`, or with a rate of 0, are never updated, and their
      gradients do not count in any norm.
    options: config.optimizer: b1, b2, weight_decay (kernels only: arrays of two or more dimensions),
      max_grad_norm, max_grad_norms (see `own_norms`), rates (((NETWORK/PATH, FACTOR), ...): learning-rate
      multipliers for parts of the networks).
    frozen_until: config.unfreeze; if set, `update` needs the keyword argument `step`.
    fresh: path prefixes, starting with the network's name, of parameters that are never frozen.

  Raises:
    ConfigError: `frozen_until`, `rates` or `max_grad_norms` is invalid, or one of the first two (at `init`) matches
      no parameter.
  """

  def is_kernel(params):
    return jax.tree.map(lambda p: p.ndim >= 2, params)

  factors = _factors(options.rates)

  def untouched(params):
    plain = device_mesh.unbox(params)
    flags, rates = (jax.tree.leaves(tree) for tree in (stage.trainable(plain), _rate_tree(plain, factors)))
    fixed = [not flag or not rate for flag, rate in zip(flags, rates, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(params), fixed)

  adamw = optax.chain(
    _clipped(options.max_grad_norm, own_norms(options), untouched),
    optax.scale_by_adam(b1=options.b1, b2=options.b2),
    optax.add_decayed_weights(options.weight_decay, mask=is_kernel),
    optax.masked(optax.set_to_zero(), untouched),
    *_scaled(factors),
  )
  if steps := unfreeze.checked(frozen_until):
    return unfreeze.staged(adamw, steps, fresh, options.warmup_steps)
  return optax.with_extra_args_support(adamw)


def own_norms(options) -> dict[str, float]:
  """Networks whose gradients are clipped by a norm of their own, with its limit: `config.optimizer.max_grad_norms`.

  The two sides of a GAN are such networks: a large gradient of one must not shrink the step of the other.

  Args:
    options: config.optimizer; configurations of earlier versions have no such field.

  Raises:
    ConfigError: not pairs of a network's name and a positive number.
  """

  def is_limit(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 < value < float('inf')

  form = '((NETWORK, NORM), ...), with names of networks and norms above 0'
  norms = path_rules.checked(options.get('max_grad_norms', ()), 'optimizer.max_grad_norms', is_limit, form)
  for name in norms:
    if name not in registry.NETWORKS:
      raise ConfigError(f'config.optimizer.max_grad_norms: {name!r} is not a network: write {form}')
  return norms


def _clipped(
  max_norm: float, own: Mapping[str, float], untouched: Callable[[PyTree], PyTree]
) -> optax.GradientTransformation:
  """Sets gradients of untouched parameters to zero, and clips those of networks in `own` and of all others apart.

  It has no state, as `optax.clip_by_global_norm`, so that checkpoints of runs with a single clip can go on.
  """

  def clip(gradients, limit):
    return optax.clip_by_global_norm(limit).update(gradients, optax.EmptyState())[0]

  def update(gradients, state, params=None):
    gradients = jax.tree.map(
      lambda g, fixed: jnp.zeros_like(g) if fixed else g,
      gradients,
      untouched(gradients if params is None else params),
    )
    clipped = {name: clip(gradients[name], limit) for name, limit in own.items() if name in gradients}
    rest = {name: tree for name, tree in gradients.items() if name not in clipped}
    return {**clipped, **clip(rest, max_norm)} if rest else clipped, state

  return optax.GradientTransformation(lambda _: optax.EmptyState(), update)


def _factors(rates: Sequence[tuple[str, float]]) -> dict[str, float]:
  """`config.optimizer.rates` as path prefix -> factor, checked."""

  def is_factor(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < float('inf')

  form = "(('NETWORK/PATH', FACTOR), ...), with factors of 0 or more"
  return path_rules.checked(rates, 'optimizer.rates', is_factor, form)


def _rate_tree(params: PyTree, factors: Mapping[str, float]) -> PyTree:
  """The factor of every leaf of unboxed parameters, 1 where none is set."""
  return path_rules.leaves(params, factors, 1.0, 'optimizer.rates')


def _scaled(factors: Mapping[str, float]) -> list[optax.GradientTransformation]:
  """Transformations that multiply the updates of parts of the networks by factors; [] without factors."""
  if not factors:
    return []

  def tree(params):
    return _rate_tree(device_mesh.unbox(params), factors)

  def init(params):
    tree(params)
    return optax.EmptyState()

  def update(updates, state, params=None):
    return jax.tree.map(lambda u, factor: factor * u, updates, tree(params)), state

  return [optax.GradientTransformation(init, update)]


def learning_rate(options, step: jax.Array, progress: jax.Array) -> jax.Array:
  """Linear warm-up over `warmup_steps`, times a cosine in progress (0..1) from 1 to `final_fraction`."""
  warm = jnp.minimum(1.0, (step + 1) / max(1, options.warmup_steps))
  cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(progress, 0.0, 1.0)))
  final = options.final_fraction
  return options.learning_rate * warm * (final + (1.0 - final) * cosine)


def ema_decay(decay: float, step: jax.Array) -> jax.Array:
  """EMA decay after `step` updates: min(decay, (1 + step) / (10 + step)), small at first."""
  return jnp.minimum(decay, (1.0 + step) / (10.0 + step))


def create_state(
  stage: Stage, optimizer: optax.GradientTransformation, rng: jax.Array, frozen: Frozen
) -> TrainState:
  """Initializes the train state, boxed with logical axis names; a pure function for eval_shape and jit."""
  params, collections = stage.init(rng, frozen)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    ema_params=jax.tree.map(jnp.copy, params),
    opt_state=optimizer.init(params),
    collections=collections,
    statistics=dict(frozen.statistics),
    ema_collections=jax.tree.map(jnp.copy, stage.average_collections(None, collections, 0.0)),
  )
