"""Facial hair styles: brows, lashes and beards of people, sampled by sex, age and ancestry."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seetalk_jax.synthetic.human import facial_hair

_BARE = dict.fromkeys(('moustache', 'chin', 'patch', 'cheeks', 'sideburns', 'neck'), 0.0)
# Share of men who wear a beard, and densities and lengths in decimeters of beards.
_BEARDS = {
  'shaven': (0.45, {}),
  # Too short for strands: painted on the skin.
  'stubble': (0.17, dict(moustache=0.6, chin=0.6, patch=0.5, cheeks=0.5, sideburns=0.5, neck=0.35)),
  'short_beard': (0.13, dict(moustache=1, chin=1, patch=1, cheeks=0.9, sideburns=0.9, neck=0.5, length=0.09)),
  'full_beard': (0.09, dict(moustache=1, chin=1, patch=1, cheeks=1, sideburns=1, neck=0.7, length=0.25)),
  'long_beard': (0.03, dict(moustache=1, chin=1, patch=1, cheeks=1, sideburns=1, neck=0.7, length=0.45)),
  'goatee': (0.05, dict(moustache=1, chin=1, patch=1, length=0.1)),
  'chin_beard': (0.02, dict(chin=1, patch=0.8, length=0.15)),
  'moustache': (0.04, dict(moustache=1, length=0.09)),
  'chin_strap': (0.02, dict(chin=0.9, cheeks=0.9, sideburns=0.9, line=6.5, length=0.07)),
}
BEARDS = tuple(_BEARDS)
# Density of beards of each ancestry.
_DENSITY = {'african': 0.9, 'asian': 0.55, 'caucasian': 1.0}


def sample_facial_style(
  rng: np.random.Generator, sex: str, age: float, ancestry: Mapping[str, float], beard: str | None = None
) -> facial_hair.FacialStyle:
  """Brows, lashes and beard for a person; float32 scalars.

  Args:
    rng: source of chance.
    sex: 'female' or 'male'.
    age: in years.
    ancestry: weight of african, asian and caucasian.
    beard: one of `BEARDS`, None to draw one by sex and age.

  Raises:
    KeyError: no such beard.
  """
  shares = np.array([share for share, _ in _BEARDS.values()])
  drawn = BEARDS[rng.choice(len(BEARDS), p=shares / shares.sum())]
  if beard is None:
    beard = 'shaven' if sex == 'female' or age < 17 + 3 * rng.random() else drawn
  male = sex == 'male'
  old = np.clip((age - 50) / 35, 0, 1)
  values = dict(
    brow_thickness=rng.uniform(0.03, 0.052) if male else rng.uniform(0.019, 0.034) * (1 - 0.2 * old),
    brow_arch=rng.normal(0.1, 0.3) if male else rng.normal(0.5, 0.35),
    brow_length=rng.uniform(0.82, 1.0),
    brow_density=rng.uniform(0.35, 0.8) * (1 - 0.3 * old) * (1.0 if male else 0.8),
    brow_hair=rng.uniform(0.06, 0.09) * (1 + 0.35 * old * male),
    lash_length=rng.uniform(0.55, 0.8) if male else rng.uniform(0.7, 1.05),
    lash_density=rng.uniform(0.55, 0.85) if male else rng.uniform(0.7, 1.0),
    **_BARE,
    **dict(line=rng.normal(6.72, 0.07), length=0.0, curl=rng.uniform(0.0, 0.02)),
  )
  values |= _BEARDS[beard][1]
  total = sum(ancestry.values())
  density = sum(_DENSITY[name] * weight for name, weight in ancestry.items()) / total * rng.uniform(0.8, 1.1)
  for area in _BARE:
    # Thin beards have gaps on the cheeks first.
    values[area] = min(1.0, values[area] * density ** (1.6 if area in ('cheeks', 'neck') else 0.7))
  length = values['length'] * np.exp(0.3 * rng.standard_normal())
  values['length'] = length
  values['chin_length'] = length * (rng.uniform(1.0, 2.2) if length > 0.08 else 1.0)
  values['moustache_length'] = min(length * rng.uniform(0.8, 1.1), rng.uniform(0.09, 0.14))
  values['curl'] += 0.02 * ancestry.get('african', 0.0) / total
  return facial_hair.FacialStyle(**{field: np.float32(value) for field, value in values.items()})
