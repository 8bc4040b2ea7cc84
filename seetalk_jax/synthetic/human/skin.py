"""Skin, eyes and mouth as textures: color, roughness and relief of a person, baked once over the atlas."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.human import noise, wrinkles
from seetalk_jax.synthetic.human.atlas import Atlas, central_difference, field, fill_gaps
from seetalk_jax.synthetic.human.mesh import MeshPart

# Absorption of the two pigments, linear RGB, and the color of skin without them.
_MELANIN = (0.80, 1.03, 1.30)
_HAEMOGLOBIN = (0.12, 0.95, 0.80)
_PALE = (0.93, 0.80, 0.72)
_MOUTH_INSIDE = (0.36, 0.10, 0.09)
_HAIR_ROUGHNESS = 0.65  # of skin that hair covers


class Skin(NamedTuple):
  """What the skin and eyes of a person are like; scalars in [0, 1] unless said.

  Attributes:
    melanin: 0.1 (very fair) to 2.7 (very dark).
    redness: amount of haemoglobin, 0.25 to 0.6.
    freckles: density of freckles.
    spots: moles and age spots.
    age: fine creases and uneven color, 0 at 18 years, 1 at 85.
    wrinkles: strengths of `wrinkles.KINDS`, 0 to about 1.3, `[7]`.
    stubble: density of a shaved beard.
    lips: how much redder lips are than the skin, 0.3 to 1.5; more with lipstick.
    makeup: of the eyes and cheeks.
    roughness: of the skin, 0.35 (oily) to 0.6 (dry).
    iris: linear RGB, `[3]`.
    seed: of everything that is only placed at random, a whole number below 256: noise at places beyond would lose
      its finest bumps in float32.
  """

  melanin: jax.Array
  redness: jax.Array
  freckles: jax.Array
  spots: jax.Array
  age: jax.Array
  wrinkles: jax.Array
  stubble: jax.Array
  lips: jax.Array
  makeup: jax.Array
  roughness: jax.Array
  iris: jax.Array
  seed: jax.Array


class Undercoat(NamedTuple):
  """Hair too short or too dense to be drawn as strands, painted on the skin below the strands.

  Attributes:
    color: linear RGB, `[3]`.
    share: of the skin that it covers at every texel, in [0, 1], `[side, side]`.
  """

  color: jax.Array
  share: jax.Array


class Textures(NamedTuple):
  """Textures of a person.

  Attributes:
    maps: red, green and blue (linear), roughness, and the relief's gradient in space (x, y, z; decimeters per
      decimeter), float32 `[7, side, side]`.
  """

  maps: jax.Array


class _Noise(NamedTuple):
  """Noise over the texels in [0, 1], each `[side, side]`."""

  mottled: jax.Array
  fine: jax.Array
  freckles: jax.Array
  moles: jax.Array
  melanin: jax.Array
  roughness: jax.Array
  pores: jax.Array
  creases: jax.Array


def bake(skin: Skin, atlas: Atlas, undercoats: tuple[Undercoat, ...] = ()) -> Textures:
  """Textures of a person.

  Its steps are compiled one by one, because one program of all of them computes noise and heights several times.
  Inside of another jit they are one program, twice as slow.

  Args:
    skin: of the person.
    atlas: of the fine head.
    undercoats: of hair, beard and brows, painted one over the other.
  """
  noises = _noise(skin, atlas)
  maps, height = _maps(skin, atlas, undercoats, noises)
  return Textures(_finished(skin, atlas, maps, _gradient(height, atlas)))


@jax.jit
def _noise(skin, atlas):
  place = atlas.place + jnp.stack([skin.seed * 3.1, skin.seed * 1.7, skin.seed * 2.3])[:, None, None]
  return _Noise(
    mottled=noise.octaves(place, 9.0, 4),
    fine=noise.value_noise(place, 70.0),
    freckles=noise.value_noise(place, 42.0),
    moles=noise.value_noise(place, 16.0),
    melanin=noise.value_noise(place, 5.0),
    roughness=noise.octaves(place, 20.0, 2),
    pores=0.5 * noise.value_noise(place, 75.0) + 0.4 * noise.value_noise(place, 34.0),
    creases=noise.value_noise(place * _column((15.0, 7.0, 4.5))),
  )


@jax.jit
def _maps(skin, atlas, undercoats, noises):
  """Color and roughness `[4, side, side]`, and the height of the relief `[side, side]`."""
  masks = atlas.masks
  mirrored = jnp.abs(atlas.place[0])
  y, z = atlas.place[1], atlas.place[2]
  folded = wrinkles.wrinkles(atlas.place, skin.wrinkles, noises.melanin, noises.mottled)
  color = _skin_color(skin, mirrored, y, z, masks, noises)
  color *= jnp.exp(-folded.shade * (1 - masks['lips']) * _column((0.5, 0.8, 0.85)))
  roughness = (
    skin.roughness * (1 - 0.25 * masks['lips']) * (1 - 0.12 * _spot(mirrored, y, z, 0, 7.0, 0.12, 0.25))
  )
  roughness += 0.08 * (noises.roughness - 0.5)
  inside = jnp.clip(1.3 * masks['mouth_inside'], 0, 1)
  color = color * (1 - inside) + inside * _column(_MOUTH_INSIDE)
  roughness = roughness * (1 - inside) + 0.3 * inside
  # Pores, fine creases and wrinkles. Shading takes a fifth of the relief, which wrinkles make up for.
  height = 0.012 * (noises.pores + 0.8 * skin.age * noises.creases) + 5 * folded.height
  for coat in undercoats:
    share = _grainy(coat.share, noises.fine)
    color = color * (1 - share) + share * coat.color[:, None, None]
    roughness = roughness * (1 - share) + _HAIR_ROUGHNESS * share
    height = height * (1 - share)
  return jnp.concatenate([color, roughness[None]]), height


@jax.jit
def _finished(skin, atlas, maps, relief):
  """All maps `[7, side, side]`, with eyes, teeth and tongue, and without gaps."""
  inside = jnp.clip(1.3 * atlas.masks['mouth_inside'], 0, 1)
  maps = jnp.concatenate([maps, relief * (1 - inside)])
  for part, own, rough in (
    (MeshPart.LEFT_EYE, _eye_color, 0.12),
    (MeshPart.RIGHT_EYE, _eye_color, 0.12),
    (MeshPart.UPPER_TEETH, _teeth_color, 0.3),
    (MeshPart.LOWER_TEETH, _lower_teeth_color, 0.3),
    (MeshPart.TONGUE, _tongue_color, 0.5),
  ):
    rows, columns = field(part)
    chosen = atlas.used[rows, columns]
    gums = atlas.masks['gums'][rows, columns]
    inner = own(skin, atlas.place[:, rows, columns], chosen, gums)
    others = jnp.broadcast_to(jnp.asarray([rough, 0.0, 0.0, 0.0])[:, None, None], (4, *chosen.shape))
    maps = maps.at[:, rows, columns].set(jnp.concatenate([inner, others]))
  return fill_gaps(maps, atlas.gaps)


def _spot(x, y, z, at_x, at_y, width, height):
  """A soft spot on both sides of the front of the face."""
  return jnp.exp(-(((x - at_x) / width) ** 2) - ((y - at_y) / height) ** 2) * (z > 0.6)


def _skin_color(skin, x, y, z, masks, noises):
  """Linear RGB `[3, side, side]` of the skin, lips and scalp."""

  def spot(*where):
    return _spot(x, y, z, *where)

  blush = (
    0.6 * spot(0.48, 6.98, 0.28, 0.2) + 1.1 * spot(0, 6.98, 0.13, 0.16) + 0.5 * spot(0, 6.35, 0.25, 0.15)
  )
  blush += 0.9 * masks['ears'] + 0.35 * spot(0.3, 7.25, 0.2, 0.1)
  red = skin.redness * (1 + 0.75 * blush + (0.35 + 0.15 * skin.age) * (noises.mottled - 0.5))
  freckles = jnp.clip((noises.freckles - 0.72) * 6, 0, 1) * spot(0.3, 7.05, 0.5, 0.35)
  moles = jnp.clip((noises.moles - 0.955) * 40, 0, 1) * jnp.clip((noises.fine - 0.2) * 3, 0, 1)
  melanin = skin.melanin * (1 + 0.25 * (noises.melanin - 0.5))
  melanin += 0.9 * skin.freckles * freckles * jnp.exp(-skin.melanin) + 1.2 * skin.spots * moles
  melanin += 0.16 * (0.4 + skin.age) * spot(0.3, 7.17, 0.15, 0.07)  # under the eyes
  red += 0.1 * skin.makeup * spot(0.48, 6.95, 0.16, 0.14)
  # Melanin lies above the blood and hides a part of it.
  absorbed = melanin[None] * _column(_MELANIN) + (red * jnp.exp(-0.35 * melanin))[None] * _column(
    _HAEMOGLOBIN
  )
  color = _column(_PALE) * jnp.exp(-absorbed)
  color *= jnp.exp(-masks['lips'][None] * _column((0.10, 0.85, 0.62)) * skin.lips)
  shadow = spot(0.31, 7.37, 0.14, 0.06) + 1.5 * spot(0.3, 7.335, 0.15, 0.02)
  color *= jnp.exp(-0.4 * skin.makeup * shadow)
  shaved = masks['beard'] * (1 - masks['lips']) * skin.stubble * (0.35 + 0.5 * noises.fine)
  return color * (1 - 0.75 * shaved[None] * _column((1.0, 0.95, 0.85)))


def _grainy(share, fine):
  """Shares with the grain of hair: gaps where the skin is half covered, few where it is wholly covered."""
  return share * jnp.clip(1 + (1.25 - share) * (fine - 0.5), 0, 1)


def _column(values):
  return jnp.asarray(values)[:, None, None]


@jax.jit
def _gradient(height, atlas):
  """Gradient in space of a height over the texels, tangential to the surface; 0 at the seams of the atlas."""
  across, down = (central_difference(height, axis) for axis in (-1, -2))
  return across * atlas.slopes[0] + down * atlas.slopes[1]


def _eye_color(skin, points, chosen, _):
  """Linear RGB of an eye: iris with limbal ring and pupil, and the white."""
  low = jnp.where(chosen, points, jnp.inf).min((1, 2), keepdims=True)
  high = jnp.where(chosen, points, -jnp.inf).max((1, 2), keepdims=True)
  x, y, z = points - (low + high) / 2
  angle = jnp.arctan2(jnp.hypot(x, y), z) / 0.5  # 1 at the border of the iris
  around = jnp.arctan2(y, x)
  grain = jnp.stack([3 * jnp.cos(around), 3 * jnp.sin(around), 1.5 * angle + skin.seed])
  fibers = 0.55 + 0.7 * noise.octaves(grain, 4.0, 2) * jnp.clip(1.5 * angle, 0, 1)
  iris = skin.iris[:, None, None] * fibers * (1.25 - 0.9 * jnp.clip((angle - 0.72) * 4, 0, 1))
  iris *= (1.25 - 0.25 * jnp.clip((angle - 0.5) * 8, 0, 1)) * jnp.clip((angle - 0.33) * 14, 0.02, 1)
  veins = noise.octaves(jnp.stack([x, y, z]) + skin.seed, 30.0, 2)
  white = _column((0.78, 0.74, 0.71)) * (1 - 0.22 * veins * _column((0.1, 0.6, 0.6)))
  sharp = jnp.clip((1 - angle) * 10 + 0.5, 0, 1)
  return iris * sharp + white * (1 - sharp)


def _teeth_color(skin, points, _, gums):
  """Linear RGB of teeth and gums."""
  x, z = points[0], points[2]
  gaps = jnp.abs(jnp.sin(jnp.arctan2(x, z - 0.75) * 9.0)) ** 0.35
  tooth = _column((0.80, 0.75, 0.64)) * (0.55 + 0.45 * gaps) * (1 - 0.2 * skin.age * _column((0.3, 0.5, 1.0)))
  gum = jnp.clip(2 * gums - 0.5, 0, 1)
  return tooth * (1 - gum) + gum * _column((0.52, 0.20, 0.19))


def _lower_teeth_color(skin, points, chosen, gums):
  """The same below: molars, which are seen from inside only, are as dark as the mouth around them."""
  front = jnp.clip((points[2] - 1.22) / 0.12, 0, 1)
  return front * _teeth_color(skin, points, chosen, gums) + (1 - front) * _column(_MOUTH_INSIDE)


def _tongue_color(skin, points, *_):
  return _column((0.44, 0.17, 0.16)) * (0.85 + 0.3 * noise.octaves(points + skin.seed, 25.0, 2))
