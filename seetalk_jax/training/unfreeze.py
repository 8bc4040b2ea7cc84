"""Staged unfreezing: given parameters rest until a step, while what is new around them learns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from seetalk_jax.sharding import device_mesh
from seetalk_jax.training import path_rules

PyTree = Any

NEVER = -1


def checked(pairs: Sequence[tuple[str, int]]) -> dict[str, int]:
  """config.unfreeze as a dict: beginning of a path -> first step that updates it, or NEVER.

  Raises:
    ConfigError: something else than pairs of a path and a step.
  """

  def is_step(value: Any) -> bool:
    return isinstance(value, int) and value >= NEVER

  form = "(('NETWORK/PATH', STEP), ...), with whole steps and -1 for never"
  return path_rules.checked(pairs, 'unfreeze', is_step, form)


def first_steps(params: PyTree, steps: Mapping[str, int], fresh: Collection[str] = ()) -> PyTree:
  """For every leaf of `params` (unboxed) the first step that updates it, 0 or more, or NEVER.

  Args:
    steps: see `checked`; where several prefixes fit, the longest counts.
    fresh: beginnings of paths that nobody gave: they learn from the start, whatever `steps` says.

  Raises:
    ConfigError: a prefix that no path begins with.
  """
  return path_rules.leaves(params, steps, 0, 'unfreeze', fresh)


def staged(
  optimizer: optax.GradientTransformation,
  steps: Mapping[str, int],
  fresh: Collection[str] = (),
  warmup_steps: int = 0,
) -> optax.GradientTransformationExtraArgs:
  """`optimizer` (its state is the same), for which resting parameters have no gradient and get no update.

  So their moments stay zero, they do not weigh in the clipping of the norm, and weight decay leaves them alone. Their
  updates then grow over `warmup_steps`, as all did at first: moments that begin late are not corrected for it.

  Args:
    steps, fresh: see `first_steps`; a prefix without match is a ConfigError at `init`.
  """
  optimizer = optax.with_extra_args_support(optimizer)

  def init(params):
    first_steps(device_mesh.unbox(params), steps, fresh)
    return optimizer.init(params)

  def update(gradients, state, params, *, step: jax.Array, **extra):
    first = first_steps(params, steps, fresh)

    def awake(gradient, first):
      # (Without a gradient at all the compiler drops what would compute it.)
      if first == NEVER:
        return jnp.zeros_like(gradient)
      return jnp.where(step >= first, gradient, 0.0) if first else gradient

    def growing(update, first):
      if first == NEVER:
        return jnp.zeros_like(update)
      return update * jnp.clip((step - first + 1) / max(1, warmup_steps), 0.0, 1.0) if first else update

    gradients = jax.tree.map(awake, gradients, first)
    updates, state = optimizer.update(gradients, state, params, **extra)
    return jax.tree.map(growing, updates, first), state

  return optax.GradientTransformationExtraArgs(init, update)
