"""Hats and headscarves of a person, and the hair that they hide."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human.outfit import parts
from seetalk_jax.synthetic.human.outfit.garments import NOWHERE, Piece


class Hat(NamedTuple):
  """A hat; float32 scalars. `present` is 1 or 0."""

  present: jax.Array


def wear(hat: Hat, vertices: jax.Array) -> dict[str, Piece]:
  """The grids of the hat on a person with fine neutral vertices `[v, 3]`; names as in `parts.GRIDS`."""
  pieces = {}
  for name in ('hat', 'brim'):
    shape = parts.GRIDS[name].rows, parts.GRIDS[name].columns
    pieces[name] = Piece(jnp.broadcast_to(jnp.asarray(NOWHERE), (*shape, 3)), jnp.ones(shape))
  return pieces
