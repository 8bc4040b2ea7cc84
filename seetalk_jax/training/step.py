"""Training step: a pure function, compiled ahead of time with donated state; and the evaluation step."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.sharding import Mesh

from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import figures
from seetalk_jax.stages.base import Batch, Frozen, Metrics, Stage
from seetalk_jax.training import flops, health
from seetalk_jax.training.state import TrainState, ema_decay, learning_rate, own_norms, rng_for

PyTree = Any


@dataclasses.dataclass(frozen=True)
class CompiledStep:
  """A compiled step, called as `(state, frozen, batch, progress) -> (state, metrics)`.

  Attributes:
    compiled: the compiled JAX program.
    flops: operations of matrix products and convolutions on all devices together, rematerialization included.
  """

  compiled: jax.stages.Compiled
  flops: float

  def __call__(
    self, state: TrainState, frozen: Frozen, batch: Batch, progress: jax.Array
  ) -> tuple[TrainState, Metrics]:
    return self.compiled(state, frozen, batch, progress)


@dataclasses.dataclass(frozen=True)
class Recipe:
  """Static definition of a gradient step: everything but its input arrays.

  Attributes:
    stage: the stage with the loss.
    optimizer: optimizer from `state.make_optimizer`.
    options: config.optimizer.
    root: random key of the run; every step derives its own key.
    pieces: number of microbatches for gradient accumulation; gradients and metrics are averaged over them.
  """

  stage: Stage
  optimizer: optax.GradientTransformationExtraArgs
  options: Any
  root: jax.Array
  pieces: int = 1


def train_step(
  recipe: Recipe, state: TrainState, frozen: Frozen, batch: Batch, progress: jax.Array
) -> tuple[TrainState, Metrics]:
  """One gradient step.

  Args:
    recipe: definition of the step.
    state: train state.
    frozen: networks that the stage reads; their statistics are replaced by those of `state`.
    batch: global batch.
    progress: float32 scalar in 0..1, training progress (in steps or in minutes) for the learning-rate
      schedule.

  Returns:
    The next state, and float32 scalar metrics: those of the stage, loss, grad_norm, learning_rate, first_bad, and
    grad_norm_NETWORK of each network that is clipped by a norm of its own.
  """
  stage, options = recipe.stage, recipe.options
  frozen = frozen.replace(statistics=state.statistics)
  rng = rng_for(recipe.root, 'loss', state.step)
  if recipe.pieces == 1:
    result = _gradients(stage, state, frozen, state.collections, batch, rng)
  else:
    result = _accumulated(stage, state, frozen, batch, rng, recipe.pieces)
  loss, metrics, collections, gradients = result
  updates, opt_state = recipe.optimizer.update(gradients, state.opt_state, state.params, step=state.step)
  rate = learning_rate(options, state.step, progress)
  params = optax.apply_updates(state.params, jax.tree.map(lambda u: -rate * u, updates))
  decay = ema_decay(options.ema_decay, state.step)
  ema_params = jax.tree.map(lambda e, p: e + (1.0 - decay) * (p - e), state.ema_params, params)
  average = state.ema_collections or None
  ema_collections = stage.average_collections(average, collections, decay) if average else {}
  metrics = {
    **metrics,
    'loss': loss,
    'grad_norm': optax.tree.norm(gradients),
    **{
      f'grad_norm_{name}': optax.tree.norm(gradients[name])
      for name in own_norms(options)
      if name in gradients
    },
    'learning_rate': rate,
    health.METRIC: health.first_bad(batch, state.params, gradients),
  }
  state = state.replace(
    step=state.step + 1,
    params=params,
    ema_params=ema_params,
    opt_state=opt_state,
    collections=collections,
    ema_collections=ema_collections,
  )
  return state, {name: jnp.asarray(value, jnp.float32) for name, value in metrics.items()}


def _gradients(stage, state, frozen, collections, batch, rng):
  def loss_of(params):
    return stage.loss(params, frozen, collections, batch, rng, state.step)

  (loss, (metrics, collections)), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params)
  return loss, metrics, collections, gradients


def _accumulated(stage, state, frozen, batch, rng, pieces):
  """`_gradients` with gradient accumulation: pieces of the batch run in turn, with the memory of one piece.

  Collections are passed from piece to piece. What depends on several rows of a batch is computed per piece: InfoNCE,
  means over the rows whose truth is known, spreads.
  """

  def cut(x):
    # Every piece has rows of every device, so no data moves between devices.
    return jnp.moveaxis(x.reshape(x.shape[0] // pieces, pieces, *x.shape[1:]), 1, 0)

  def accumulate(carry, inputs):
    collections, total = carry
    index, piece = inputs
    loss, metrics, collections, gradients = _gradients(
      stage, state, frozen, collections, piece, jax.random.fold_in(rng, index)
    )
    return (collections, jax.tree.map(jnp.add, total, gradients)), (loss, metrics)

  start = state.collections, jax.tree.map(jnp.zeros_like, state.params)
  (collections, total), outputs = jax.lax.scan(
    accumulate, start, (jnp.arange(pieces), jax.tree.map(cut, batch))
  )
  losses, metrics = outputs
  metrics = {name: figures.mean_of_pieces(values) for name, values in metrics.items()}
  return jnp.mean(losses), metrics, collections, jax.tree.map(lambda g: g / pieces, total)


def eval_step(recipe: Recipe, state: TrainState, frozen: Frozen, batch: Batch, index: jax.Array) -> Metrics:
  """The stage's metrics with averaged parameters on a held-out batch, without dropout.

  Noise depends only on the index of the batch.
  """
  frozen = frozen.replace(statistics=state.statistics)
  loss, (metrics, _) = recipe.stage.without_regularization().loss(
    state.ema_params,
    frozen,
    state.averaged_collections,
    batch,
    rng_for(recipe.root, 'eval', index),
    state.step,
  )
  return {name: jnp.asarray(value, jnp.float32) for name, value in {**metrics, 'loss': loss}.items()}


def lower_step(
  recipe: Recipe, mesh: Mesh, shardings: TrainState, state: TrainState, frozen: Frozen, batch: Batch
) -> tuple[jax.stages.Lowered, float]:
  """Lowers `train_step` for these shapes and this mesh, with donated state.

  Args:
    recipe: definition of the step.
    mesh: mesh of all devices.
    shardings: shardings of the state.
    state, frozen, batch: arrays, or ShapeDtypeStructs with shardings.

  Returns:
    The lowered program, and its operations (see `CompiledStep.flops`).
  """

  def step(state, frozen, batch, progress):
    with nn.logical_axis_rules(device_mesh.flax_rules()):
      return train_step(recipe, state, frozen, batch, progress)

  jitted = jax.jit(step, donate_argnums=0, out_shardings=(shardings, device_mesh.replicated(mesh)))
  progress = jax.ShapeDtypeStruct((), jnp.float32, sharding=device_mesh.replicated(mesh))
  with jax.set_mesh(mesh):
    traced = jitted.trace(state, frozen, batch, progress)
    return traced.lower(), flops.count(traced.jaxpr)


def compile_step(*args, **kwargs) -> CompiledStep:
  """Compiles `train_step` ahead of time; arguments as for `lower_step`. Every call donates its state."""
  lowered, operations = lower_step(*args, **kwargs)
  return CompiledStep(lowered.compile(), operations)
