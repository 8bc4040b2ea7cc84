"""Example inputs of networks: shapes from which `init` makes every parameter, and nothing has to be computed.

Every network has `example_inputs(others, side)`, the arguments of its `__call__` as shapes. `others` are further
networks by name: widths that a network takes from its input and not from its fields are read off them, and are those
of the demo size where they are missing. `side` is that of images, in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import EMBEDDING_DIM, FPS

TOKENS = FPS  # one second; no parameter depends on it
SIDE = 256  # nor on the side of images, except where a network has learned positions

Modules = Mapping[str, nn.Module]


def array(*shape: int) -> jax.ShapeDtypeStruct:
  """A float32 array of a shape."""
  return jax.ShapeDtypeStruct(shape, jnp.float32)


def image(side: int) -> jax.ShapeDtypeStruct:
  """One image, `[1, side, side, 3]`."""
  return array(1, side, side, 3)


def embedding() -> jax.ShapeDtypeStruct:
  """One voice or face vector, `[1, d]`."""
  return array(1, EMBEDDING_DIM)


def tokens(others: Modules | None) -> jax.ShapeDtypeStruct:
  """Speech tokens of one second, `[1, n, token_dim]`."""
  return array(1, TOKENS, field(others, 'speech_encoder', 'token_dim', 192))


def motion_dim(others: Modules | None) -> int:
  """Width of motion latents."""
  return field(others, 'motion_codec', 'motion_dim', 256)


def valid() -> jax.ShapeDtypeStruct:
  """Bool `[1, n]`: which tokens are speech."""
  return jax.ShapeDtypeStruct((1, TOKENS), bool)


def field(others: Modules | None, network: str, name: str, default: Any) -> Any:
  """A field of another network, or its default where that network is missing."""
  return getattr((others or {}).get(network), name, default)
