"""Tone curve: exposure, white balance, contrast and saturation between linear light and sRGB values."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

GRAY = 0.18  # linear value that contrast leaves alone
LUMA = (0.2126, 0.7152, 0.0722)  # of linear RGB


class Tone(NamedTuple):
  """How a camera turns light into values.

  Attributes:
    exposure: factor of all light, `[]`.
    balance: factors of red, green and blue, `[3]`: the white balance.
    contrast: power around middle gray, `[]`; 1 is neutral.
    saturation: 0 gray, 1 neutral, `[]`.
    flare: stray light in the lens as a share of white, `[]`: lifts black.
  """

  exposure: jax.Array | float
  balance: jax.Array
  contrast: jax.Array | float
  saturation: jax.Array | float
  flare: jax.Array | float


NEUTRAL = Tone(1.0, jnp.ones(3), 1.0, 1.0, 0.0)


def develop(radiance: jax.Array, tone: Tone) -> jax.Array:
  """sRGB values in [0, 1] of linear radiance, both `[3, ...]`.

  The curve is a filmic one (fit by Narkowicz, 2016): soft highlights, dark shadows.
  """
  channels = (3, *[1] * (radiance.ndim - 1))
  light = jnp.maximum(radiance, 0) * tone.exposure * tone.balance.reshape(channels) + tone.flare
  light = GRAY * (light / GRAY + 1e-6) ** tone.contrast
  luma = jnp.tensordot(jnp.asarray(LUMA), light, 1)
  light = jnp.maximum(luma + tone.saturation * (light - luma), 0)
  film = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
  return (jnp.clip(film, 0, 1) + 1e-6) ** (1 / 2.2)
