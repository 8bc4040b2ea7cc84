"""Hair color: natural, grey and dyed colors by ancestry and age, and colors of single strands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import facial_hair, hair, hair_roots
from seetalk_jax.synthetic.human.vectors import smoothstep

# Linear RGB of natural colors, from dark to light.
NATURAL = {
  'black': (0.011, 0.009, 0.008),
  'dark_brown': (0.026, 0.016, 0.010),
  'brown': (0.055, 0.032, 0.018),
  'light_brown': (0.108, 0.063, 0.036),
  'dark_blond': (0.178, 0.113, 0.066),
  'blond': (0.295, 0.193, 0.116),
  'light_blond': (0.44, 0.32, 0.215),
  'auburn': (0.075, 0.026, 0.012),
  'red': (0.17, 0.058, 0.020),
}
DYED = {
  'copper': (0.28, 0.075, 0.018),
  'wine': (0.07, 0.008, 0.016),
  'platinum': (0.56, 0.49, 0.40),
  'blue': (0.02, 0.06, 0.17),
  'pink': (0.42, 0.12, 0.20),
  'ash': (0.19, 0.14, 0.105),
}
_SHARES = {
  'african': dict(black=0.8, dark_brown=0.2),
  'asian': dict(black=0.7, dark_brown=0.3),
  'caucasian': dict(
    **dict(black=0.06, dark_brown=0.2, brown=0.24, light_brown=0.16, dark_blond=0.13, blond=0.08),
    **dict(light_blond=0.03, auburn=0.06, red=0.04),
  ),
}
_WHITE = (0.388, 0.372, 0.356)
_BROW_GREY = 0.6  # share of white strands in the brows over that in the hair
_UNDERCOAT = 0.65  # brightness of hair below the outer strands


class HairColor(NamedTuple):
  """Colors of a person's hair, linear RGB.

  Attributes:
    root: of a strand at the scalp, `[3]`.
    tip: at its end, `[3]`.
    beard: `[3]`.
    brows: also of the lashes, `[3]`.
    grey: share of white strands, 0 to 1; scalar.
    beard_grey: the same of the beard; scalar.
    variation: spread of the lightness of strands, 0 to 0.5; scalar.
  """

  root: jax.Array
  tip: jax.Array
  beard: jax.Array
  brows: jax.Array
  grey: jax.Array
  beard_grey: jax.Array
  variation: jax.Array


def sample_hair_color(
  rng: np.random.Generator, sex: str, age: float, ancestry: Mapping[str, float]
) -> HairColor:
  """Colors for a person.

  Args:
    rng: source of chance.
    sex: 'female' or 'male'.
    age: in years.
    ancestry: weight of african, asian and caucasian.
  """
  races = list(_SHARES)
  weights = np.array([ancestry.get(race, 0.0) for race in races])
  shares = _SHARES[races[rng.choice(len(races), p=weights / weights.sum())]]
  one, other = (
    np.array(NATURAL[name]) for name in rng.choice(list(shares), 2, p=np.array(list(shares.values())))
  )
  mix = rng.uniform(0, 0.35)
  natural = np.exp((1 - mix) * np.log(one) + mix * np.log(other)) * np.exp(0.12 * rng.standard_normal())
  start = rng.normal(38, 9)  # age of the first grey hair
  grey = np.clip((age - start) / rng.uniform(18, 40), 0, 1) ** 1.3
  root, tip, variation = natural, natural * rng.uniform(1.0, 1.4), rng.uniform(0.15, 0.35)
  dyed = rng.random()
  if sex == 'female' and age > 40 and grey > 0.1 and dyed < 0.55:
    grey = 0.0  # covers the grey with a natural color
  elif dyed < (0.14 if sex == 'female' else 0.03):
    fashion = np.array(list(DYED.values())[rng.choice(len(DYED), p=[0.25, 0.2, 0.2, 0.08, 0.07, 0.2])])
    tip = fashion
    root = fashion if rng.random() < 0.5 else np.sqrt(natural * fashion)
  elif dyed < 0.3 and sex == 'female':
    tip = natural * rng.uniform(1.5, 2.8)
    tip *= min(1, 0.5 / tip.max())  # lighter ends of the same hue
  beard = natural * np.array([1.15, 0.95, 0.85])
  values = root, tip, beard, 0.75 * natural, grey, np.clip(1.3 * np.asarray(grey), 0, 1), variation
  return HairColor(*(np.asarray(value, np.float32) for value in values))


def strand_colors(color: HairColor, roots: hair_roots.Roots) -> jax.Array:
  """Color of every point of the hair, linear RGB, `[NUM_STRANDS, NUM_POINTS, 3]`."""
  random = roots.random
  lightness = 0.5 * random[:, 0] + 0.5 * random[roots.clump, 0]
  base = _strands(color.root, color.tip, hair.NUM_POINTS)
  return _varied(base, lightness, random[:, 3], color.grey, color.variation)


def facial_colors(color: HairColor, roots: facial_hair.FacialRoots) -> jax.Array:
  """Color of every point of brows, lashes and beard, linear RGB, `[n, k, 3]` of facial hair."""
  is_beard = jnp.arange(facial_hair.NUM_STRANDS) >= facial_hair.NUM_STRANDS - facial_hair.NUM_BEARD
  base = jnp.where(is_beard[:, None], jnp.asarray(color.beard), jnp.asarray(color.brows))
  base = jnp.broadcast_to(base[:, None], (*base.shape[:1], facial_hair.NUM_POINTS, 3))
  is_brow = jnp.arange(facial_hair.NUM_STRANDS) < 2 * facial_hair.NUM_BROW
  # Lashes stay dark.
  grey = jnp.where(is_beard, color.beard_grey, _BROW_GREY * color.grey * is_brow)
  return _varied(base, roots.random[:, 1], roots.random[:, 3], grey, color.variation)


def undercoat_colors(color: HairColor) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Colors of the skin below the strands of hair, beard and brows, linear RGB, each `[3]`."""
  return tuple(
    _UNDERCOAT * (base * (1 - grey) + grey * jnp.asarray(_WHITE))
    for base, grey in (
      (color.root, color.grey), (color.beard, color.beard_grey), (color.brows, _BROW_GREY * color.grey)
    )
  )  # fmt: skip


def _strands(root, tip, num_points):
  share = jnp.linspace(0, 1, num_points)[None, :, None]
  share = smoothstep(share, 0.0, 1.0)
  return jnp.asarray(root) * (1 - share) + jnp.asarray(tip) * share


def _varied(base, lightness, chance, grey, variation):
  """Colors with lighter, darker and white strands."""
  base = base * jnp.exp(2 * variation * (lightness - 0.5))[:, None, None]
  # A strand stands for several hairs: few are quite white before all are.
  white = jnp.clip(grey + 1.6 * grey * (1 - grey) * (chance - 0.5), 0, 1)
  return base + white[:, None, None] * (jnp.asarray(_WHITE) * (0.8 + 0.4 * lightness[:, None, None]) - base)
