"""Hair styles: named presets, and styles of people sampled around and between them by sex, age and ancestry."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from seetalk_jax.synthetic.human.hair_style import Style

_DEFAULT = dict(
  **dict(length=0.5, side=0.8, nape=0.8, border=7.7, blend=0.25, level=0.0, layers=0.2),
  **dict(fringe=0.0, fringe_length=0.4, parting=0.0, outward=0.0, forward=0.0, sweep=0.0, whorl=1.0),
  **dict(lift=0.4, rise=0.0, stiffness=0.4, cling=0.2, curl=0.0, waves=1.0, frizz=0.006),
  **dict(clumping=0.35, locks=0.0, mess=0.15, volume=0.06, round=0.0, recession=0.0, crown=0.0, density=1.0),
  **dict(open=0.8, front=0.4, tuck=0.0, tied=0.0, tie=0.3, tie_side=0.0, tie_shift=0.0),
  **dict(tail=1.0, tail_width=0.15, bun=0.0, braid=0.0),
)


@dataclasses.dataclass(frozen=True)
class Preset:
  """A named style and who wears it.

  Attributes:
    family: styles of one family can be blended: short, long, tied, round, bald.
    men, women: how common it is.
    african, asian, caucasian: factor for people of this ancestry.
    ages: years between which it is common.
    values: fields of `hair_style.Style` that differ from the default.
  """

  family: str
  men: float
  women: float
  african: float
  asian: float
  caucasian: float
  ages: tuple[float, float]
  values: dict[str, float]


def _short(men, women=0.0, who=(0.3, 1, 1), ages=(0, 99), **values):
  return Preset('short', men, women, *who, ages, values)


def _long(men, women=0.0, who=(0.3, 1, 1), ages=(0, 99), **values):
  return Preset(
    'long', men, women, *who, ages, dict(stiffness=0.1, whorl=0.5, volume=0.12, side=1.0, nape=1.0) | values
  )


def _tied(men, women=0.0, who=(0.7, 1, 1), ages=(0, 55), **values):
  return Preset('tied', men, women, *who, ages, dict(tied=1.0, length=1.0, volume=0.03) | values)


def _round(men, women=0.0, who=(1, 0, 0.05), ages=(0, 99), **values):
  tight = dict(round=1.0, lift=1.0, stiffness=1.0, volume=0.0, cling=0.0, curl=0.045, waves=5.0, frizz=0.05)
  return Preset('round', men, women, *who, ages, tight | dict(mess=0.25, whorl=0.1, clumping=0.1) | values)


def _bald(men, women=0.0, who=(1, 1, 1), ages=(40, 99), **values):
  return Preset('bald', men, women, *who, ages, dict(lift=0.3, volume=0.04, side=1.0) | values)


_BUZZ = dict(lift=0.6, stiffness=0.9, volume=0.01, forward=0.3, frizz=0.0, clumping=0.0, layers=0.1)
_CENTER = dict(outward=1.0, parting=0.0)

PRESETS: dict[str, Preset] = {
  'shaved': _short(1.0, 0.01, (1.5, 0.5, 1), length=0.022, side=1.0, nape=1.0, **_BUZZ),
  'buzz_cut': _short(2.0, 0.01, (2, 1, 1), length=0.07, side=0.6, nape=0.8, **_BUZZ),
  'short_fade': _short(
    2.5, 0, (3, 1, 1), length=0.14, side=0.15, border=7.85, **(_BUZZ | dict(volume=0.02, frizz=0.02)),
  ),
  'crew_cut': _short(
    2.5, length=0.28, side=0.35, forward=0.15, rise=0.7, lift=0.5, stiffness=0.8, volume=0.04, border=7.8,
  ),
  'caesar': _short(
    2.0, length=0.32, side=0.4, fringe=1.0, fringe_length=0.16, forward=0.8, lift=0.25, volume=0.04,
  ),
  'textured_crop': _short(
    2.0, 0.01, length=0.5, side=0.2, border=7.85, blend=0.12, fringe=1.0, fringe_length=0.28, forward=0.6,
    lift=0.5,
    mess=0.4, clumping=0.6, volume=0.09, stiffness=0.6,
  ),
  'side_part': _short(
    3.0, 0.02, length=0.7, side=0.3, parting=0.28, outward=1.0, forward=-0.3, lift=0.4, rise=0.35, volume=0.08,
    stiffness=0.55, whorl=0.4, cling=0.4,
  ),
  'neat_side_part': _short(
    2.0, length=0.6, side=0.22, parting=0.33, outward=1.2, forward=-0.2, lift=0.2, rise=0.1, volume=0.05,
    stiffness=0.5, whorl=0.3, cling=0.5, clumping=0.55, mess=0.06, border=7.8,
  ),
  'slicked_back': _short(
    1.5, 0.01, length=0.95, side=0.45, forward=-1.6, whorl=0.0, lift=0.15, rise=0.15, stiffness=0.5,
    cling=0.55,
    volume=0.05, clumping=0.65, mess=0.05,
  ),
  'undercut': _short(
    1.2, 0.01, length=0.95, side=0.08, border=7.95, blend=0.06, forward=-1.2, sweep=0.5, whorl=0.0,
    lift=0.3, rise=0.5,
    stiffness=0.55, cling=0.4, volume=0.08, clumping=0.5, mess=0.1,
  ),
  'quiff': _short(
    1.5, 0.01, length=0.7, side=0.25, border=7.85, forward=-0.8, sweep=0.3, whorl=0.2, lift=0.35, rise=1.2,
    stiffness=0.75, volume=0.08, clumping=0.5,
  ),
  'spiky': _short(
    0.7, length=0.4, side=0.35, lift=0.9, rise=0.4, stiffness=0.95, locks=0.15, clumping=0.75, mess=0.35,
    volume=0.04,
    ages=(0, 45),
  ),
  'messy': _short(
    1.5, 0.3, length=0.8, side=0.55, fringe=0.6, fringe_length=0.4, sweep=0.5, lift=0.6, mess=0.5,
    clumping=0.6,
    volume=0.14, stiffness=0.5, curl=0.02, waves=1.5,
  ),
  'bowl_fringe': _short(
    0.6, 0.2, (0.1, 2.5, 0.7), length=0.95, side=0.7, nape=0.5, fringe=1.0, fringe_length=0.45, lift=0.3,
    forward=0.1,
    stiffness=0.2, volume=0.09, clumping=0.5, level=6.95,
  ),
  'curtains': _short(
    0.7, 0.1, (0.1, 1.5, 1), length=1.0, side=0.5, nape=0.5, parting=0.02, outward=1.3, lift=0.5, rise=0.3,
    stiffness=0.3, volume=0.12, open=0.62, whorl=0.5, ages=(0, 50),
  ),
  'pixie': _short(
    0, 0.8, length=0.6, side=0.55, nape=0.5, fringe=1.0, fringe_length=0.35, sweep=0.9, forward=0.3,
    lift=0.35,
    volume=0.09, stiffness=0.35, clumping=0.5,
  ),
  'swept_pixie': _short(
    0, 0.8, length=0.85, side=0.5, nape=0.35, parting=0.3, outward=1.2, sweep=-0.5, lift=0.45, rise=0.25,
    volume=0.13,
    stiffness=0.4, whorl=0.5, ages=(30, 99),
  ),
  'short_curls': _short(
    1.0, 0.8, (1.5, 0.1, 1), length=0.55, side=0.6, lift=0.7, stiffness=0.7, curl=0.055, waves=3.0,
    frizz=0.02,
    clumping=0.65, mess=0.4, volume=0.12, fringe=0.7, fringe_length=0.22,
  ),
  'curly_top': _short(
    1.2, 0.03, (2.5, 0.1, 0.7), length=0.5, side=0.15, border=7.9, blend=0.12, lift=0.85, stiffness=0.8,
    curl=0.05,
    waves=3.5, frizz=0.03, clumping=0.6, mess=0.45, volume=0.1, ages=(0, 45),
  ),
  'perm': _short(
    0, 1.0, (0.2, 1, 1), length=0.75, side=0.85, lift=0.8, stiffness=0.7, curl=0.07, waves=2.5, frizz=0.02,
    round=0.5,
    clumping=0.6, mess=0.3, volume=0.14, fringe=0.5, fringe_length=0.2, ages=(55, 99),
  ),
  'bob': _long(0, 2.5, length=3.0, level=6.4, layers=0.03, parting=0.15, outward=1.0, front=0.5),
  'bob_fringe': _long(
    0, 1.5, (0.3, 2, 1), length=3.0, level=6.5, layers=0.03, fringe=1.0, fringe_length=0.5, front=0.5,
    volume=0.1,
  ),
  'wavy_bob': _long(
    0, 2.0, length=3.0, level=6.3, layers=0.12, parting=-0.2, outward=1.0, curl=0.05, waves=2.0,
    volume=0.16, clumping=0.6,
  ),
  'shag': _long(
    0.25, 1.0, length=1.5, layers=0.5, fringe=0.7, fringe_length=0.45, mess=0.35, clumping=0.6, curl=0.03,
    waves=1.5,
    volume=0.16, ages=(0, 55),
  ),
  'shoulder_length': _long(0.3, 2.0, length=3.0, level=5.9, layers=0.1, **_CENTER),
  'long_straight': _long(
    0.15, 2.5, (0.4, 2, 1), length=3.2, level=5.0, layers=0.1, volume=0.09, ages=(0, 80), **_CENTER,
  ),
  'long_side_part': _long(
    0, 2.0, (0.4, 1, 1), length=3.0, level=5.2, layers=0.15, parting=-0.3, outward=1.0, rise=0.25,
    lift=0.5, volume=0.14,
    ages=(0, 85),
  ),
  'long_fringe': _long(
    0, 1.5, (0.4, 2.5, 1), length=3.0, level=5.1, layers=0.12, fringe=1.0, fringe_length=0.5, volume=0.09,
    ages=(0, 60),
  ),
  'long_wavy': _long(
    0.1, 2.5, (0.6, 0.7, 1), length=3.0, layers=0.2, parting=0.15, outward=1.0, curl=0.06, waves=2.5,
    clumping=0.7,
    volume=0.18, ages=(0, 80),
  ),
  'long_curly': _long(
    0.1, 1.2, (2, 0.1, 0.8), length=2.2, layers=0.3, parting=-0.1, outward=0.8, curl=0.075, waves=4.0,
    clumping=0.7,
    frizz=0.03, mess=0.3, volume=0.28, ages=(0, 65),
  ),
  'curly_medium': _long(
    0.3, 1.0, (2, 0.1, 0.8), length=1.3, layers=0.3, outward=0.6, curl=0.07, waves=3.5, clumping=0.65,
    frizz=0.03,
    lift=0.7, mess=0.35, volume=0.26, stiffness=0.3,
  ),
  'tucked': _long(
    0.08, 1.5, length=3.0, level=5.5, layers=0.08, tuck=1.0, parting=0.1, outward=0.8, front=0.15, volume=0.07,
  ),
  'long_behind': _long(
    0.4, 0.8, length=2.6, level=5.5, forward=-1.4, whorl=0.1, rise=0.2, tuck=0.6, front=0.1, volume=0.09,
    layers=0.15,
  ),
  'locs': _long(
    0.6, 0.7, (3, 0, 0.08), length=1.6, layers=0.2, locks=0.8, clumping=0.0, curl=0.012, waves=3.0,
    frizz=0.02, mess=0.3,
    outward=0.5, volume=0.18, lift=0.6, ages=(0, 60),
  ),
  'long_locs': _long(
    0.3, 0.7, (3, 0, 0.08), length=2.8, layers=0.15, locks=0.85, clumping=0.0, curl=0.01, waves=3.0,
    frizz=0.02,
    mess=0.2, outward=0.6, volume=0.16, tuck=0.5, ages=(0, 60),
  ),
  'high_ponytail': _tied(0.03, 1.2, tie=0.75, tail=1.9, tail_width=0.15),
  'low_ponytail': _tied(0.2, 1.2, tie=-0.1, tail=1.5, tail_width=0.13, parting=0.1),
  'side_ponytail': _tied(0, 0.6, tie=-0.15, tie_shift=0.75, tail=1.5, tail_width=0.13),
  'ponytail_fringe': _tied(0, 1.0, (0.3, 2, 1), tie=0.5, tail=1.8, fringe=1.0, fringe_length=0.48),
  'low_bun': _tied(0, 1.2, ages=(20, 70), tie=0.05, tail=1.6, tail_width=0.22, bun=1.0),
  'top_knot': _tied(0.25, 0.8, tie=1.15, tail=1.6, tail_width=0.2, bun=1.0, volume=0.05),
  'curly_puff': _tied(
    0.2, 1.2, (3, 0, 0.1), tie=1.0, tail=1.5, tail_width=0.42, bun=1.0, curl=0.05, frizz=0.06,
  ),
  'half_up': _tied(
    0.03, 1.2, tied=0.38, tie=0.55, tail=1.5, tail_width=0.12, length=2.8, level=5.2, side=1.0, nape=1.0,
    stiffness=0.1,
    volume=0.09, front=0.3, whorl=0.6, ages=(0, 60),
  ),
  'pigtails': _tied(0, 0.5, tie=-0.1, tie_side=1.15, tail=1.4, tail_width=0.12, outward=1.0, ages=(0, 35)),
  'two_braids': _tied(
    0, 0.6, (1.5, 1, 1), tie=-0.25, tie_side=0.95, tail=1.9, tail_width=0.1, braid=1.0, ages=(0, 40),
  ),
  'braid': _tied(0, 0.8, (1.5, 1, 1), tie=-0.1, tie_shift=0.6, tail=1.9, tail_width=0.12, braid=1.0),
  'cropped_afro': _round(2.0, 0.6, length=0.1, curl=0.012, frizz=0.03),
  'afro': _round(1.5, 1.5, length=0.16, ages=(0, 70)),
  'large_afro': _round(0.4, 0.8, length=0.24, ages=(0, 50)),
  'afro_fade': _round(1.5, 0.1, length=0.2, round=0.0, side=0.12, border=7.85, blend=0.22, volume=0.03),
  'receding_crop': _bald(2.5, ages=(28, 75), length=0.2, side=0.6, recession=0.22, stiffness=0.7, forward=0.2),
  'receding_combed': _bald(
    2.0, ages=(35, 90), length=0.6, side=0.45, recession=0.3, forward=-1.0, whorl=0.2, parting=0.25,
    outward=0.6, cling=0.4,
  ),
  'thin_crown': _bald(1.5, length=0.4, side=0.6, recession=0.2, crown=0.45, density=0.8),
  'ring': _bald(2.0, length=0.28, recession=0.9, crown=0.8),
  'shaved_ring': _bald(1.5, length=0.05, recession=0.9, crown=0.7, stiffness=0.9, volume=0.01),
  'bald': _bald(1.5, 0.005, ages=(22, 99), length=0.05, density=0.0),
}  # fmt: skip

# Standard deviations of the fields around a preset: relative ones, and absolute ones.
_RELATIVE = dict(
  length=0.12, fringe_length=0.12, volume=0.25, curl=0.2, waves=0.15, frizz=0.25, tail=0.2, tail_width=0.12,
  recession=0.2, crown=0.2, mess=0.25, outward=0.15, layers=0.2,
)  # fmt: skip
_ABSOLUTE = dict(
  parting=0.05, lift=0.07, stiffness=0.05, border=0.04, clumping=0.08, tie=0.08, sweep=0.1, front=0.1
)
_LIMITS = dict(
  **dict(lift=(0, 1.1), stiffness=(0, 1), clumping=(0, 0.9), front=(0, 1), recession=(0, 1), crown=(0, 1)),
  **dict(layers=(0, 0.7), parting=(-0.45, 0.45)),
)


def style(name: str, **changes: float) -> Style:
  """The style of a preset, with some fields changed; float32 scalars.

  Raises:
    KeyError: no such preset.
    TypeError: no such field.
  """
  return _as_style(_DEFAULT | PRESETS[name].values | changes)


def _as_style(values):
  return Style(**{field: np.float32(value) for field, value in values.items()})


def sample_style(rng: np.random.Generator, sex: str, age: float, ancestry: Mapping[str, float]) -> Style:
  """A style for a person: one preset, or one and a little of another of its family, and some chance.

  Args:
    rng: source of chance.
    sex: 'female' or 'male'.
    age: in years.
    ancestry: weight of african, asian and caucasian.
  """
  names = list(PRESETS)
  weights = np.array([_weight(PRESETS[name], sex, age, ancestry) for name in names])
  chosen = PRESETS[rng.choice(names, p=weights / weights.sum())]
  values = _DEFAULT | chosen.values
  others = weights * [PRESETS[name].family == chosen.family for name in names]
  other = _DEFAULT | PRESETS[rng.choice(names, p=others / others.sum())].values
  share = rng.uniform(0, 0.3) if rng.random() < 0.5 else 0.0
  same = all(
    values[field] == other[field] for field in ('fringe', 'bun', 'braid', 'tied', 'tie_side', 'round')
  )
  if same and (values['level'] > 0) == (other['level'] > 0):
    values = {field: value + share * (other[field] - value) for field, value in values.items()}
  for field, deviation in _RELATIVE.items():
    values[field] *= np.exp(deviation * rng.standard_normal())
  for field, deviation in _ABSOLUTE.items():
    values[field] += deviation * rng.standard_normal()
  for field, (low, high) in _LIMITS.items():
    values[field] = np.clip(values[field], low, high)
  if rng.random() < 0.5:
    for field in ('parting', 'sweep', 'tie_shift'):
      values[field] = -values[field]
  if sex == 'male' and values['recession'] == 0 and values['length'] < 1.2:
    values['recession'] = max(0.0, rng.normal(0.004, 0.0025) * (age - 25))
  thinner = max(0.0, age - 60) / 40
  values['density'] *= 1 - rng.uniform(0, 0.35) * thinner
  return _as_style(values)


def _weight(preset, sex, age, ancestry):
  """How common a preset is among people of this sex, age and ancestry."""
  total = sum(ancestry.values())
  share = sum(getattr(preset, name) * weight for name, weight in ancestry.items()) / total
  low, high = preset.ages
  distance = max(low - age, age - high, 0)
  return (preset.men if sex == 'male' else preset.women) * share * np.exp(-((distance / 5) ** 2))
