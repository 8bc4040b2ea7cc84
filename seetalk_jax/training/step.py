"""One gradient step: pure, jitted once, with donated state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.sharding import Mesh

from seetalk_jax.stages.base import Batch, Frozen, Metrics, Stage
from seetalk_jax.training import sharding
from seetalk_jax.training.state import TrainState, ema_decay, learning_rate, rng_for

PyTree = Any


def train_step(
  stage: Stage,
  optimizer: optax.GradientTransformationExtraArgs,
  options,
  root: jax.Array,
  state: TrainState,
  frozen: Frozen,
  batch: Batch,
  progress: jax.Array,
) -> tuple[TrainState, Metrics]:
  """State and batch -> next state and scalar metrics (the stage's, and loss, grad_norm, learning_rate).

  Args:
    options: config.optimizer.
    root: key of the run; every step derives its own.
    progress: float32 scalar in 0..1, how far training has come (in steps or in minutes): drives the schedule.
  """
  frozen = frozen.replace(statistics=state.statistics)

  def loss_of(params):
    return stage.loss(params, frozen, state.collections, batch, rng_for(root, 'loss', state.step), state.step)

  (loss, (metrics, collections)), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params)
  updates, opt_state = optimizer.update(gradients, state.opt_state, state.params, step=state.step)
  rate = learning_rate(options, state.step, progress)
  params = optax.apply_updates(state.params, jax.tree.map(lambda u: -rate * u, updates))
  decay = ema_decay(options.ema_decay, state.step)
  ema_params = jax.tree.map(lambda e, p: e + (1.0 - decay) * (p - e), state.ema_params, params)
  metrics = {
    **metrics,
    'loss': loss,
    'grad_norm': optax.global_norm(gradients),
    'learning_rate': rate,
  }
  state = state.replace(
    step=state.step + 1, params=params, ema_params=ema_params, opt_state=opt_state, collections=collections
  )
  return state, {name: jnp.asarray(value, jnp.float32) for name, value in metrics.items()}


def eval_step(
  stage: Stage, root: jax.Array, state: TrainState, frozen: Frozen, batch: Batch, index: jax.Array
) -> Metrics:
  """The stage's metrics with EMA parameters on a held-out batch; noise depends on the batch index alone."""
  frozen = frozen.replace(statistics=state.statistics)
  loss, (metrics, _) = stage.loss(
    state.ema_params, frozen, state.collections, batch, rng_for(root, 'eval', index), state.step
  )
  return {name: jnp.asarray(value, jnp.float32) for name, value in {**metrics, 'loss': loss}.items()}


def compile_step(
  stage: Stage,
  optimizer: optax.GradientTransformationExtraArgs,
  options,
  root: jax.Array,
  mesh: Mesh,
  shardings: TrainState,
  state: TrainState,
  frozen: Frozen,
  batch: Batch,
) -> Callable[[TrainState, Frozen, Batch, jax.Array], tuple[TrainState, Metrics]]:
  """`train_step` compiled ahead of time for these shapes and this mesh; the given state is donated each call.

  `state`, `frozen` and `batch` may be arrays or ShapeDtypeStructs with shardings.
  """

  def step(state, frozen, batch, progress):
    with nn.logical_axis_rules(sharding.flax_rules()):
      return train_step(stage, optimizer, options, root, state, frozen, batch, progress)

  jitted = jax.jit(step, donate_argnums=0, out_shardings=(shardings, sharding.replicated(mesh)))
  progress = jax.ShapeDtypeStruct((), jnp.float32, sharding=sharding.replicated(mesh))
  with jax.set_mesh(mesh):
    return jitted.lower(state, frozen, batch, progress).compile()
