"""Lip subspace: the directions of motion latents that move much with the lips and little with the rest of the face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import LIPS

_LIPS = np.array(LIPS)


def lip_subspace(lips: np.ndarray, rest: np.ndarray, k: int, ridge: float) -> np.ndarray:
  """Lip subspace: orthonormal `[d, k]` over the directions u of largest `u' lips u / u' (rest + ridge) u`.

  Args:
    lips, rest: second moments `[d, d]` of changes of m when only the lips, or only the rest, change.
    k: number of directions.
    ridge: added to `rest`, relative to the mean eigenvalue of both.
  """
  d = len(lips)
  floor = ridge * (np.trace(lips) + np.trace(rest)) / d + 1e-12
  values, vectors = np.linalg.eigh(rest + floor * np.eye(d))
  whiten = vectors / np.sqrt(values)
  _, directions = np.linalg.eigh(whiten.T @ lips @ whiten)
  basis, _ = np.linalg.qr(whiten @ directions[:, ::-1][:, :k])
  return basis


def second_moments(
  codec: nn.Module, variables: Mapping[str, Any], motion: jax.Array, weights: jax.Array
) -> tuple[list[jax.Array], jax.Array]:
  """Second moments of the changes of m when the lips alone, or the rest alone, change.

  Args:
    codec, variables: the motion codec.
    motion: motion tracks `[b, n, 58]`; every third frame is used.
    weights: of their frames, `[b, n]`.

  Returns:
    ((of the lips `[d, d]`, of the rest `[d, d]`), sum of the weights); d is the size of m.
  """
  weights = weights.reshape(-1)[::3]
  motion = motion.reshape(-1, motion.shape[-1])[::3]
  partner = partners(weights > 0)
  other, weights = motion[partner], weights * weights[partner]
  lips_changed = motion.at[:, _LIPS].set(other[:, _LIPS])
  rest_changed = other.at[:, _LIPS].set(motion[:, _LIPS])
  m, with_lips, with_rest = (
    codec.apply(variables, x, method='encode_truth') for x in (motion, lips_changed, rest_changed)
  )
  changes = (with_lips - m, with_rest - m)
  moments = [jnp.matmul((d * weights[:, None]).T, d, precision='highest') for d in changes]
  return moments, jnp.sum(weights)


def partners(known: jax.Array) -> jax.Array:
  """For each known frame another one, int `[n]` from bool `[n]`: half of the known frames away; else any frame."""
  count = jnp.maximum(jnp.sum(known), 1)
  in_front = jnp.argsort(~known, stable=True)  # the known frames first
  return in_front[(jnp.cumsum(known) - 1 - (count // 2 + 1)) % count]
