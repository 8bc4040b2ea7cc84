"""Walls between fused loops: what makes many-output paint affordable on a CPU."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def stage(needed, function):
  """`function()` if the scalar `needed` is true, else zeros of its shapes.

  XLA's CPU backend computes a shared sub-expression once per output that it fuses into. A real branch ends
  fusion, so results of a stage are computed once, and tiles that do not need them skip the work.
  """
  shapes = jax.eval_shape(function)

  def blank():
    return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)

  return jax.lax.cond(needed, function, blank)
