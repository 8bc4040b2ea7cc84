"""Building blocks of outfits: plain things that are changed in single values, colors and patterns of cloth."""

from __future__ import annotations

from typing import Any

import numpy as np

from seetalk_jax.synthetic.human.outfit.dress import Outfit
from seetalk_jax.synthetic.human.outfit.eyewear import Glasses
from seetalk_jax.synthetic.human.outfit.fabric import Fabric
from seetalk_jax.synthetic.human.outfit.garments import Collar, Garment, Tie
from seetalk_jax.synthetic.human.outfit.headwear import Hat
from seetalk_jax.synthetic.human.outfit.jewelry import Jewelry

# Linear RGB of cloth.
_DARK = (
  (0.012, 0.012, 0.014),
  (0.015, 0.02, 0.045),
  (0.03, 0.032, 0.036),
  (0.025, 0.02, 0.018),
  (0.02, 0.03, 0.025),
)
_NEUTRAL = (
  (0.2, 0.2, 0.21),
  (0.1, 0.105, 0.11),
  (0.42, 0.38, 0.31),
  (0.3, 0.23, 0.16),
  (0.55, 0.52, 0.47),
  (0.09, 0.07, 0.05),
)
_LIGHT = ((0.78, 0.78, 0.77), (0.72, 0.7, 0.65), (0.5, 0.58, 0.7), (0.68, 0.55, 0.53), (0.6, 0.66, 0.62))
_STRONG = (
  (0.35, 0.02, 0.03),
  (0.03, 0.09, 0.3),
  (0.02, 0.14, 0.09),
  (0.5, 0.22, 0.03),
  (0.3, 0.05, 0.11),
  (0.09, 0.03, 0.11),
  (0.03, 0.14, 0.18),
  (0.6, 0.42, 0.06),
  (0.2, 0.03, 0.04),
  (0.1, 0.14, 0.06),
)


def garment(**changes: Any) -> Garment:
  """A crew neck, with changes of single values."""
  values = {
    'present': 1,
    'front': 0,
    'side': 0,
    'back': 0,
    'vee': 0,
    'width': 0.5,
    'offset': 0.06,
    'loose': 0.03,
    'folds': 0.05,
    'sleeveless': 0,
    'seed': 0,
  }
  return Garment(**values | changes)


def collar(**changes: Any) -> Collar:
  """The narrow band of a crew neck, with changes of single values."""
  values = {
    'present': 1,
    'stand': 0.05,
    'stand_front': 0.05,
    'lean': 0.03,
    'leaf': 0.12,
    'leaf_front': 0.12,
    'spread': 0,
    'bulge': 0,
    'bulge_back': 0,
    'notch': 0,
    'taper': 0,
    'rest': 1,
    'wave': 0,
  }
  return Collar(**values | changes)


def cloth(color: Any, **changes: Any) -> Fabric:
  """Plain cloth of a linear RGB color, with changes of single values."""
  color = np.asarray(color, np.float32)
  values = {
    'color': color,
    'second': color,
    'third': color,
    'frequency': 4,
    'across': 0,
    'upright': 0,
    'wide': 0.5,
    'check': 0,
    'print': 0,
    'scale': 3,
    'heather': 0.15,
    'twill': 0,
    'rib': 0,
    'crease': 0.6,
    'placket': 0,
    'buttons': np.asarray([0.6, 0.58, 0.53]),
    'zipper': 0,
    'seams': 1,
    'roughness': 0.85,
    'seed': 0,
  }
  return Fabric(**values | changes)


def spectacles(**changes: Any) -> Glasses:
  """Rectangular glasses, with changes of single values."""
  values = {
    'present': 1,
    'width': 0.25,
    'height': 0.19,
    'square': 2.6,
    'flare': 0,
    'drop': 0,
    'rim': 0.018,
    'lower_rim': 1,
    'rimless': 0,
    'depth': 0.02,
    'bridge': 0.05,
    'double_bridge': 0,
    'temple': 0.025,
    'lower': 0,
  }
  return Glasses(**values | changes)


def jewels(**changes: Any) -> Jewelry:
  """No jewelry, with changes of single values."""
  values = {
    'stud': 0,
    'stud_size': 0.03,
    'hang': 0,
    'long': 1,
    'hoop': 0,
    'hoop_size': 0.12,
    'necklace': 0,
    'necklace_front': 0.3,
    'pendant': 0,
  }
  return Jewelry(**values | changes)


def headwear(**changes: Any) -> Hat:
  """A beanie, with changes of single values."""
  values = {
    'present': 1,
    'tilt': 0.25,
    'front': 1.5,
    'side': 1.52,
    'back': 1.75,
    'offset': 0.12,
    'tall': 0.06,
    'cuff': 0.035,
    'cuff_height': 0.35,
    'band': 0,
    'peak': 0,
    'brim': 0,
    'droop': 0,
    'all_hair': 0,
    'wave': 0.02,
    'seed': 0,
  }
  return Hat(**values | changes)


def outfit(**changes: Any) -> Outfit:
  """A plain T-shirt, with changes of single things."""
  plain = cloth([0.2, 0.2, 0.22])
  values = {
    'main': garment(),
    'collar': collar(),
    'inner': garment(present=0),
    'inner_collar': collar(present=0),
    'tie': Tie(0, 0.13),
    'glasses': spectacles(present=0),
    'jewelry': jewels(),
    'hat': headwear(present=0),
    'main_fabric': plain,
    'collar_fabric': plain,
    'inner_fabric': plain,
    'tie_fabric': plain,
    'hat_fabric': plain,
    'swatches': np.tile([0.03, 0.03, 0.03, 0.3], (6, 1)),
    'speckle': 0,
    'frame_metal': 0,
  }
  return Outfit(**values | changes)


def color(
  rng: np.random.Generator,
  dark: float = 0.38,
  neutral: float = 0.25,
  light: float = 0.17,
  strong: float = 0.2,
) -> np.ndarray:
  """A color of cloth, from groups with the given shares."""
  shares = np.asarray([dark, neutral, light, strong])
  group = (_DARK, _NEUTRAL, _LIGHT, _STRONG)[rng.choice(4, p=shares / shares.sum())]
  base = np.asarray(group[rng.integers(len(group))])
  return (base * np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.06, 3))).clip(0.008, 0.82)


def pattern(rng: np.random.Generator, base: np.ndarray, plain: float) -> Fabric:
  """Cloth with stripes, checks, a print or none of them, with probability `plain` for none."""
  other, third = color(rng), color(rng, light=0.4)
  if np.abs(other - base).max() < 0.1:
    other = np.asarray([0.7, 0.7, 0.68]) if base.max() < 0.35 else np.asarray([0.03, 0.04, 0.08])
  common = {
    'second': other,
    'third': third,
    'seed': rng.uniform(0, 9),
    'heather': rng.choice([0.06, 0.15, 0.4]),
    'crease': rng.uniform(0.3, 1.0),
    'roughness': rng.uniform(0.7, 0.95),
  }
  kinds = (
    {'across': 1, 'frequency': rng.uniform(1.5, 5), 'wide': rng.uniform(0.2, 0.55)},
    {'check': 1, 'frequency': rng.uniform(1.5, 4)},
    {'print': 1, 'scale': rng.uniform(2, 7)},
    {'upright': 0.8, 'frequency': rng.uniform(4, 9), 'wide': rng.uniform(0.15, 0.4)},
  )
  kind = {} if rng.random() < plain else kinds[rng.integers(len(kinds))]
  return cloth(base, **common | kind)


def random_seed(rng: np.random.Generator) -> float:
  """A seed for folds and prints."""
  return rng.uniform(0, 20)
