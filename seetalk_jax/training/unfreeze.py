"""Staged unfreezing: keeps pretrained parameters frozen until a given step, while new parameters train."""

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
  """config.unfreeze as a dict: path prefix -> first step that updates it, or NEVER.

  Raises:
    ConfigError: not pairs of a path prefix and a step.
  """

  def is_step(value: Any) -> bool:
    return isinstance(value, int) and value >= NEVER

  form = "(('NETWORK/PATH', STEP), ...), with whole steps and -1 for never"
  return path_rules.checked(pairs, 'unfreeze', is_step, form)


def first_steps(params: PyTree, steps: Mapping[str, int], fresh: Collection[str] = ()) -> PyTree:
  """For every leaf of `params` (unboxed), the first step that updates it: 0 or more, or NEVER.

  Args:
    params: parameter tree, unboxed.
    steps: path prefix -> first step, see `checked`; of several matching prefixes, the longest counts.
    fresh: path prefixes of parameters without pretrained values; these train from step 0 in any case.

  Raises:
    ConfigError: a prefix of `steps` matches no path.
  """
  return path_rules.leaves(params, steps, 0, 'unfreeze', fresh)


def staged(
  optimizer: optax.GradientTransformation,
  steps: Mapping[str, int],
  fresh: Collection[str] = (),
  warmup_steps: int = 0,
) -> optax.GradientTransformationExtraArgs:
  """Wraps an optimizer: frozen parameters get zero gradients and zero updates. Its state has the same form.

  The moments of frozen parameters stay zero, they do not count in gradient-norm clipping, and weight decay
  does not change them. After unfreezing, their updates grow linearly over `warmup_steps`, because Adam's bias
  correction does not account for moments that start late.

  Args:
    optimizer: the wrapped optimizer.
    steps, fresh: see `first_steps`.
    warmup_steps: length of the warm-up after unfreezing.

  Returns:
    A transformation whose `update` needs the keyword argument `step`, and whose `init` raises ConfigError if
    a prefix matches no parameter.
  """
  optimizer = optax.with_extra_args_support(optimizer)

  def init(params):
    first_steps(device_mesh.unbox(params), steps, fresh)
    return optimizer.init(params)

  def update(gradients, state, params, *, step: jax.Array, **extra):
    first = first_steps(params, steps, fresh)

    def awake(gradient, first):
      # A constant zero lets the compiler remove the computation of the gradient.
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
