"""How a head is lit: the part of a picture that belongs to neither the speaker nor the motion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class RenderSettings(NamedTuple):
  """Light and exposure; every field a float array of one common shape `[*b]`, 0 by default, about -1 to 1.

  Attributes:
    key_turn, key_height: where the key light stands (0: above the viewer's left).
    key, fill, rim: strengths of the three lights.
    warmth: warm to the right of 0, cool to the left.
    exposure: half a stop each way.
    backdrop: lightness of the background.
  """

  key_turn: np.ndarray
  key_height: np.ndarray
  key: np.ndarray
  fill: np.ndarray
  rim: np.ndarray
  warmth: np.ndarray
  exposure: np.ndarray
  backdrop: np.ndarray


def default_settings() -> RenderSettings:
  """The studio's light: all zeros."""
  return RenderSettings(*(np.float32(0.0) for _ in RenderSettings._fields))


def sample_settings(seed: int) -> RenderSettings:
  """Draws a light; the same seed always gives the same."""
  draw = np.random.default_rng([int(seed), 23])
  values = np.clip(0.45 * draw.standard_normal(len(RenderSettings._fields)), -1.0, 1.0)
  values[0] = draw.uniform(-1.0, 1.0)
  return RenderSettings(*(np.float32(v) for v in values))
