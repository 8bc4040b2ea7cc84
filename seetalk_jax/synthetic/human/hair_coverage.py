"""Cover of the scalp by hair: where a style leaves it, how long it is there, and the skin between the strands."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import noise
from seetalk_jax.synthetic.human.hair_style import Style
from seetalk_jax.synthetic.human.vectors import smoothstep

_UNDERCOAT = (0.45, 0.93)  # share of the skin that looks like hair below cropped and below long hair


def coverage(style: Style, place: jax.Array) -> jax.Array:
  """Share of the hair that a style leaves at places on the neutral head: not on bald parts.

  Args:
    style: of the person.
    place: x, y and z, `[3, ...]`.

  Returns:
    `[...]` in [0, 1].
  """
  return _coverage(style, place, _border(place))


def undercoat(style: Style, place: jax.Array, scalp: jax.Array) -> jax.Array:
  """Share of the skin that looks like hair between the strands, for `skin.Undercoat`.

  Args:
    style: of the person.
    place: x, y and z on the neutral head, `[3, ...]`.
    scalp: the mask `scalp` there, `[...]`.

  Returns:
    `[...]` in [0, 1]: little below cropped hair, nearly all below long hair.
  """
  x, y, z = place
  border = _border(place)
  dense = _UNDERCOAT[0] + (_UNDERCOAT[1] - _UNDERCOAT[0]) * smoothstep(region_length(style, y, z), 0.0, 0.2)
  # The hairline is ragged, and a parting shows the skin.
  dense *= smoothstep(scalp + 2 * border, 0.35, 0.8)
  line = jnp.exp(-(((x - style.parting) / 0.012) ** 2)) * smoothstep(z, 0.2, 0.6)
  dense *= 1 - 0.5 * line * jnp.minimum(style.outward, 1) * (style.tied < 0.5)
  return style.density * dense * _coverage(style, place, border)


def region_length(style: Style, y: jax.Array, z: jax.Array) -> jax.Array:
  """Length of the hair on top, at the sides and at the nape, decimeters.

  Args:
    style: of the person.
    y, z: height and depth on the neutral head, `[...]`.
  """
  top = smoothstep(y, style.border - style.blend, style.border + style.blend)
  low = smoothstep(y, 7.4, 6.9) * smoothstep(z, 0.5, 0.2)
  return style.length * (style.side + (1 - style.side) * top) * (1 - (1 - style.nape) * low)


def _border(place):
  """Irregular shifts of the border of hair, decimeters, `[...]`."""
  return 0.16 * (noise.value_noise(place, 4.0) - 0.5) + 0.06 * (noise.value_noise(place, 15.0) - 0.5)


def _coverage(style, place, border):
  x, y, z = place
  above = smoothstep(y, 7.55, 7.8)
  temples = jnp.exp(-(((jnp.abs(x) - 0.45) / 0.2) ** 2))
  hairline = 1.66 - style.recession * (1.5 + 0.35 * temples) - 0.12 * temples * (style.recession > 0)
  front = smoothstep(z + border, hairline - 0.13, hairline + 0.13)
  spot = jnp.hypot(x - 0.02, z - 0.1) + border
  crown = smoothstep(spot, style.crown * 0.85 + 0.1, style.crown * 0.85 - 0.15) * (style.crown > 0)
  return 1 - above * jnp.maximum(front, crown)
