"""One gradient step: pure, jitted once, with donated state."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.sharding import Mesh

from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages.base import Batch, Frozen, Metrics, Stage
from seetalk_jax.training import flops, health
from seetalk_jax.training.state import TrainState, ema_decay, learning_rate, rng_for

PyTree = Any


@dataclasses.dataclass(frozen=True)
class CompiledStep:
  """A compiled step, called as `(state, frozen, batch, progress) -> (state, metrics)`.

  Attributes:
    compiled: JAX's compiled program.
    flops: of matrix products and convolutions on all devices together, what is computed again included.
  """

  compiled: jax.stages.Compiled
  flops: float

  def __call__(
    self, state: TrainState, frozen: Frozen, batch: Batch, progress: jax.Array
  ) -> tuple[TrainState, Metrics]:
    return self.compiled(state, frozen, batch, progress)


@dataclasses.dataclass(frozen=True)
class Recipe:
  """What a gradient step does, apart from the arrays that it takes.

  Attributes:
    stage: has the loss.
    optimizer: of `state.make_optimizer`.
    options: config.optimizer.
    root: key of the run; every step derives its own.
    pieces: into how many the batch is cut, one after the other; gradients and metrics are their means.
  """

  stage: Stage
  optimizer: optax.GradientTransformationExtraArgs
  options: Any
  root: jax.Array
  pieces: int = 1


def train_step(
  recipe: Recipe, state: TrainState, frozen: Frozen, batch: Batch, progress: jax.Array
) -> tuple[TrainState, Metrics]:
  """State and batch -> next state and scalar metrics (the stage's, and loss, grad_norm, learning_rate, first_bad).

  Args:
    progress: float32 scalar in 0..1, how far training has come (in steps or in minutes): drives the schedule.
  """
  stage, options = recipe.stage, recipe.options
  frozen = frozen.replace(statistics=state.statistics)
  rng = rng_for(recipe.root, 'loss', state.step)
  if recipe.pieces == 1:
    found = _gradients(stage, state, frozen, state.collections, batch, rng)
  else:
    found = _accumulated(stage, state, frozen, batch, rng, recipe.pieces)
  loss, metrics, collections, gradients = found
  updates, opt_state = recipe.optimizer.update(gradients, state.opt_state, state.params, step=state.step)
  rate = learning_rate(options, state.step, progress)
  params = optax.apply_updates(state.params, jax.tree.map(lambda u: -rate * u, updates))
  decay = ema_decay(options.ema_decay, state.step)
  ema_params = jax.tree.map(lambda e, p: e + (1.0 - decay) * (p - e), state.ema_params, params)
  metrics = {
    **metrics,
    'loss': loss,
    'grad_norm': optax.tree.norm(gradients),
    'learning_rate': rate,
    health.METRIC: health.first_bad(batch, state.params, gradients),
  }
  state = state.replace(
    step=state.step + 1, params=params, ema_params=ema_params, opt_state=opt_state, collections=collections
  )
  return state, {name: jnp.asarray(value, jnp.float32) for name, value in metrics.items()}


def _gradients(stage, state, frozen, collections, batch, rng):
  def loss_of(params):
    return stage.loss(params, frozen, collections, batch, rng, state.step)

  (loss, (metrics, collections)), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params)
  return loss, metrics, collections, gradients


def _accumulated(stage, state, frozen, batch, rng, pieces):
  """`_gradients` of a batch's pieces in turn: the memory of one. Collections go from piece to piece.

  A loss that compares the rows of a batch with each other (InfoNCE) sees only those of its piece.
  """

  def cut(x):
    # Every piece takes rows of every device, so nothing moves between them.
    return jnp.moveaxis(x.reshape(x.shape[0] // pieces, pieces, *x.shape[1:]), 1, 0)

  def one(carry, given):
    collections, total = carry
    index, piece = given
    loss, metrics, collections, gradients = _gradients(
      stage, state, frozen, collections, piece, jax.random.fold_in(rng, index)
    )
    return (collections, jax.tree.map(jnp.add, total, gradients)), (loss, metrics)

  start = state.collections, jax.tree.map(jnp.zeros_like, state.params)
  (collections, total), seen = jax.lax.scan(one, start, (jnp.arange(pieces), jax.tree.map(cut, batch)))
  loss, metrics = jax.tree.map(lambda x: jnp.mean(x, axis=0), seen)
  return loss, metrics, collections, jax.tree.map(lambda g: g / pieces, total)


def eval_step(recipe: Recipe, state: TrainState, frozen: Frozen, batch: Batch, index: jax.Array) -> Metrics:
  """The stage's metrics with EMA parameters on a held-out batch; noise depends on the batch index alone."""
  frozen = frozen.replace(statistics=state.statistics)
  loss, (metrics, _) = recipe.stage.loss(
    state.ema_params, frozen, state.collections, batch, rng_for(recipe.root, 'eval', index), state.step
  )
  return {name: jnp.asarray(value, jnp.float32) for name, value in {**metrics, 'loss': loss}.items()}


def lower_step(
  recipe: Recipe, mesh: Mesh, shardings: TrainState, state: TrainState, frozen: Frozen, batch: Batch
) -> tuple[jax.stages.Lowered, float]:
  """`train_step` lowered for these shapes and this mesh, donating its state; and its operations, as in `CompiledStep`.

  `state`, `frozen` and `batch` may be arrays or ShapeDtypeStructs with shardings.
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
  """`train_step` compiled ahead of time, arguments as of `lower_step`; the given state is donated each call."""
  lowered, operations = lower_step(*args, **kwargs)
  return CompiledStep(lowered.compile(), operations)
