"""Classifier-free guidance: extrapolation from the unconditional to the conditional prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp


def guided(
  denoise: Callable[[jax.Array, jax.Array, Any], jax.Array],
  scale: float | jax.Array,
  condition: Any,
  null: Any = None,
) -> Callable[[jax.Array, jax.Array], jax.Array]:
  """A guided denoiser `(xt, t) -> prediction`: `unconditional + scale * (conditional - unconditional)`.

  A network's denoiser takes three arguments, and `samplers.sample` calls one with two. This function makes the second
  from the first, also with scale 1:

      denoise = lambda xt, t, condition: module.apply(variables, xt, t, condition)
      x0 = sample(guided(denoise, 2.0, condition), Schedule(), noise, num_steps=20)

  Args:
    denoise: `(xt [b, ...], t [b], condition) -> prediction`; called once, with both conditions in one batch
      of 2 b.
    scale: 1 is the conditional prediction, 0 the unconditional one. With the Python number 1 the
      unconditional prediction is not computed.
    condition: tree of arrays `[b, ...]`.
    null: tree of the same structure for "no condition"; None: zeros (False) everywhere.

  Example:
    >>> denoise = lambda xt, t, condition: xt + condition
    >>> xt, t, condition = jnp.ones((1, 2)), jnp.zeros(1), jnp.full((1, 2), 0.5)
    >>> guided(denoise, 3.0, condition)(xt, t).tolist()  # 1 + 3 * 0.5
    [[2.5, 2.5]]
  """
  if isinstance(scale, (int, float)) and scale == 1:
    return lambda xt, t: denoise(xt, t, condition)
  null = jax.tree.map(jnp.zeros_like, condition) if null is None else null
  both = jax.tree.map(lambda c, n: jnp.concatenate([c, jnp.broadcast_to(n, c.shape)]), condition, null)

  def denoise_guided(xt, t):
    prediction = denoise(jnp.concatenate([xt, xt]), jnp.concatenate([t, t]), both)
    conditional, unconditional = jnp.split(prediction, 2)
    return unconditional + scale * (conditional - unconditional)

  return denoise_guided


def nested_weights(scales: Sequence[float]) -> list[float]:
  """Guidance weights of the predictions with none, the first, the first two, ... conditions; they sum to 1.

  Each scale applies to the difference that its condition adds to the earlier ones (as in InstructPix2Pix,
  arXiv 2211.09800): `p_0 + s_1 (p_1 - p_0) + s_2 (p_2 - p_1) + ...`. Between two equal scales the weight of a
  prediction is 0, and it need not be computed.

  Args:
    scales: guidance scales, one per condition; 1 is unguided.
  """
  ends = [1.0, *scales, 0.0]
  return [before - after for before, after in zip(ends[:-1], ends[1:], strict=True)]
