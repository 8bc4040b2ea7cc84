"""Wrinkles: folds and lines of aging skin, as height and darkness over the texels of the head.

Their places are those of the neutral mesh, so that they move with the features of every face.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human.vectors import smoothstep

# Kinds of wrinkles, in the order of `skin.Skin.wrinkles`: lines across the forehead and between the brows, crow's
# feet, bags below the eyes, folds from the nose past the corners of the mouth, lines above the lips and on the neck.
KINDS = ('forehead', 'frown', 'crow', 'bags', 'folds', 'lips', 'neck')


class Wrinkles(NamedTuple):
  """Wrinkles over texels.

  Attributes:
    height: of the skin, decimeters, `[side, side]`; below 0 in lines, above 0 on bags and beside folds.
    shade: how much darker and redder the skin is in the lines, 0 to about 1, `[side, side]`.
  """

  height: jax.Array
  shade: jax.Array


def wrinkles(place: jax.Array, strengths: jax.Array, wobble: jax.Array, uneven: jax.Array) -> Wrinkles:
  """Wrinkles of a person.

  Args:
    place: of the texels on the neutral mesh, decimeters, `[3, side, side]`.
    strengths: of `KINDS`, 0 none to 1 those of a wrinkled face of 80 years, `[7]`.
    wobble: smooth noise in [0, 1] that bends lines, `[side, side]`.
    uneven: noise in [0, 1] that interrupts them, `[side, side]`.
  """
  x, y, z = jnp.abs(place[0]), place[1], place[2]
  bend = wobble - 0.5
  front = smoothstep(z, 0.5, 0.9)
  own = dict(zip(KINDS, strengths, strict=True))
  height, shade = jnp.zeros(y.shape), jnp.zeros(y.shape)
  # Each: strength, mask of lines, their depth in decimeters, darkness.
  lines = (
    (own['forehead'], _forehead(x, y, bend) * jnp.clip(2.2 * (uneven - 0.22), 0, 1.2) * front, 0.0075, 0.5),
    (own['frown'], _frown(x, y, bend) * front, 0.009, 0.5),
    (own['crow'], _crow(x, y, bend) * jnp.clip(2.5 * (uneven - 0.2), 0, 1.2), 0.006, 0.4),
    (own['bags'], _bag_lines(x, y) * front, 0.008, 0.6),
    (own['folds'], _folds(x, y, bend) * front, 0.012, 0.55),
    (own['lips'], _lip_lines(x, y, bend) * jnp.clip(2 * uneven - 0.3, 0, 1.2) * front, 0.004, 0.3),
    (own['neck'], _neck(x, y, bend) * smoothstep(z, 0.1, 0.5), 0.01, 0.45),
  )
  for strength, mask, depth, dark in lines:
    height -= depth * strength * mask
    shade += dark * strength * mask
  bulge = 0.012 * own['bags'] * _line(y - _bag(x) - 0.04, 0.035) * _window(x, 0.14, 0.47, 0.08)
  bulge += 0.016 * own['folds'] * _line(x - _fold(y) - 0.075, 0.06) * _window(y, 6.5, 7.0, 0.15)
  return Wrinkles(height + bulge * front, shade)


def _line(distance, width):
  return jnp.exp(-((distance / width) ** 2))


def _window(values, low, high, soft):
  """1 between two values, 0 outside, with soft ends inside."""
  return smoothstep(values, low, low + soft) * smoothstep(values, high, high - soft)


def _repeated(phase, step, width):
  """Lines at every multiple of a step."""
  return _line(phase - step * jnp.round(phase / step), width)


def _forehead(x, y, bend):
  across = y + 0.2 * bend + 0.1 * x * x
  return _repeated(across, 0.105, 0.016) * _window(y, 7.56, 8.0, 0.12) * smoothstep(x, 0.52, 0.3)


def _frown(x, y, bend):
  return _line(x - 0.055 - 0.1 * (y - 7.45) - 0.04 * bend, 0.016) * _window(y, 7.33, 7.6, 0.09)


def _crow(x, y, bend):
  """Lines that spread from the outer corner of the eye."""
  out, up = x - 0.44, y - 7.29
  radius, angle = jnp.sqrt(out * out + up * up + 1e-6), jnp.arctan2(up, out)
  step = 0.42
  turned = angle + 0.5 * bend
  apart = (turned - step * jnp.round(turned / step)) * radius
  return _line(apart, 0.012) * _window(radius, 0.04, 0.27, 0.08) * _window(angle, -1.1, 0.8, 0.35)


def _bag(x):
  """Height of the lower border of the bag below the eye."""
  return 7.1 + 3.4 * (x - 0.31) ** 2


def _bag_lines(x, y):
  ends = _window(x, 0.15, 0.47, 0.07)
  below_lid = 7.185 + 1.8 * (x - 0.31) ** 2
  return (_line(y - _bag(x), 0.022) + 0.6 * _line(y - below_lid, 0.012)) * ends


def _fold(y):
  """Distance from the middle of the fold between nose and cheek."""
  down = 6.95 - y
  return 0.19 + 0.4 * down - 0.12 * down * down


def _folds(x, y, bend):
  """Folds from the nose to beside the mouth, and from the corners of the mouth to the jaw."""
  upper = _line(x - _fold(y) - 0.03 * bend, 0.024) * _window(y, 6.5, 7.0, 0.14)
  lower = _line(x - 0.285 - 0.15 * (6.6 - y) - 0.04 * bend, 0.019) * _window(y, 6.3, 6.6, 0.1)
  return upper + 0.5 * lower


def _lip_lines(x, y, bend):
  above = _window(y, 6.67, 6.81, 0.05) * smoothstep(x, 0.24, 0.12)
  return _repeated(x + 0.05 * bend, 0.036, 0.009) * above


def _neck(x, y, bend):
  return _repeated(y + 0.2 * x * x + 0.14 * bend, 0.17, 0.02) * _window(y, 5.2, 6.05, 0.2)
