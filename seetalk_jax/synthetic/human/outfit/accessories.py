"""Kinds of glasses, jewelry and hats, each drawn with its usual sizes and colors."""

from __future__ import annotations

from typing import Any

import numpy as np

from seetalk_jax.synthetic.human.outfit import styles
from seetalk_jax.synthetic.human.outfit.garments import Tie


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
  return {
    'glasses': styles.spectacles(**shape),
    'swatches': swatches,
    'speckle': tortoise,
    'frame_metal': metal,
  }


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
  return {'jewelry': styles.jewels(**changes)}


def hat(rng: np.random.Generator, female: bool) -> dict[str, Any]:
  """A hat or headscarf with its cloth."""
  base = styles.color(rng, dark=0.45, neutral=0.25, light=0.1, strong=0.2)
  names = ('beanie', 'cap', 'brimmed', 'scarf', 'band')
  shares = (0.25, 0.15, 0.15, 0.35, 0.1) if female else (0.4, 0.4, 0.15, 0.0, 0.05)
  kind = names[rng.choice(5, p=shares)]
  seed = styles.random_seed(rng)
  smooth = styles.cloth(base, crease=0.2, seed=seed)
  if kind == 'beanie':
    knit = styles.cloth(base, rib=1, frequency=rng.uniform(5, 9), heather=0.4, crease=0.3, seed=seed)
    shape = styles.headwear(tall=rng.uniform(0.04, 0.25), cuff=rng.choice([0.0, 0.035]), seed=seed)
    return {'hat': shape, 'hat_fabric': knit}
  if kind == 'cap':
    shape = styles.headwear(
      front=rng.uniform(1.44, 1.52),
      side=1.45,
      back=1.62,
      tall=0.1,
      cuff=0,
      peak=0.65,
      droop=0.25,
      wave=0.01,
      seed=seed,
    )
    return {'hat': shape, 'hat_fabric': smooth}
  if kind == 'brimmed':
    shape = styles.headwear(
      front=rng.uniform(1.36, 1.44),
      side=1.42,
      back=1.55,
      tall=0.22,
      cuff=0.012,
      cuff_height=0.2,
      brim=rng.uniform(0.4, 0.7),
      droop=rng.uniform(-0.05, 0.3),
      wave=0,
      seed=seed,
    )
    return {'hat': shape, 'hat_fabric': smooth}
  if kind == 'band':
    shape = styles.headwear(
      front=1.4, side=1.45, back=1.6, band=rng.uniform(0.2, 0.4), tall=0, cuff=0, offset=0.08, seed=seed
    )
    return {'hat': shape, 'hat_fabric': styles.pattern(rng, base, 0.6)._replace(seams=0)}
  silk = styles.pattern(rng, base, 0.7)._replace(
    seams=0, crease=1.2, roughness=rng.uniform(0.5, 0.9), across=0, upright=0
  )
  shape = styles.headwear(
    tilt=np.pi / 2,
    front=rng.uniform(2.56, 2.64),
    side=2.24,
    back=rng.uniform(1.86, 1.94),
    offset=0.12,
    tall=0.1,
    cuff=0.02,
    cuff_height=0.12,
    all_hair=1,
    wave=0.05,
    seed=seed,
  )
  around = styles.collar(
    stand=0.7,
    stand_front=0.62,
    lean=0.2,
    leaf=0.7,
    leaf_front=0.9,
    bulge=0.12,
    wave=0.12,
  )
  main = styles.garment(offset=0.07, seed=seed)
  return {
    'hat': shape,
    'hat_fabric': silk,
    'jewelry': styles.jewels(),
    'main': main,
    'collar': around,
    'collar_fabric': silk,
    'inner': styles.garment(present=0),
    'inner_collar': styles.collar(present=0),
    'tie': Tie(0, 0.13),
  }
