"""The train state, its optimizer and its random streams."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages.base import Frozen, Stage
from seetalk_jax.training import path_rules, unfreeze

PyTree = Any


@struct.dataclass
class TrainState:
  """Everything that training changes, plus the statistics it started from.

  Attributes:
    step: int32, gradient steps taken.
    params, ema_params: network name -> parameter tree.
    opt_state: of `make_optimizer`.
    collections: network name -> {collection: tree}, what modules update besides gradients.
    statistics: flat name -> array, see Frozen.statistics; constant during training.
  """

  step: jax.Array
  params: Mapping[str, PyTree]
  ema_params: Mapping[str, PyTree]
  opt_state: PyTree
  collections: Mapping[str, Mapping[str, PyTree]]
  statistics: Mapping[str, jax.Array]


def key_for(root: jax.Array, name: str) -> jax.Array:
  """A key that depends on nothing but (root, name)."""
  return jax.random.fold_in(root, zlib.crc32(name.encode()))


def rng_for(root: jax.Array, stream: str, step) -> jax.Array:
  """A key that depends on nothing but (root, stream name, step): no key is threaded or stored."""
  return jax.random.fold_in(key_for(root, stream), step)


def make_optimizer(
  stage: Stage, options, resting: Sequence[tuple[str, int]] = (), fresh: Collection[str] = ()
) -> optax.GradientTransformationExtraArgs:
  """AdamW without its learning rate, which `learning_rate` gives step by step.

  Args:
    options: config.optimizer: b1, b2, weight_decay (kernels only: arrays of two dimensions and more),
      max_grad_norm, rates (((NETWORK/PATH, FACTOR), ...): multiples of the learning rate for parts).
    resting: config.unfreeze; with it, `update` needs the keyword argument `step`.
    fresh: beginnings of paths, from the network's name on, of parameters that never rest.

  Raises:
    ConfigError: `resting` or `rates` are no pairs of a path and a number (or, at `init`, name no parameter).
  """

  def is_kernel(params):
    return jax.tree.map(lambda p: p.ndim >= 2, params)

  def untouched(params):
    flags = jax.tree.leaves(stage.trainable(device_mesh.unbox(params)))
    return jax.tree.unflatten(jax.tree.structure(params), [not flag for flag in flags])

  adamw = optax.chain(
    optax.clip_by_global_norm(options.max_grad_norm),
    optax.scale_by_adam(b1=options.b1, b2=options.b2),
    optax.add_decayed_weights(options.weight_decay, mask=is_kernel),
    optax.masked(optax.set_to_zero(), untouched),
    *_scaled(options.rates),
  )
  if steps := unfreeze.checked(resting):
    return unfreeze.staged(adamw, steps, fresh, options.warmup_steps)
  return optax.with_extra_args_support(adamw)


def _scaled(rates: Sequence[tuple[str, float]]) -> list[optax.GradientTransformation]:
  """What multiplies the updates of parts by factors of their own; nothing where there are none."""

  def is_factor(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < float('inf')

  form = "(('NETWORK/PATH', FACTOR), ...), with factors of 0 or more"
  factors = path_rules.checked(rates, 'optimizer.rates', is_factor, form)
  if not factors:
    return []

  def tree(params):
    return path_rules.leaves(device_mesh.unbox(params), factors, 1.0, 'optimizer.rates')

  def init(params):
    tree(params)
    return optax.EmptyState()

  def update(updates, state, params=None):
    return jax.tree.map(lambda u, factor: factor * u, updates, tree(params)), state

  return [optax.GradientTransformation(init, update)]


def learning_rate(options, step: jax.Array, progress: jax.Array) -> jax.Array:
  """Linear warm-up over `warmup_steps`; cosine in progress (0..1) down to `final_fraction` of the peak."""
  warm = jnp.minimum(1.0, (step + 1) / max(1, options.warmup_steps))
  cosine = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(progress, 0.0, 1.0)))
  final = options.final_fraction
  return options.learning_rate * warm * (final + (1.0 - final) * cosine)


def ema_decay(decay: float, step: jax.Array) -> jax.Array:
  """Decay of the running mean after `step` earlier updates: short memory at first, `decay` in the end."""
  return jnp.minimum(decay, (1.0 + step) / (10.0 + step))


def create_state(
  stage: Stage, optimizer: optax.GradientTransformation, rng: jax.Array, frozen: Frozen
) -> TrainState:
  """The first state, boxed with logical axis names; traced by eval_shape and by jit."""
  params, collections = stage.init(rng, frozen)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    ema_params=jax.tree.map(jnp.copy, params),
    opt_state=optimizer.init(params),
    collections=collections,
    statistics=dict(frozen.statistics),
  )
