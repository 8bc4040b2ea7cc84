"""Hair: its volume as a distance field, and strands for its paint."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.synthetic.head.sdf import (
  bump,
  bump2,
  ellipsoid,
  length2,
  length3,
  mix,
  noise1,
  noise2,
  ripple,
  smax,
  smin,
)


def hair_distance(rig, x, y, z):
  """Distance to the hair (`x` signed, posed-head coordinates); far away where there is none."""
  i = rig.identity
  ax = jnp.abs(x)
  thick = rig.hair_thick
  grow = jnp.maximum(thick, 0.0)
  cap = ellipsoid(
    x, y - rig.skull_y - 0.4 * grow, z + 0.12,
    rig.skull[0] + (0.35 + 0.45 * i.hair_curl) * thick + 0.02,
    rig.skull[1] + 0.85 * thick, rig.skull[2] + 0.8 * thick,
  )  # fmt: skip
  # Long hair: a curtain round the back and sides of head and neck.
  curtain = ellipsoid(x, y + 0.30, z + 0.22, (0.70 + 0.9 * grow) * rig.width, 1.45, 0.62 + grow)
  curtain = smax(curtain, rig.hair_bottom - y + 0.12 * ax, 0.16) + (1.0 - rig.hair_long) * 0.9
  hair = smin(cap, curtain, 0.10)
  bun = length3(x - 0.25 * i.hair_part, y - 0.93, z + 0.46) - 0.27
  hair = smin(hair, bun + (1.0 - i.hair_bun) * 2.0, 0.06)
  # The top is swept to one side of a parting.
  side = x * jnp.sign(i.hair_part)
  hair = hair - rig.quiff * bump(side + 0.12, y - 0.80, z - 0.36, 0.60, 0.42, 0.55)
  parting = bump(side - 0.30, y - 0.86, z - 0.15, 0.06, 0.4, 0.6)
  hair = hair + 0.03 * parting * (1.0 - i.hair_fringe)
  # Locks: waves that run round the head, and cushions for curls.
  q = x / (ax + jnp.abs(z + 0.1) + 0.3)
  bend = 0.35 * i.hair_curl * ripple(1.7 * y + 0.3 * x)
  lock = ripple(q * 6.5 + 0.8 * y + bend) * 0.6 + ripple(q * 15.0 - 1.3 * y + 0.37 + 2.0 * bend) * 0.4
  hair = hair - rig.wave * lock
  cushions = ripple(x * 4.1 + 0.6 * y + 0.8 * z) * ripple(y * 4.3 - 0.5 * z + 0.2) + ripple(
    z * 4.2 + 0.7 * x
  ) * ripple(x * 7.3 + y * 6.1)
  hair = hair - rig.curl * cushions
  # The face shows through an egg cut into the volume; its upper edge is the hairline, aslant at a parting.
  low = jnp.maximum(y, -0.25)
  # Below the chin the cut runs backward, so that long hair falls behind the neck, not over the throat.
  back = z + 0.55 * jnp.clip(-0.50 - y, 0.0, 0.8)
  slant = i.hair_part * 0.16 * x * (0.4 + i.hair_fringe)
  raise_ = (
    rig.hairline
    + slant
    - 0.09 * i.hair_line * bump2(x, y - 0.6, 0.22, 0.5)
    + 0.1 * jnp.maximum(i.hair_line, 0.0) * ax
  )
  raise_ = raise_ + 0.022 * (lock + ripple(q * 23.0 + 0.3) * ripple(q * 9.0)) * (1.0 - 0.5 * i.hair_curl)
  egg = ellipsoid(
    x, low + 0.25, back - 0.62, 1.06 - 0.34 * rig.hair_long * rig.hair_long, raise_ + 0.33, 0.60
  )
  hair = smax(hair, -egg, 0.05)
  # Ears stay free under short hair, and short hair ends at the nape.
  ear = length2(y + 0.16, z + 0.06) - 0.235
  nape = -0.40 - 0.25 * (1.0 - i.hair_bun) - y
  short = jnp.maximum(jnp.where(ax > 0.45, -ear, -1.0), nape)
  hair = smax(hair, short - rig.hair_long * 3.0, 0.04)
  return hair


def hair_colour(identity):
  """Linear base colour of hair, before strands; three scalars."""
  dark, red, grey = identity.hair_dark, identity.hair_red, identity.hair_grey
  blond, brown, black = (0.56, 0.34, 0.135), (0.125, 0.056, 0.024), (0.016, 0.012, 0.011)
  ginger, silver = (0.40, 0.105, 0.028), (0.36, 0.36, 0.37)
  colour = []
  for c in range(3):
    value = mix(
      mix(blond[c], brown[c], jnp.clip(dark * 2.0, 0.0, 1.0)), black[c], jnp.clip(dark * 2.0 - 1.0, 0.0, 1.0)
    )
    value = mix(value, ginger[c], jnp.clip(red * 1.3 - 0.3, 0.0, 1.0) * jnp.clip(1.4 - 1.4 * dark, 0.0, 1.0))
    colour.append(mix(value, silver[c], grey))
  return colour


def strands(rig, x, y, z, nx, ny, nz):
  """Strand direction and lightness at posed-head hair points with normals.

  Returns:
    three direction arrays (unit, along the strand), and `light` in about 0.5..1.4.
  """
  i = rig.identity
  # Strands leave the parting and run down the head.
  cx, cy, cz = i.hair_part * 0.18, 1.0, -0.12
  vx, vy, vz = x - cx, y - cy, z - cz
  dot = vx * nx + vy * ny + vz * nz
  tx, ty, tz = vx - dot * nx, vy - dot * ny - 0.25, vz - dot * nz
  inverse = jax.lax.rsqrt(tx * tx + ty * ty + tz * tz + 1e-6)
  azimuth = jnp.arctan2(vx, vz + 0.001)
  down = jnp.sqrt(vx * vx + vz * vz) - y
  wobble = i.hair_curl * (noise1(down * 5.0 + azimuth * 2.0) - 0.5) * 0.8
  place = azimuth + wobble * 0.5 + 0.06 * noise1(down * 3.0 + azimuth * 5.0)
  off = i.texture * 37.0
  fine = noise2(place * 46.0 + off, down * 2.2)
  middle = noise2(place * 17.0 + 11.0 - off, down * 1.3)
  finest = noise1(place * 120.0 + off)
  light = 0.62 + 0.34 * fine + 0.30 * middle + 0.14 * finest
  return tx * inverse, ty * inverse, tz * inverse, light
