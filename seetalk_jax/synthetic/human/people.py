"""People: the face, skin and colors of a synthetic speaker, drawn at random."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from seetalk_jax.synthetic import speakers
from seetalk_jax.synthetic.human import facial_styles, hair_colors, rest, skin, styles, wrinkles
from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human.mesh import MeshPart
from seetalk_jax.synthetic.human.outfit import wardrobe
from seetalk_jax.synthetic.human.person import Appearance

ANCESTRIES = ('african', 'asian', 'caucasian')
EYES = (0.0, 7.28, 1.25)  # middle of the eyes of everybody at rest, decimeters
_YOUNG, _OLD = 25.0, 90.0  # ages of the targets
# Spread of the details of a face. Faces drawn with 0.29 are believable, with 0.4 they are caricatures.
_SPREAD, _SHARE = 0.29, 0.55
_ASYMMETRY = 0.07
# Share of the spread for details that make neutral faces read as expressions: as pursed or
# open lips, closing lids, smiles or raised brows.
_MILDER = {
  **dict.fromkeys(
    (
      'mouth-scale-horiz-decr',
      'mouth-trans-down',
      'mouth-angles-down',
      'mouth-angles-up',
      'mouth-scale-vert-incr',
      'eyebrows-trans-up',
      'eyebrows-trans-down',
    ),
    0.4,
  ),
  **dict.fromkeys(
    ('mouth-upperlip-middle-up', 'mouth-upperlip-height-incr', 'mouth-lowerlip-width-decr'), 0.6
  ),
  **dict.fromkeys(
    (
      'chin-height-incr',
      'head-scale-horiz-decr',
      'l-eye-height2-decr',
      'l-eye-height3-decr',
      'l-eye-height1-decr',
    ),
    0.5,
  ),
}
# Details of everybody, by what they grow with. The source's mouths of some ancestries are narrow and pursed, and its
# eyes of men and of the old are half closed.
_COMMON = {
  'african': {'mouth-scale-horiz-incr': 0.2, 'mouth-scale-vert-decr': 0.2, 'mouth-upperlip-width-incr': 0.1},
  'asian': {
    'mouth-scale-horiz-incr': 0.4,
    'mouth-scale-vert-decr': 0.2,
    'mouth-upperlip-width-incr': 0.15,
    'chin-height-decr': 0.15,
  },
  'caucasian': {'mouth-scale-horiz-incr': 0.1},
  'male': {'l-eye-height2-incr': 0.25, 'r-eye-height2-incr': 0.25},
  'old': {'l-eye-height2-incr': 0.25, 'r-eye-height2-incr': 0.25},
}
# Targets that another attribute decides or that only move the whole head.
_LEFT_OUT = ('head-age', 'head-fat', 'head-trans', 'head-angle', 'neck-trans', 'neck-double')
# Features of men against women, and of age, as weights of detail targets: the macro targets differ too little for
# strangers to read sex and age from a face. `l-` stands for both sides, a negative weight for the opposite target.
_MALE = {
  **{
    'eyebrows-trans-down': 0.18,
    'eyebrows-trans-forward': 0.12,
    'l-eye-scale-incr': -0.3,
    'head-square': 0.15,
  },
  **{'chin-width-incr': 0.2, 'chin-height-incr': 0.12, 'chin-prominent-incr': 0.12, 'nose-volume-incr': 0.2},
  **{'neck-scale-horiz-incr': 0.3, 'mouth-upperlip-volume-incr': -0.25, 'mouth-lowerlip-volume-incr': -0.25},
  **{'mouth-scale-horiz-incr': 0.1, 'nose-scale-horiz-incr': 0.12},
}
# Features of women alone.
_FEMALE = {
  **{'chin-width-decr': 0.3, 'chin-bones-decr': 0.2, 'chin-jaw-drop-decr': 0.2, 'head-oval': 0.12},
  **{'eyebrows-trans-up': 0.1, 'eyebrows-angle-up': 0.2, 'nose-width3-decr': 0.15},
  **{'mouth-upperlip-volume-incr': 0.2, 'mouth-lowerlip-volume-incr': 0.15},
}
_AGED = {
  **{'head-age-incr': 1.3, 'l-eye-eyefold-down': 0.5, 'l-eye-bag-incr': 0.6, 'chin-jaw-drop-incr': 0.7},
  **{
    'l-cheek-volume-incr': -0.3,
    'l-cheek-trans-down': 0.25,
    'l-cheek-inner-decr': 0.3,
    'nose-point-down': 0.08,
  },
  **{
    'nose-scale-vert-incr': 0.2,
    'l-ear-lobe-incr': 0.5,
    'l-ear-scale-incr': 0.25,
    'forehead-temple-decr': 0.4,
  },
  **{'mouth-upperlip-volume-incr': -0.45, 'mouth-lowerlip-volume-incr': -0.25, 'mouth-laugh-lines-in': 0.4},
  **{'neck-double-incr': 0.25, 'nose-volume-incr': 0.15},
}
# Share of the features and lines of age in women: strangers take a furrowed face with a heavy jaw for a man's.
_AGED_WOMEN, _LINED_WOMEN = 0.75, 0.65
_OPPOSITES = {'incr': 'decr', 'down': 'up', 'forward': 'backward', 'square': 'oval'}
_STREAM_WEIGHT, _STREAM_LOOK = 0x3E16, 0x7ACE


class Ancestry(NamedTuple):
  """Shares of the three ancestries that the head mesh has targets for; they add up to 1."""

  african: float
  asian: float
  caucasian: float


class Traits(NamedTuple):
  """What a person is like, before any of it is drawn.

  Attributes:
    sex: 0 female to 1 male.
    age: years.
    weight: standard score.
    head_size: standard score.
    ancestry: shares.
  """

  sex: float
  age: float
  weight: float
  head_size: float
  ancestry: Ancestry


def sample_traits(speaker: speakers.Speaker, rng: np.random.Generator) -> Traits:
  """Traits of a portrait of a speaker.

  Sex, age, weight and head size belong to the speaker; weight is half explained by head size. Ancestry is drawn anew.
  """
  own = np.random.default_rng([_STREAM_WEIGHT, speaker.speaker_id]).standard_normal()
  main = rng.dirichlet([0.25, 0.25, 0.3])
  return Traits(
    sex=speaker.sex,
    age=speaker.age,
    weight=float(np.clip(0.5 * speaker.head_size + 0.85 * own, -2.2, 2.2)),
    head_size=speaker.head_size,
    ancestry=Ancestry(*map(float, main)),
  )


def sample(speaker: speakers.Speaker, seed: int) -> Appearance:
  """A portrait's person: sex, age, weight and head size are the speaker's, all else is drawn from `seed`.

  Returns:
    float32 arrays of the same shapes for all people.
  """
  rng = np.random.default_rng([_STREAM_LOOK, speaker.speaker_id, seed])
  traits = sample_traits(speaker, rng)
  # Hair, beard and clothes of the other sex only for voices between.
  sex = 'male' if rng.random() < np.clip(2 * traits.sex - 0.5, 0, 1) else 'female'
  ancestry = traits.ancestry._asdict()
  color = hair_colors.sample_hair_color(rng, sex, traits.age, ancestry)
  return Appearance(
    shape=sample_shape(traits, rng),
    skin=sample_skin(traits, rng),
    hair=styles.sample_style(rng, sex, traits.age, ancestry),
    facial_hair=facial_styles.sample_facial_style(rng, sex, traits.age, ancestry),
    hair_color=color,
    outfit=wardrobe.sample_outfit(rng, sex, traits.age),
  )


@functools.cache
def _features() -> dict[str, tuple[str, ...]]:
  """Detail targets by feature: the opposites of a feature exclude each other; `r-` follows `l-`."""
  found = {}
  for name in meshes.load().detail:
    feature = name.rsplit('-', 1)[0]
    if not name.startswith('r-') and feature not in _LEFT_OUT:
      found.setdefault(feature, []).append(name)
  return {feature: tuple(names) for feature, names in found.items()}


def sample_shape(traits: Traits, rng: np.random.Generator) -> np.ndarray:
  """Coarse vertices of a person's neutral face, float32 `[u, 3]`, decimeters, with the eyes' middle at `EYES`."""
  weights = _body(traits, rng) | _details(traits, rng)
  _add_attributes(weights, traits, rng)
  head = meshes.load()
  shape = rest.at_rest(head.shaped(weights))
  eyes = shape[np.isin(head.parts, (MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE))].mean(0)
  target = np.float32(EYES)
  return shape - eyes + target


def _body(traits, rng):
  """Weights of the macro targets."""
  old = np.clip((traits.age - _YOUNG) / (_OLD - _YOUNG), -0.08, 1)
  heavy = np.clip(traits.weight / 2.2, -1, 1)
  muscle = np.clip(0.35 * rng.standard_normal() + 0.15 * traits.sex, -1, 1)
  weights = {}
  for sex, sex_share in (('female', 1 - traits.sex), ('male', traits.sex)):
    for age, age_share in (('young', 1 - old), ('old', old)):
      share = sex_share * age_share
      for race, race_share in zip(ANCESTRIES, traits.ancestry, strict=True):
        weights[f'{race}-{sex}-{age}'] = share * race_share
      for m, m_share in zip(('min', 'average', 'max'), _thirds(muscle), strict=True):
        for w, w_share in zip(('min', 'average', 'max'), _thirds(heavy), strict=True):
          weights[f'universal-{sex}-{age}-{m}muscle-{w}weight'] = share * m_share * w_share
  return weights


def _thirds(value):
  """Shares of the targets at -1, 0 and 1 for a value between."""
  return max(-value, 0.0), 1 - abs(value), max(value, 0.0)


def _details(traits, rng):
  """Weights of the detail targets."""
  weights = {}
  for feature, names in _features().items():
    draws = rng.random(2), rng.standard_normal(2), rng.integers(len(names))
    if feature == 'head':  # outlines of the whole face: at most one of them
      weights[names[draws[2]]] = 0.55 * draws[0][0]
      continue
    if feature.startswith('asym'):
      weights[names[draws[2]]] = abs(_ASYMMETRY * draws[1][0])
      continue
    if draws[0][0] > _SHARE:
      continue
    amount = abs(np.clip(_SPREAD * draws[1][0], -0.6, 0.6))
    name = names[draws[2]]
    amount *= _MILDER.get(name, 1.0)
    weights[name] = amount
    if name.startswith('l-'):
      weights['r-' + name[2:]] = amount * (1 + _ASYMMETRY * draws[1][1])
  size = traits.head_size
  for feature, gain in (
    ('head-scale-horiz', 0.16), ('head-scale-vert', 0.12), ('chin-width', 0.2), ('neck-scale-horiz', 0.15)
  ):  # fmt: skip
    name = f'{feature}-{"incr" if size > 0 else "decr"}'
    weights[name] = weights.get(name, 0.0) + gain * abs(size)
  # The macro targets of weight move the body only.
  for feature, gain in (('head-fat', 0.33), ('l-cheek-volume', 0.24), ('r-cheek-volume', 0.24)):
    name = f'{feature}-{"incr" if traits.weight > 0 else "decr"}'
    weights[name] = weights.get(name, 0.0) + gain * abs(traits.weight)
  shares = {**traits.ancestry._asdict(), 'male': traits.sex, 'old': np.clip((traits.age - 40) / 40, 0, 1)}
  for kind, details in _COMMON.items():
    for name, amount in details.items():
      weights[name] = weights.get(name, 0.0) + shares[kind] * amount
  if rng.random() < 0.6 and traits.weight > 0.8:
    weights['neck-double-incr'] = 0.35 * (traits.weight - 0.8)
  return weights


def aging(age: float) -> float:
  """How aged the features of a face are: 0 up to 25 years, 1 at 80."""
  return float(np.clip((age - 25) / 55, 0, 1.1) ** 1.2)


def _add_attributes(weights, traits, rng):
  """Adds the features of sex and age to weights of targets."""
  masculine = 2 * traits.sex - 1
  # Women need more of their features than men: strangers take old women for men.
  aged = aging(traits.age) * (_AGED_WOMEN + (1 - _AGED_WOMEN) * traits.sex)
  for strength, features in ((masculine * (1 if masculine > 0 else 1.5), _MALE), (aged, _AGED)):
    for name, gain in features.items():
      amount = gain * strength * np.exp(rng.normal(0, 0.25))
      if amount < 0:
        feature, end = name.rsplit('-', 1)
        amount, name = -amount, f'{feature}-{_OPPOSITES[end]}'
      for own in (name, 'r-' + name[2:]) if name.startswith('l-') else (name,):
        weights[own] = weights.get(own, 0.0) + amount
  for name, gain in _FEMALE.items():
    weights[name] = weights.get(name, 0.0) + gain * max(-masculine, 0.0)


def sample_skin(traits: Traits, rng: np.random.Generator) -> skin.Skin:
  """Skin, lips and irises of a person."""
  african, asian, caucasian = traits.ancestry
  aged = float(np.clip((traits.age - 18) / 67, 0, 1))
  fair = np.exp(rng.normal(0, 0.35))
  melanin = african * rng.uniform(1.0, 2.7) + asian * rng.uniform(0.28, 0.8) + caucasian * 0.27 * fair
  pale = np.exp(-2.0 * melanin)
  male = traits.sex > 0.5
  melanin *= 0.9 + 0.2 * traits.sex
  # Most women wear no make-up that can be seen, and few wear lipstick.
  chance = rng.random() if not male else 1.0
  made_up, lipstick = chance < 0.35, chance < 0.15
  blue = caucasian**2 * rng.random() > 0.35
  brown = np.array([0.13, 0.065, 0.028]) * np.exp(rng.normal(-0.1 - 0.7 * (1 - caucasian), 0.35))
  light = np.array(((0.10, 0.16, 0.23), (0.12, 0.13, 0.07), (0.14, 0.15, 0.15))[rng.integers(3)])
  iris = light * np.exp(rng.normal(0, 0.2)) if blue else brown
  values = dict(
    melanin=np.clip(melanin, 0.1, 2.7),
    redness=rng.uniform(0.24, 0.5),
    freckles=rng.random() ** 3 * (2.2 * pale),
    spots=rng.random() * (0.35 + 0.5 * aged),
    age=aged,
    wrinkles=_sample_wrinkles(traits, rng),
    stubble=rng.random() ** 1.3 * 0.85 * male * (1 - 0.6 * aged),
    lips=rng.uniform(0.3, 0.55) + 0.2 * (1 - traits.sex) - 0.15 * aged + lipstick * rng.uniform(0.15, 0.6),
    makeup=made_up * rng.uniform(0.2, 1.0),
    roughness=rng.uniform(0.42, 0.6),
    iris=np.clip(iris, 0.01, 0.4),
    seed=float(rng.integers(256)),
  )
  return skin.Skin(**{name: np.asarray(value, np.float32) for name, value in values.items()})


def _sample_wrinkles(traits, rng):
  """Strengths of `wrinkles.KINDS`: they begin at about 30 years, and vary between people of one age."""
  kinds = np.array(wrinkles.KINDS)
  strengths = 1.2 * np.clip((traits.age - 25) / 55, 0, 1.1) ** 1.25 * np.exp(rng.normal(0, 0.3, len(kinds)))
  strengths *= (1 - 0.3 * traits.ancestry.african) * (_LINED_WOMEN + (1 - _LINED_WOMEN) * traits.sex)
  strengths *= np.where(np.isin(kinds, ('forehead', 'frown')), 0.5 + 0.5 * traits.sex, 1)
  strengths *= np.where(kinds == 'frown', 0.4, 1)  # more looks angry
  strengths *= np.where(kinds == 'lips', 1.1 - 0.5 * traits.sex, 1)
  return np.clip(strengths + 0.06, 0, 1.5)


def reflectance(own: skin.Skin) -> float:
  """Mean reflectance of a person's skin, 0.03 to 0.6, for the automatic exposure of a camera."""
  return float(np.clip(0.62 * np.exp(-1.02 * own.melanin), 0.03, 0.6))


def identity_to_array(appearance: Appearance) -> np.ndarray:
  """Parameters of an appearance that can be seen in a portrait, float32 `[I]`: of skin, hair color and hair style."""
  parts = appearance.skin, appearance.hair_color, appearance.hair
  return np.concatenate([np.ravel(leaf) for part in parts for leaf in part]).astype(np.float32)
