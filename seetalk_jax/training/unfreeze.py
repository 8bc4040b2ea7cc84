"""Staged unfreezing: given parameters rest until a step, while what is new around them learns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from seetalk_jax.errors import ConfigError
from seetalk_jax.training import sharding

PyTree = Any

NEVER = -1


def parse(spec: str) -> dict[str, int]:
  """`'speech_encoder/body/encoder=10000, face_encoder=-1'`: beginning of a path -> first step that updates it.

  Raises:
    ConfigError: a spec that does not read.
  """
  try:
    steps = {}
    for part in filter(None, spec.replace(' ', '').split(',')):
      prefix, step = part.split('=')
      steps[prefix] = int(step)
      if not prefix or steps[prefix] < NEVER:
        raise ValueError
  except ValueError as e:
    raise ConfigError(
      f"config.unfreeze={spec!r} does not read: write 'NETWORK/PATH=STEP, ...', with -1 for never"
    ) from e
  return steps


def first_steps(params: PyTree, steps: Mapping[str, int], fresh: Collection[str] = ()) -> PyTree:
  """For every leaf of `params` (unboxed) the first step that updates it, 0 or more, or NEVER.

  Args:
    steps: see `parse`; where several prefixes fit, the longest counts.
    fresh: beginnings of paths that nobody gave: they learn from the start, whatever `steps` says.

  Raises:
    ConfigError: a prefix that no path begins with.
  """
  used = set()

  def first_step(keys, _):
    path = '/'.join(str(key.key) for key in keys)
    found = [prefix for prefix in steps if path.startswith(prefix)]
    used.update(found)
    if not found or path.startswith(tuple(fresh)):
      return 0
    return steps[max(found, key=len)]

  tree = jax.tree_util.tree_map_with_path(first_step, params)
  if unused := [prefix for prefix in steps if prefix not in used]:
    raise ConfigError(
      f'config.unfreeze: no trained parameter begins with {unused[0]}, of {", ".join(params)}'
    )
  return tree


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
    first_steps(sharding.unbox(params), steps, fresh)
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
