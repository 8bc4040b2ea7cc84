"""Sampling of outfits: what people wear, drawn at random."""

from __future__ import annotations

import jax
import numpy as np

from seetalk_jax.synthetic.human.outfit import accessories, clothing, styles
from seetalk_jax.synthetic.human.outfit.dress import Outfit

# Share of people who wear a hat or headscarf.
_HATS = 0.07


def sample_outfit(rng: np.random.Generator, sex: str, age: float) -> Outfit:
  """An outfit, drawn at random.

  Args:
    rng: generator.
    sex: `female` or `male`.
    age: years.

  Returns:
    Float32 arrays, of the same shapes for all outfits.
  """
  female = sex == 'female'
  names, weights = zip(*(clothing.FEMALE if female else clothing.MALE).items(), strict=True)
  kind = rng.choice(len(names), p=np.asarray(weights) / sum(weights))
  clothes = clothing.CLOTHES[names[kind]](rng)
  glasses = {'swatches': accessories.swatches(rng)}
  if rng.random() < _share_with_glasses(age):
    glasses = accessories.glasses(rng, female, glasses['swatches'])
  jewelry = accessories.jewelry(rng, female)
  hat = accessories.hat(rng, female) if rng.random() < _HATS else {}
  # A dictionary may be replaced by a later one, as a headscarf brings a scarf over the collar.
  result = styles.outfit(**clothes | glasses | jewelry | hat)
  return jax.tree.map(lambda value: np.asarray(value, np.float32), result)


def _share_with_glasses(age: float) -> float:
  """Share of people who wear glasses at an age in years."""
  return float(np.interp(age, [15, 40, 60, 80], [0.2, 0.28, 0.5, 0.6]))
