"""Kinds of clothes, glasses, jewelry and hats, each drawn with its usual sizes and colors."""

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
  (0.42, 0.06, 0.15),
  (0.16, 0.05, 0.2),
  (0.05, 0.25, 0.32),
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
    'band': 0,
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
    'hat': Hat(0),
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


def color(rng: np.random.Generator, dark=0.38, neutral=0.25, light=0.17, strong=0.2) -> np.ndarray:
  """A color of cloth, from groups with the given shares."""
  shares = np.asarray([dark, neutral, light, strong])
  group = (_DARK, _NEUTRAL, _LIGHT, _STRONG)[rng.choice(4, p=shares / shares.sum())]
  base = np.asarray(group[rng.integers(len(group))])
  return (base * np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.06, 3))).clip(0.008, 0.82)


def _pattern(rng: np.random.Generator, base: np.ndarray, plain: float) -> Fabric:
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


def _seed(rng: np.random.Generator) -> float:
  return rng.uniform(0, 20)


def _tee(rng):
  main = _pattern(rng, color(rng), 0.7)
  front, vee = rng.uniform(-0.02, 0.18), 0
  if rng.random() < 0.25:
    front, vee = rng.uniform(0.25, 0.55), 1
  shape = garment(
    front=front,
    vee=vee,
    width=rng.uniform(0.6, 0.85),
    side=rng.uniform(0, 0.1),
    back=rng.uniform(0, 0.06),
    offset=rng.uniform(0.05, 0.08),
    folds=rng.uniform(0.02, 0.07),
    loose=rng.uniform(0.01, 0.05),
    seed=_seed(rng),
  )
  band = rng.uniform(0.08, 0.13)
  return {
    'main': shape,
    'collar': collar(stand=0.03, stand_front=0.02, lean=0.02, leaf=band, leaf_front=band),
    'main_fabric': main,
    'collar_fabric': cloth(main.color, rib=0.4, frequency=12),
  }


def _shirt_cloth(rng):
  base = color(rng, dark=0.2, neutral=0.1, light=0.5, strong=0.2)
  if rng.random() < 0.15:
    return cloth([0.06, 0.1, 0.2], twill=0.8, placket=1, crease=0.8, seed=_seed(rng))
  buttons = base * 0.6 if rng.random() < 0.4 else np.asarray([0.6, 0.58, 0.53])
  return _pattern(rng, base, 0.6)._replace(placket=1, buttons=buttons, across=0)


def _shirt_collar(rng, closed):
  if closed:
    return collar(
      stand=rng.uniform(0.3, 0.38),
      stand_front=rng.uniform(0.26, 0.3),
      lean=0.045,
      leaf=0.12,
      leaf_front=rng.uniform(0.24, 0.36),
      spread=rng.uniform(0.2, 0.4),
      bulge=0.02,
    )
  return collar(
    stand=rng.uniform(0.28, 0.36),
    stand_front=0.02,
    lean=0.06,
    leaf=0.12,
    leaf_front=rng.uniform(0.3, 0.38),
    spread=0.15,
    bulge=0.03,
  )


def _shirt(rng, closed=None):
  closed = rng.random() < 0.4 if closed is None else closed
  main = _shirt_cloth(rng)
  shape = garment(
    front=0 if closed else rng.uniform(0.35, 0.6),
    vee=1,
    width=rng.uniform(0.6, 0.75),
    offset=0.065,
    folds=rng.uniform(0.03, 0.07),
    loose=0.04,
    seed=_seed(rng),
  )
  return {'main': shape, 'collar': _shirt_collar(rng, closed), 'main_fabric': main, 'collar_fabric': main}


def _tie_cloth(rng):
  return _pattern(rng, color(rng, dark=0.4, neutral=0.1, light=0.05, strong=0.5), 0.4)._replace(
    roughness=0.45, crease=0.1, seams=0, frequency=rng.uniform(6, 12)
  )


def _shirt_and_tie(rng):
  return _shirt(rng, closed=True) | {'tie': Tie(1, rng.uniform(0.12, 0.15)), 'tie_fabric': _tie_cloth(rng)}


def _jacket(rng, tie=None):
  tie = rng.random() < 0.6 if tie is None else tie
  base = color(rng, dark=0.7, neutral=0.25, light=0.02, strong=0.03)
  main = cloth(base, crease=0.3, heather=rng.uniform(0.1, 0.5), seed=_seed(rng), roughness=0.9)
  if rng.random() < 0.2:
    main = main._replace(second=base * 1.6, third=base * 2.5, check=0.7, frequency=rng.uniform(1.2, 2.5))
  shirt = _shirt(rng, closed=tie)
  shape = garment(
    front=rng.uniform(1.0, 1.5),
    vee=1,
    width=rng.uniform(0.55, 0.68),
    side=0.12,
    back=0.02,
    offset=0.17,
    loose=0.02,
    folds=0.03,
    seed=_seed(rng),
  )
  lapels = collar(
    stand=rng.uniform(0.15, 0.22),
    stand_front=0,
    lean=0.09,
    leaf=0.12,
    leaf_front=rng.uniform(0.34, 0.5),
    notch=rng.uniform(0.08, 0.16),
    taper=0.6,
    bulge=0.02,
  )
  inner = {
    'inner': shirt['main']._replace(offset=0.045, folds=0.02),
    'inner_collar': shirt['collar'],
    'inner_fabric': shirt['main_fabric'],
  }
  if not tie and rng.random() < 0.4:
    tee = _tee(rng)
    inner = {
      'inner': tee['main']._replace(offset=0.045, folds=0.02),
      'inner_collar': tee['collar'],
      'inner_fabric': tee['main_fabric'],
    }
  return {
    'main': shape,
    'collar': lapels,
    'main_fabric': main,
    'collar_fabric': main,
    **inner,
    'tie': Tie(float(tie), rng.uniform(0.12, 0.15)),
    'tie_fabric': _tie_cloth(rng),
  }


def _polo(rng):
  main = _pattern(rng, color(rng), 0.75)._replace(placket=1)
  shape = garment(front=rng.uniform(0.1, 0.4), vee=1, width=0.6, offset=0.06, folds=0.05, seed=_seed(rng))
  soft = collar(stand=0.24, stand_front=0.08, lean=0.05, leaf=0.1, leaf_front=0.3, spread=0.2, bulge=0.03)
  edge = cloth(main.second if rng.random() < 0.3 else main.color, rib=0.25, frequency=14)
  return {'main': shape, 'collar': soft, 'main_fabric': main, 'collar_fabric': edge}


def _knit(rng, base=None):
  base = color(rng, dark=0.3, neutral=0.35, light=0.15, strong=0.2) if base is None else base
  rib = rng.choice([0.0, 0.5, 1.0])
  knit = _pattern(rng, base, 0.8 if rib == 0 else 1.0)
  if rib:
    knit = knit._replace(rib=rib, frequency=rng.uniform(4, 8))
  return knit._replace(heather=rng.uniform(0.2, 0.5), roughness=0.95)


def _turtleneck(rng):
  main = _knit(rng)
  high = rng.uniform(0.42, 0.6)
  shape = garment(offset=rng.uniform(0.06, 0.1), folds=0.04, loose=0.04, seed=_seed(rng))
  fold = collar(
    stand=high,
    stand_front=high - 0.05,
    lean=0.04,
    leaf=rng.uniform(-0.15, 0),
    leaf_front=-0.05,
    rest=0,
    bulge=rng.uniform(0.01, 0.04),
    wave=0.03,
  )
  return {
    'main': shape,
    'collar': fold,
    'main_fabric': main,
    'collar_fabric': main._replace(rib=0.7, frequency=8, print=0, across=0),
  }


def _sweater(rng):
  main = _knit(rng)
  vee = float(rng.random() < 0.35)
  shape = garment(
    front=rng.uniform(0.5, 0.9) if vee else rng.uniform(0.0, 0.1),
    vee=vee,
    width=0.62,
    side=0.08,
    offset=0.13,
    folds=0.06,
    loose=0.05,
    seed=_seed(rng),
  )
  result = {
    'main': shape,
    'collar': collar(stand=0.05, stand_front=0.03, lean=0.03, leaf=0.16, leaf_front=0.16, bulge=0.02),
    'main_fabric': main,
    'collar_fabric': cloth(main.color, rib=0.9, frequency=8, heather=0.3),
  }
  if vee or rng.random() < 0.4:
    shirt = _shirt(rng, closed=True)
    result |= {
      'inner': shirt['main']._replace(offset=0.045, folds=0.02),
      'inner_collar': shirt['collar'],
      'inner_fabric': shirt['main_fabric'],
    }
  return result


def _hoodie(rng):
  main = cloth(
    color(rng, dark=0.4, neutral=0.35, light=0.05, strong=0.2),
    heather=rng.choice([0.1, 0.4]),
    crease=0.8,
    seed=_seed(rng),
  )
  zipped = rng.random() < 0.4
  shape = garment(
    front=rng.uniform(0.4, 0.7) if zipped else rng.uniform(0.05, 0.2),
    vee=float(zipped),
    width=0.6,
    side=0.1,
    offset=0.14,
    folds=0.08,
    loose=0.06,
    seed=_seed(rng),
  )
  hood = collar(
    stand=0.2,
    stand_front=0.12,
    lean=0.12,
    leaf=0.75,
    leaf_front=0.2,
    spread=0.1,
    bulge=0.09,
    bulge_back=0.22,
    wave=0.06,
  )
  tee = _tee(rng)
  return {
    'main': shape,
    'collar': hood,
    'main_fabric': main._replace(zipper=float(zipped)),
    'collar_fabric': main,
    'inner': tee['main']._replace(front=0.0, vee=0, offset=0.045),
    'inner_collar': tee['collar'],
    'inner_fabric': tee['main_fabric'],
  }


def _blouse(rng):
  main = _pattern(rng, color(rng, dark=0.2, neutral=0.15, light=0.4, strong=0.3), 0.45)
  vee = float(rng.random() < 0.5)
  shape = garment(
    front=rng.uniform(0.3, 0.9),
    vee=vee,
    width=rng.uniform(0.6, 0.9),
    side=rng.uniform(0.05, 0.3),
    offset=0.06,
    folds=0.07,
    loose=0.07,
    seed=_seed(rng),
  )
  edge = collar(stand=0.02, stand_front=0.01, lean=0.015, leaf=0.05, leaf_front=0.05)
  return {
    'main': shape,
    'collar': edge,
    'main_fabric': main._replace(roughness=rng.uniform(0.45, 0.9)),
    'collar_fabric': main,
  }


def _boat(rng):
  top = _tee(rng)
  shape = top['main']._replace(front=rng.uniform(0.02, 0.15), side=rng.uniform(0.35, 0.65), back=0.1, vee=0)
  return top | {
    'main': shape,
    'collar': collar(stand=0.01, stand_front=0.01, lean=0.012, leaf=0.06, leaf_front=0.06),
  }


def _tank(rng):
  main = _pattern(rng, color(rng), 0.8)
  shape = garment(
    front=rng.uniform(0.45, 0.8),
    side=rng.uniform(0.2, 0.4),
    back=0.3,
    offset=0.035,
    folds=0.02,
    loose=0.01,
    sleeveless=1,
    seed=_seed(rng),
  )
  return {
    'main': shape,
    'collar': collar(stand=0.01, stand_front=0.01, lean=0.012, leaf=0.06, leaf_front=0.06),
    'main_fabric': main._replace(seams=0),
    'collar_fabric': cloth(main.color),
  }


def _scarf(rng):
  coat = _jacket(rng, tie=False)
  wool = _knit(rng, color(rng, dark=0.2, neutral=0.35, light=0.15, strong=0.3))
  around = collar(
    stand=rng.uniform(0.35, 0.5),
    stand_front=0.3,
    lean=0.16,
    leaf=0.3,
    leaf_front=0.4,
    bulge=0.17,
    wave=0.16,
  )
  sweater = garment(offset=0.06, folds=0.03, seed=_seed(rng))
  return coat | {
    'inner': sweater,
    'inner_collar': around,
    'inner_fabric': wool._replace(crease=1.5),
    'tie': Tie(0, 0.13),
  }


CLOTHES = {
  'tee': _tee,
  'shirt': _shirt,
  'shirt and tie': _shirt_and_tie,
  'jacket': _jacket,
  'polo': _polo,
  'turtleneck': _turtleneck,
  'sweater': _sweater,
  'hoodie': _hoodie,
  'blouse': _blouse,
  'boat neck': _boat,
  'tank top': _tank,
  'scarf': _scarf,
}
MALE = {
  'tee': 24,
  'shirt': 18,
  'shirt and tie': 4,
  'jacket': 14,
  'polo': 8,
  'turtleneck': 4,
  'sweater': 12,
  'hoodie': 12,
  'tank top': 1,
  'scarf': 3,
}
FEMALE = {
  'tee': 18,
  'shirt': 10,
  'jacket': 8,
  'polo': 3,
  'turtleneck': 8,
  'sweater': 13,
  'hoodie': 7,
  'blouse': 18,
  'boat neck': 8,
  'tank top': 5,
  'scarf': 4,
}


def glasses(rng: np.random.Generator, female: bool, swatches: np.ndarray) -> dict[str, Any]:
  """Glasses with their colors in a copy of `swatches`."""
  wire = {'rim': rng.uniform(0.008, 0.012), 'depth': 0.01, 'temple': 0.014}
  thick = {
    'rim': rng.uniform(0.018, 0.032),
    'depth': rng.uniform(0.018, 0.03),
    'temple': rng.uniform(0.025, 0.045),
  }
  kinds = {
    'round': ({'width': 0.235, 'height': 0.225, 'square': 2.0}, 18),
    'rectangle': ({'width': 0.265, 'height': 0.16, 'square': 4.5}, 28),
    'soft': ({'width': 0.255, 'height': 0.195, 'square': 2.7}, 24),
    'aviator': ({'width': 0.25, 'height': 0.21, 'square': 2.4, 'drop': 0.05, 'double_bridge': 1} | wire, 6),
    'cat-eye': ({'width': 0.255, 'height': 0.18, 'square': 2.5, 'flare': 0.06} | thick, 14 if female else 0),
    'half': ({'width': 0.255, 'height': 0.165, 'square': 3.5, 'lower_rim': 0}, 8),
    'rimless': ({'width': 0.25, 'height': 0.165, 'square': 3.2, 'rimless': 1} | wire, 6),
    'reading': ({'width': 0.23, 'height': 0.12, 'square': 3.2, 'lower': 0.1} | wire, 4),
  }
  names, weights = list(kinds), np.asarray([weight for _, weight in kinds.values()], float)
  shape = (wire if rng.random() < 0.45 else thick) | kinds[
    names[rng.choice(len(names), p=weights / weights.sum())]
  ][0]
  shape['width'] *= rng.uniform(0.93, 1.07)
  shape['height'] *= rng.uniform(0.92, 1.12)
  metal = float(shape['depth'] < 0.015)
  frames = ([0.5, 0.5, 0.52], [0.6, 0.45, 0.22], [0.02, 0.02, 0.022], [0.25, 0.25, 0.27])
  plastics = (
    [0.012, 0.012, 0.013],
    [0.012, 0.012, 0.013],
    [0.1, 0.045, 0.018],
    [0.02, 0.03, 0.07],
    [0.2, 0.02, 0.03],
    [0.55, 0.5, 0.45],
    [0.08, 0.08, 0.09],
  )
  choice = frames if metal else plastics
  frame = np.asarray(choice[rng.integers(len(choice))])
  tint = np.asarray([0.97, 0.975, 0.97])
  if rng.random() < 0.05:
    tint = (
      np.asarray([0.1, 0.1, 0.1]) * np.exp(rng.normal(0, 0.3, 3))
      if rng.random() < 0.7
      else np.asarray([0.6, 0.5, 0.4])
    )
  swatches = swatches.copy()
  swatches[0] = swatches[1] = [*frame, 0.3]
  swatches[2] = [*tint, 0.1]
  tortoise = float(not metal and frame[0] > 0.09 and frame[0] < 0.12) * 0.9
  return {'glasses': spectacles(**shape), 'swatches': swatches, 'speckle': tortoise, 'frame_metal': metal}


def swatches(rng: np.random.Generator) -> np.ndarray:
  """Colors of frame, temples, lenses, metal, gem and necklace with their roughness, `[6, 4]`."""
  metals = ([0.75, 0.55, 0.25], [0.72, 0.72, 0.74], [0.7, 0.45, 0.33])
  gems = ([0.75, 0.73, 0.7], [0.3, 0.02, 0.04], [0.03, 0.1, 0.3], [0.02, 0.02, 0.02], [0.02, 0.25, 0.2])
  metal = [*metals[rng.integers(3)], 0.25]
  gem = metal if rng.random() < 0.5 else [*gems[rng.integers(5)], 0.2]
  plain = [0.02, 0.02, 0.02, 0.3]
  return np.asarray([plain, plain, [0.97, 0.97, 0.97, 0.1], metal, gem, metal])


def jewelry(rng: np.random.Generator, female: bool) -> dict[str, Any]:
  """Earrings and a necklace, or none."""
  changes = {}
  if rng.random() < (0.5 if female else 0.05):
    kind = rng.choice(3, p=[0.45, 0.3, 0.25])
    changes = (
      {'stud': 1, 'stud_size': rng.uniform(0.025, 0.04)},
      {'hoop': 1, 'hoop_size': rng.uniform(0.06, 0.2)},
      {
        'stud': 1,
        'stud_size': rng.uniform(0.03, 0.05),
        'hang': rng.uniform(0.12, 0.28),
        'long': rng.uniform(1, 2.5),
        'hoop': 1,
        'hoop_size': 0.04,
      },
    )[kind]
  if rng.random() < (0.2 if female else 0.06):
    changes |= {'necklace': 1, 'necklace_front': rng.uniform(0.0, 0.5), 'pendant': rng.choice([0, 0.05])}
  return {'jewelry': jewels(**changes)}


def hat(rng: np.random.Generator, female: bool) -> dict[str, Any]:
  """A hat, or none."""
  return {}
