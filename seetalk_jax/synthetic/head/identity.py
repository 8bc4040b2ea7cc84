"""Who the head shows: a flat tree of scalars for shape and looks, and how a speaker gets one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.synthetic.parameters import Speaker


class Identity(NamedTuple):
  """One look of a speaker; every field a float array of one common shape `[*b]`.

  Shape fields are standard scores scaled to about -1 to 1 around an average face. Fields marked (0-1) are
  amounts. Colours are three linear-light channels, 0 to 1.
  """

  # Shape.
  masculinity: np.ndarray  # -1 feminine to 1 masculine
  age: np.ndarray  # (0-1): 18 to 80 years
  head_size: np.ndarray
  face_width: np.ndarray
  forehead: np.ndarray
  brow_ridge: np.ndarray
  cheekbones: np.ndarray
  cheek_fat: np.ndarray
  jaw_width: np.ndarray
  jaw_square: np.ndarray
  chin: np.ndarray
  nose_length: np.ndarray
  nose_width: np.ndarray
  nose_bridge: np.ndarray
  nose_tip: np.ndarray
  eye_size: np.ndarray
  eye_spacing: np.ndarray
  eye_tilt: np.ndarray
  eye_open: np.ndarray
  lip_fullness: np.ndarray
  mouth_width: np.ndarray
  mouth_curve: np.ndarray
  ears: np.ndarray
  neck: np.ndarray
  shoulders: np.ndarray
  # Looks.
  melanin: np.ndarray  # (0-1)
  undertone: np.ndarray
  eye_hue: np.ndarray  # (0-1): brown, hazel, green, grey, blue
  hair_dark: np.ndarray  # (0-1)
  hair_red: np.ndarray  # (0-1)
  hair_grey: np.ndarray  # (0-1)
  hair_length: np.ndarray  # (0-1): 0 short, 0.5 bob, 1 long
  hair_volume: np.ndarray  # (0-1)
  hair_curl: np.ndarray  # (0-1)
  hair_part: np.ndarray  # -1 to 1: side of the parting
  hair_line: np.ndarray  # -1 low to 1 receding
  hair_fringe: np.ndarray  # (0-1)
  hair_bun: np.ndarray  # (0-1)
  hair_bald: np.ndarray  # (0-1)
  brow_thickness: np.ndarray
  brow_arch: np.ndarray
  beard: np.ndarray  # (0-1)
  moustache: np.ndarray  # (0-1)
  stubble: np.ndarray  # (0-1)
  lipstick: np.ndarray  # (0-1)
  lip_hue: np.ndarray
  lashes: np.ndarray  # (0-1)
  blush: np.ndarray  # (0-1)
  freckles: np.ndarray  # (0-1)
  glasses: np.ndarray  # 0 or 1
  glasses_round: np.ndarray  # (0-1)
  glasses_tone: np.ndarray  # (0-1)
  cloth_red: np.ndarray
  cloth_green: np.ndarray
  cloth_blue: np.ndarray
  cloth_trim: np.ndarray  # (0-1): lightness of collar and stripes against the cloth
  cloth_stripes: np.ndarray  # (0-1)
  neckline: np.ndarray  # -1 high collar, 0 round, 1 v
  backdrop_red: np.ndarray
  backdrop_green: np.ndarray
  backdrop_blue: np.ndarray
  backdrop_style: np.ndarray  # (0-1): plain, disc, diagonal
  backdrop_turn: np.ndarray  # -1 to 1
  texture: np.ndarray  # -1 to 1: offset of every noise


IDENTITY_DIM = len(Identity._fields)


def identity_to_array(identity: Identity) -> np.ndarray:
  """Stacks the fields of `identity`, each `[*b]`, into float32 `[*b, IDENTITY_DIM]`."""
  return np.stack([np.asarray(field, np.float32) for field in identity], axis=-1)


def array_to_identity(array) -> Identity:
  """The inverse of `identity_to_array`: `[*b, IDENTITY_DIM]` (numpy or jax) to `[*b]` fields."""
  if array.shape[-1] != IDENTITY_DIM:
    raise ValueError(f'identity arrays have {IDENTITY_DIM} channels, got shape {array.shape}')
  return Identity(*(array[..., i] for i in range(IDENTITY_DIM)))


def _hsv(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
  """Linear-light red, green and blue of a colour given in sRGB hue, saturation and value."""
  channels = []
  for offset in (5.0, 3.0, 1.0):
    k = (offset + hue * 6.0) % 6.0
    srgb = value - value * saturation * max(0.0, min(k, 4.0 - k, 1.0))
    channels.append(float(srgb**2.2))
  return tuple(channels)


# name: (weight for women, weight for men, length, volume, curl, fringe, bun, bald)
_STYLES = {
  'short': (0.08, 0.36, 0.0, 0.50, 0.05, 0.30, 0.0, 0.0),
  'swept': (0.05, 0.18, 0.0, 0.85, 0.15, 0.05, 0.0, 0.0),
  'cropped': (0.03, 0.12, 0.0, 0.05, 0.30, 0.0, 0.0, 0.0),
  'curly': (0.14, 0.12, 0.08, 0.75, 1.0, 0.1, 0.0, 0.0),
  'bob': (0.20, 0.02, 0.5, 0.50, 0.1, 0.55, 0.0, 0.0),
  'long': (0.28, 0.05, 1.0, 0.45, 0.1, 0.1, 0.0, 0.0),
  'wavy': (0.12, 0.03, 0.9, 0.65, 0.55, 0.15, 0.0, 0.0),
  'bun': (0.10, 0.02, 0.0, 0.15, 0.1, 0.0, 1.0, 0.0),
  'bald': (0.0, 0.10, 0.0, 0.10, 0.1, 0.0, 0.0, 1.0),
}


def sample_identity(speaker: Speaker, look_seed: int) -> Identity:
  """Draws one look of `speaker`: the same arguments always give the same look.

  Shape follows sex, age and head size and a part fixed by `speaker_id`; skin, hair, eyes, clothes, glasses
  and background are drawn from `look_seed` alone, apart from what sex and age make likely (hair length and
  receding, beard, grey).
  """
  person = np.random.default_rng([speaker.speaker_id, 7])
  look_rng = np.random.default_rng([speaker.speaker_id, int(look_seed), 11])
  male = float(np.clip(speaker.sex, 0.0, 1.0))
  age = float(np.clip((speaker.age - 18.0) / 62.0, 0.0, 1.0))
  size = float(np.clip(speaker.head_size, -2.5, 2.5)) / 2.0

  def shape(mean: float = 0.0, spread: float = 0.4) -> float:
    return float(np.clip(mean + spread * person.standard_normal(), -1.4, 1.4))

  masculinity = float(np.clip(1.9 * male - 0.95 + 0.12 * person.standard_normal(), -1.1, 1.1))
  fields = dict(
    masculinity=masculinity,
    age=age,
    head_size=size,
    face_width=shape(0.55 * size + 0.1 * masculinity),
    forehead=shape(-0.1 * masculinity),
    brow_ridge=shape(0.55 * masculinity, 0.25),
    cheekbones=shape(-0.15 * masculinity - 0.2 * age),
    cheek_fat=shape(0.25 - 0.2 * masculinity - 0.5 * age),
    jaw_width=shape(0.5 * masculinity + 0.35 * size, 0.3),
    jaw_square=shape(0.6 * masculinity, 0.3),
    chin=shape(0.4 * masculinity + 0.3 * size, 0.35),
    nose_length=shape(0.25 * masculinity + 0.25 * size + 0.35 * age),
    nose_width=shape(0.3 * masculinity + 0.2 * age, 0.5),
    nose_bridge=shape(0.3 * masculinity),
    nose_tip=shape(0.0, 0.5),
    eye_size=shape(-0.35 * masculinity - 0.5 * size - 0.2 * age, 0.3),
    eye_spacing=shape(0.2 * size),
    eye_tilt=shape(-0.2 * masculinity - 0.3 * age, 0.45),
    eye_open=shape(-0.25 * masculinity - 0.6 * age, 0.3),
    lip_fullness=shape(-0.45 * masculinity - 0.6 * age, 0.4),
    mouth_width=shape(0.2 * masculinity + 0.3 * size, 0.35),
    mouth_curve=shape(0.35 - 0.45 * age, 0.25),
    ears=shape(0.25 * masculinity + 0.5 * age),
    neck=shape(0.75 * masculinity - 0.35 * size, 0.2),
    shoulders=shape(0.7 * masculinity - 0.5 * size, 0.25),
  )

  names = list(_STYLES)
  weights = np.array([_STYLES[n][0] * (1 - male) + _STYLES[n][1] * male for n in names])
  if age < 0.2:
    weights[names.index('bald')] *= 0.15
  weights[names.index('bald')] *= 0.5 + 2.0 * age
  style = names[int(look_rng.choice(len(names), p=weights / weights.sum()))]
  _, _, length, volume, curl, fringe, bun, bald = _STYLES[style]
  melanin = float(look_rng.beta(0.9, 1.1))
  dark_hair = float(np.clip(0.35 + 0.9 * melanin + 0.35 * look_rng.standard_normal(), 0.0, 1.0))
  grey = (
    float(np.clip((age - 0.42) * 2.2 + 0.3 * look_rng.standard_normal() - 0.05, 0.0, 1.0))
    if age > 0.25
    else 0.0
  )
  facial_hair = look_rng.random() if male > 0.5 and style != 'long' else 1.0
  cloth_hue, cloth_value = look_rng.random(), look_rng.uniform(0.25, 0.92)
  cloth_hue_saturation = look_rng.uniform(0.1, 0.75)
  cloth = _hsv(cloth_hue, cloth_hue_saturation, cloth_value)
  backdrop = _hsv(look_rng.random(), look_rng.uniform(0.08, 0.5), look_rng.uniform(0.4, 0.86))
  light_eyes = melanin < 0.5 and look_rng.random() < 0.75
  fields |= dict(
    melanin=melanin,
    undertone=float(look_rng.uniform(-1, 1)),
    eye_hue=float(look_rng.uniform(0.25, 1.0) if light_eyes else look_rng.uniform(0.0, 0.25)),
    hair_dark=dark_hair,
    hair_red=float(np.clip(look_rng.normal(0.15, 0.35), 0.0, 1.0)),
    hair_grey=grey,
    hair_length=length + (0.1 * look_rng.uniform(-1, 1) if length > 0.3 else 0.0),
    hair_volume=float(np.clip(volume + 0.15 * look_rng.uniform(-1, 1), 0.0, 1.0)),
    hair_curl=float(np.clip(curl + 0.1 * look_rng.random(), 0.0, 1.0)),
    hair_part=float(look_rng.choice([-1.0, 1.0]) * look_rng.uniform(0.3, 1.0)),
    hair_line=float(
      np.clip((0.9 * age * male if style != 'long' else 0.2) + 0.25 * look_rng.uniform(-1, 1), -0.5, 1.0)
    ),
    hair_fringe=float(np.clip(fringe * look_rng.uniform(0.2, 1.6), 0.0, 1.0)),
    hair_bun=bun,
    hair_bald=bald,
    brow_thickness=float(np.clip(0.4 * masculinity + 0.4 * look_rng.standard_normal(), -1.0, 1.2)),
    brow_arch=float(np.clip(-0.35 * masculinity + 0.35 * look_rng.standard_normal(), -1.0, 1.0)),
    beard=float(look_rng.uniform(0.45, 1.0)) if facial_hair < 0.2 else 0.0,
    moustache=float(look_rng.uniform(0.5, 1.0)) if facial_hair < 0.28 else 0.0,
    stubble=float(look_rng.uniform(0.2, 0.8)) if facial_hair < 0.6 else 0.0,
    lipstick=float(look_rng.uniform(0.25, 1.0)) if male < 0.5 and look_rng.random() < 0.6 else 0.0,
    lip_hue=float(look_rng.uniform(-1, 1)),
    lashes=float(np.clip(0.75 - 0.6 * male + 0.15 * look_rng.standard_normal(), 0.05, 1.0)),
    blush=float(np.clip(0.4 - 0.15 * masculinity + 0.3 * look_rng.standard_normal(), 0.0, 1.0)),
    freckles=float(look_rng.uniform(0.3, 1.0)) if melanin < 0.55 and look_rng.random() < 0.25 else 0.0,
    glasses=float(look_rng.random() < 0.2 + 0.15 * age),
    glasses_round=float(look_rng.random()),
    glasses_tone=float(look_rng.random()),
    cloth_red=cloth[0],
    cloth_green=cloth[1],
    cloth_blue=cloth[2],
    cloth_trim=float(look_rng.random()),
    cloth_stripes=float(look_rng.uniform(0.3, 1.0)) if look_rng.random() < 0.2 else 0.0,
    neckline=float(look_rng.choice([-1.0, 0.0, 0.0, 1.0])),
    backdrop_red=backdrop[0],
    backdrop_green=backdrop[1],
    backdrop_blue=backdrop[2],
    backdrop_style=float(look_rng.random()),
    backdrop_turn=float(look_rng.uniform(-1, 1)),
    texture=float(look_rng.uniform(-1, 1)),
  )
  return Identity(**{name: np.float32(value) for name, value in fields.items()})
