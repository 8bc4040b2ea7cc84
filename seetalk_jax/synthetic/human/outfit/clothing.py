"""Kinds of clothes, each drawn with its usual sizes, colors and patterns."""

from __future__ import annotations

from typing import Any

import numpy as np

from seetalk_jax.synthetic.human.outfit import styles
from seetalk_jax.synthetic.human.outfit.garments import Tie


def _tee(rng: np.random.Generator) -> dict[str, Any]:
  main = styles.pattern(rng, styles.color(rng), 0.7)
  front, vee = rng.uniform(-0.02, 0.18), 0
  if rng.random() < 0.25:
    front, vee = rng.uniform(0.25, 0.55), 1
  shape = styles.garment(
    front=front,
    vee=vee,
    width=rng.uniform(0.6, 0.85),
    side=rng.uniform(0, 0.1),
    back=rng.uniform(0, 0.06),
    offset=rng.uniform(0.05, 0.08),
    folds=rng.uniform(0.02, 0.07),
    loose=rng.uniform(0.01, 0.05),
    seed=styles.random_seed(rng),
  )
  band = rng.uniform(0.08, 0.13)
  return {
    'main': shape,
    'collar': styles.collar(stand=0.03, stand_front=0.02, lean=0.02, leaf=band, leaf_front=band),
    'main_fabric': main,
    'collar_fabric': styles.cloth(main.color, rib=0.4, frequency=12),
  }


def _shirt_cloth(rng: np.random.Generator) -> dict[str, Any]:
  base = styles.color(rng, dark=0.2, neutral=0.1, light=0.5, strong=0.2)
  if rng.random() < 0.15:
    return styles.cloth([0.06, 0.1, 0.2], twill=0.8, placket=1, crease=0.8, seed=styles.random_seed(rng))
  buttons = base * 0.6 if rng.random() < 0.4 else np.asarray([0.6, 0.58, 0.53])
  return styles.pattern(rng, base, 0.6)._replace(placket=1, buttons=buttons, across=0)


def _shirt_collar(rng, closed):
  if closed:
    return styles.collar(
      stand=rng.uniform(0.3, 0.38),
      stand_front=rng.uniform(0.1, 0.14),
      lean=0.045,
      leaf=0.12,
      leaf_front=rng.uniform(0.42, 0.55),
      spread=rng.uniform(0.2, 0.4),
      bulge=0.02,
    )
  return styles.collar(
    stand=rng.uniform(0.28, 0.36),
    stand_front=0.02,
    lean=0.06,
    leaf=0.12,
    leaf_front=rng.uniform(0.34, 0.46),
    spread=0.15,
    bulge=0.03,
  )


def _shirt(rng, closed=None):
  closed = rng.random() < 0.4 if closed is None else closed
  main = _shirt_cloth(rng)
  shape = styles.garment(
    front=-0.2 if closed else rng.uniform(0.35, 0.6),
    vee=0 if closed else 1,
    width=rng.uniform(0.6, 0.75),
    offset=0.065,
    folds=rng.uniform(0.03, 0.07),
    loose=0.04,
    seed=styles.random_seed(rng),
  )
  return {'main': shape, 'collar': _shirt_collar(rng, closed), 'main_fabric': main, 'collar_fabric': main}


def _tie_cloth(rng: np.random.Generator) -> dict[str, Any]:
  return styles.pattern(rng, styles.color(rng, dark=0.4, neutral=0.1, light=0.05, strong=0.5), 0.4)._replace(
    roughness=0.45, crease=0.1, seams=0, frequency=rng.uniform(6, 12)
  )


def _shirt_and_tie(rng: np.random.Generator) -> dict[str, Any]:
  return _shirt(rng, closed=True) | {'tie': Tie(1, rng.uniform(0.12, 0.15)), 'tie_fabric': _tie_cloth(rng)}


def _jacket(rng, tie=None):
  tie = rng.random() < 0.6 if tie is None else tie
  base = styles.color(rng, dark=0.7, neutral=0.25, light=0.02, strong=0.03)
  main = styles.cloth(
    base, crease=0.3, heather=rng.uniform(0.1, 0.5), seed=styles.random_seed(rng), roughness=0.9
  )
  if rng.random() < 0.2:
    main = main._replace(second=base * 1.6, third=base * 2.5, check=0.7, frequency=rng.uniform(1.2, 2.5))
  shirt = _shirt(rng, closed=tie)
  shape = styles.garment(
    front=rng.uniform(1.0, 1.5),
    vee=1,
    width=rng.uniform(0.55, 0.68),
    side=0.12,
    back=0.02,
    offset=0.17,
    loose=0.02,
    folds=0.03,
    seed=styles.random_seed(rng),
  )
  lapels = styles.collar(
    stand=rng.uniform(0.15, 0.22),
    stand_front=0,
    lean=0.06,
    leaf=0.12,
    leaf_front=rng.uniform(0.34, 0.5),
    notch=rng.uniform(0.08, 0.16),
    taper=0.6,
    bulge=0.01,
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


def _polo(rng: np.random.Generator) -> dict[str, Any]:
  main = styles.pattern(rng, styles.color(rng), 0.75)._replace(placket=1)
  shape = styles.garment(
    front=rng.uniform(0.1, 0.4), vee=1, width=0.6, offset=0.06, folds=0.05, seed=styles.random_seed(rng)
  )
  soft = styles.collar(
    stand=0.24, stand_front=0.08, lean=0.05, leaf=0.1, leaf_front=0.3, spread=0.2, bulge=0.03
  )
  edge = styles.cloth(main.second if rng.random() < 0.3 else main.color, rib=0.25, frequency=14)
  return {'main': shape, 'collar': soft, 'main_fabric': main, 'collar_fabric': edge}


def _knit(rng, base=None):
  base = styles.color(rng, dark=0.3, neutral=0.35, light=0.15, strong=0.2) if base is None else base
  rib = rng.choice([0.0, 0.5, 1.0])
  knit = styles.pattern(rng, base, 0.8 if rib == 0 else 1.0)
  if rib:
    knit = knit._replace(rib=rib, frequency=rng.uniform(4, 8))
  return knit._replace(heather=rng.uniform(0.2, 0.5), roughness=0.95)


def _turtleneck(rng: np.random.Generator) -> dict[str, Any]:
  main = _knit(rng)
  high = rng.uniform(0.42, 0.6)
  shape = styles.garment(offset=rng.uniform(0.06, 0.1), folds=0.04, loose=0.04, seed=styles.random_seed(rng))
  fold = styles.collar(
    stand=high,
    stand_front=high - 0.05,
    lean=0.04,
    leaf=0.03,
    leaf_front=0.03,
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


def _sweater(rng: np.random.Generator) -> dict[str, Any]:
  main = _knit(rng)
  vee = float(rng.random() < 0.35)
  shape = styles.garment(
    front=rng.uniform(0.5, 0.9) if vee else rng.uniform(0.0, 0.1),
    vee=vee,
    width=0.62,
    side=0.08,
    offset=0.13,
    folds=0.06,
    loose=0.05,
    seed=styles.random_seed(rng),
  )
  result = {
    'main': shape,
    'collar': styles.collar(stand=0.05, stand_front=0.03, lean=0.03, leaf=0.16, leaf_front=0.16, bulge=0.02),
    'main_fabric': main,
    'collar_fabric': styles.cloth(main.color, rib=0.9, frequency=8, heather=0.3),
  }
  if vee or rng.random() < 0.4:
    shirt = _shirt(rng, closed=True)
    result |= {
      'inner': shirt['main']._replace(offset=0.045, folds=0.02),
      'inner_collar': shirt['collar'],
      'inner_fabric': shirt['main_fabric'],
    }
  return result


def _hoodie(rng: np.random.Generator) -> dict[str, Any]:
  main = styles.cloth(
    styles.color(rng, dark=0.4, neutral=0.35, light=0.05, strong=0.2),
    heather=rng.choice([0.1, 0.4]),
    crease=0.8,
    seed=styles.random_seed(rng),
  )
  zipped = rng.random() < 0.4
  shape = styles.garment(
    front=rng.uniform(0.4, 0.7) if zipped else rng.uniform(0.05, 0.2),
    vee=float(zipped),
    width=0.6,
    side=0.1,
    offset=0.14,
    folds=0.08,
    loose=0.06,
    seed=styles.random_seed(rng),
  )
  hood = styles.collar(
    stand=0.2, stand_front=0.1, lean=0.1, leaf=0.75, leaf_front=0.12, bulge=0.05, bulge_back=0.26, wave=0.06
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


def _blouse(rng: np.random.Generator) -> dict[str, Any]:
  main = styles.pattern(rng, styles.color(rng, dark=0.2, neutral=0.15, light=0.4, strong=0.3), 0.45)
  vee = float(rng.random() < 0.5)
  shape = styles.garment(
    front=rng.uniform(0.3, 0.9),
    vee=vee,
    width=rng.uniform(0.6, 0.9),
    side=rng.uniform(0.05, 0.3),
    offset=0.06,
    folds=0.07,
    loose=0.07,
    seed=styles.random_seed(rng),
  )
  edge = styles.collar(stand=0.02, stand_front=0.01, lean=0.015, leaf=0.05, leaf_front=0.05)
  return {
    'main': shape,
    'collar': edge,
    'main_fabric': main._replace(roughness=rng.uniform(0.45, 0.9)),
    'collar_fabric': main,
  }


def _boat(rng: np.random.Generator) -> dict[str, Any]:
  top = _tee(rng)
  shape = top['main']._replace(front=rng.uniform(0.02, 0.15), side=rng.uniform(0.35, 0.65), back=0.1, vee=0)
  return top | {
    'main': shape,
    'collar': styles.collar(stand=0.01, stand_front=0.01, lean=0.012, leaf=0.06, leaf_front=0.06),
  }


def _tank(rng: np.random.Generator) -> dict[str, Any]:
  main = styles.pattern(rng, styles.color(rng), 0.8)
  shape = styles.garment(
    front=rng.uniform(0.45, 0.8),
    side=rng.uniform(0.2, 0.4),
    back=0.3,
    offset=0.035,
    folds=0.02,
    loose=0.01,
    sleeveless=1,
    seed=styles.random_seed(rng),
  )
  return {
    'main': shape,
    'collar': styles.collar(stand=0.01, stand_front=0.01, lean=0.012, leaf=0.06, leaf_front=0.06),
    'main_fabric': main._replace(seams=0),
    'collar_fabric': styles.cloth(main.color),
  }


def _scarf(rng: np.random.Generator) -> dict[str, Any]:
  coat = _jacket(rng, tie=False)
  wool = _knit(rng, styles.color(rng, dark=0.2, neutral=0.35, light=0.15, strong=0.3))
  around = styles.collar(
    stand=rng.uniform(0.35, 0.5),
    stand_front=0.3,
    lean=0.16,
    leaf=0.3,
    leaf_front=0.4,
    bulge=0.17,
    wave=0.16,
  )
  sweater = styles.garment(offset=0.06, folds=0.03, seed=styles.random_seed(rng))
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
