"""Fabrics: color, roughness and relief of the outfit's texture, computed over the grids of a dressed person."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import noise
from seetalk_jax.synthetic.human.outfit import parts
from seetalk_jax.synthetic.human.outfit.garments import Piece


class Fabric(NamedTuple):
  """What a piece of cloth is like; float32 scalars, weights in [0, 1] unless said.

  Attributes:
    color, second, third: linear RGB, `[3]`.
    frequency: stripes, checks or ribs per decimeter.
    across, upright: weights of stripes of the second color, horizontal and vertical.
    wide: share of the second color in stripes.
    check: weight of checks, with thin lines of the third color.
    print: weight of an abstract print in the second and third color; `scale`: its bumps per decimeter.
    band: weight of a broad band of the second color over the chest.
    heather: how uneven the yarn's color is.
    twill: weight of the fine diagonal lines of denim.
    rib: height of knit ribs, in hundredths of a decimeter.
    crease: height of fine folds, in hundredths of a decimeter.
    placket: weight of the button strip in front; `buttons`: linear RGB, `[3]`.
    zipper: weight of a zipper in front.
    seams: weight of the shoulder seams.
    roughness: of the surface.
    seed: of what is placed at random.
  """

  color: jax.Array
  second: jax.Array
  third: jax.Array
  frequency: jax.Array
  across: jax.Array
  upright: jax.Array
  wide: jax.Array
  check: jax.Array
  print: jax.Array
  scale: jax.Array
  band: jax.Array
  heather: jax.Array
  twill: jax.Array
  rib: jax.Array
  crease: jax.Array
  placket: jax.Array
  buttons: jax.Array
  zipper: jax.Array
  seams: jax.Array
  roughness: jax.Array
  seed: jax.Array


class _Cloth(NamedTuple):
  """Values over the texels of a grid: pattern coordinates in decimeters, place and texel steps `[3, h, w]`."""

  a: jax.Array
  b: jax.Array
  middle: jax.Array  # distance from the middle of the front along a row; large behind
  sleeve: jax.Array  # distance beyond the shoulder seam, negative on the torso
  place: jax.Array
  right: jax.Array
  down: jax.Array


def _cloth(name: str, piece: Piece) -> _Cloth:
  points = piece.points
  steps = [jnp.gradient(points, axis=axis) for axis in (0, 1)]
  down, right = (jnp.linalg.norm(step, axis=-1) for step in steps)
  x, y, z = jnp.moveaxis(points, -1, 0)
  along = jnp.cumsum(right, axis=1)
  middle = along - along[:, along.shape[1] // 2 : along.shape[1] // 2 + 1]
  if name in ('main', 'inner'):
    # Horizontal lines of the cloth run over the shoulder as they do over the chest.
    a, b = middle, y - 0.6 * jnp.sqrt((z - 0.05) ** 2 + 0.02)
    sleeve = jnp.abs(x) - 1.58 - 0.12 * (y - 5.4)
  else:
    a, b = along, jnp.cumsum(down, axis=0)
    sleeve = jnp.full_like(a, -9.0)
  values = jnp.stack(
    [a, b, middle, sleeve, *points.transpose(2, 0, 1), x, y, z][:7]
    + [*steps[1].transpose(2, 0, 1), *steps[0].transpose(2, 0, 1)]
  )
  rows, columns = parts.spreading(parts.GRIDS[name])
  grid = parts.GRIDS[name]
  spread = jnp.einsum('hr,nrc->nhc', rows, values)
  spread = jnp.einsum('wc,nhc->nhw', columns, spread)
  per_texel = (grid.columns - 1) / (grid.field[2] - 2), (grid.rows - 1) / (grid.field[3] - 2)
  return _Cloth(*spread[:4], spread[4:7], spread[7:10] * per_texel[0], spread[10:13] * per_texel[1])


def _wave(t, share):
  """Stripes of period 1 with soft borders: 1 in `share` of the period."""
  return jnp.clip(0.5 + 3.0 * (jnp.cos(2 * np.pi * t) - jnp.cos(np.pi * share)), 0, 1)


def weave(name: str, fabric: Fabric, piece: Piece) -> jax.Array:
  """Texture of a grid of cloth, `[7, height, width]` of its field: see `dress.Dressed.texture`."""
  cloth = _cloth(name, piece)
  on_sleeve = cloth.sleeve > 0
  # Sleeves have their grain along the arm.
  along_arm = 0.72 * (cloth.sleeve - cloth.place[1])
  a = jnp.where(on_sleeve, 1.3 * cloth.place[2], cloth.a)
  b = jnp.where(on_sleeve, along_arm, cloth.b)
  points = cloth.place + (fabric.seed * jnp.asarray([3.1, 1.7, 2.3]))[:, None, None]
  grain = noise.value_noise(jnp.stack([a, b, 0.0 * a + fabric.seed]), 45.0)
  creases = noise.octaves(points * jnp.asarray([2.6, 1.3, 2.0])[:, None, None], 1.0, 3)
  color = _color(fabric, a, b, points, grain)
  height = 0.05 * fabric.crease * creases + 0.0016 * grain
  height += 0.01 * fabric.rib * jnp.sin(2 * np.pi * fabric.frequency * a)
  color *= 1 - 0.25 * jnp.clip(fabric.rib, 0, 1) * (0.5 - 0.5 * jnp.sin(2 * np.pi * fabric.frequency * a))
  seam = fabric.seams * jnp.exp(-((cloth.sleeve / 0.018) ** 2))
  height -= 0.012 * seam
  color *= 1 - 0.35 * seam
  color, height = _front(fabric, cloth, color, height)
  roughness = jnp.broadcast_to(fabric.roughness + 0.1 * (grain - 0.5), a.shape)
  return jnp.concatenate([color, roughness[None], _gradient(height, cloth)])


def _color(fabric, a, b, points, grain):
  """Linear RGB of yarn and print, `[3, h, w]`."""

  def paint(color, other, weight):
    return color + weight * (other[:, None, None] - color)

  stripes_a, stripes_b = (_wave(fabric.frequency * t, fabric.wide) for t in (a, b))
  color = paint(fabric.color[:, None, None], fabric.second, fabric.across * stripes_b)
  color = paint(color, fabric.second, fabric.upright * stripes_a)
  color = paint(color, fabric.second, fabric.check * (stripes_a + stripes_b) / 2)
  lines = jnp.maximum(*(_wave(fabric.frequency * t + 0.5, 0.1) for t in (a, b)))
  color = paint(color, fabric.third, 0.6 * fabric.check * lines)
  spread = jnp.stack([a, b, 0 * a + fabric.seed])
  blots = [noise.value_noise(spread + 5.7 * k, fabric.scale * (1 + 0.4 * k)) for k in (0, 1)]
  for blot, other in zip(blots, (fabric.second, fabric.third), strict=True):
    color = paint(color, other, fabric.print * jnp.clip((blot - 0.58) * 14, 0, 1))
  band = jnp.clip(12 * (0.2 - jnp.abs(b - 4.62)), 0, 1)
  color = paint(color, fabric.second, fabric.band * band)
  twill = 0.5 + 0.5 * jnp.sin(2 * np.pi * 16 * (a + b) + 5 * grain)
  color *= 1 + fabric.twill * (0.5 * twill + 0.5 * grain - 0.4)
  return color * (1 + fabric.heather * (grain - 0.5))


def _front(fabric, cloth, color, height):
  """Button strip and zipper in the middle of the front."""
  middle, down = cloth.middle, cloth.b
  strip = jnp.clip(60 * (0.135 - jnp.abs(middle)) + 0.5, 0, 1)
  edge = jnp.exp(-(((jnp.abs(middle) - 0.135) / 0.012) ** 2))
  stitch = jnp.exp(-(((jnp.abs(middle) - 0.105) / 0.006) ** 2))
  height += fabric.placket * (0.012 * strip - 0.004 * stitch)
  color *= 1 - fabric.placket * (0.3 * edge * (middle > 0) + 0.12 * stitch)
  period = 0.78
  at = (down - 0.12 + 0.5 * period) % period - 0.5 * period
  far = jnp.hypot(middle, at)
  button = fabric.placket * jnp.clip(120 * (0.047 - far) + 0.5, 0, 1)
  holes = jnp.clip(200 * (0.008 - jnp.hypot(jnp.abs(middle) - 0.012, jnp.abs(at) - 0.012)) + 0.5, 0, 1)
  button_color = fabric.buttons[:, None, None] * (1 - 0.7 * holes)
  color = color + button * (button_color - color)
  height += 0.012 * button
  zip_part = fabric.zipper * jnp.clip(80 * (0.055 - jnp.abs(middle)) + 0.5, 0, 1)
  teeth = 0.5 + 0.5 * jnp.sin(2 * np.pi * 9 * down)
  metal = jnp.clip(150 * (0.02 - jnp.abs(middle)), 0, 1) * (0.4 + 0.6 * teeth)
  zip_color = 0.35 * fabric.color[:, None, None] + 0.4 * metal
  return color + zip_part * (zip_color - color), height - 0.008 * zip_part


def _gradient(height, cloth):
  """Gradient in space, `[3, h, w]`, of a height over texels."""
  slopes = (
    (jnp.roll(height, -1, 1) - jnp.roll(height, 1, 1)) / 2,
    (jnp.roll(height, -1, 0) - jnp.roll(height, 1, 0)) / 2,
  )
  slopes = slopes[0].at[:, (0, -1)].set(0), slopes[1].at[(0, -1), :].set(0)

  def along(slope, step):
    return slope * step / jnp.maximum((step * step).sum(0), 1e-6)

  return jnp.clip(along(slopes[0], cloth.right) + along(slopes[1], cloth.down), -1.5, 1.5)


def swatch(
  color: jax.Array, roughness: jax.Array, field: tuple[int, int, int, int], speckle: jax.Array
) -> jax.Array:
  """Texture of a field of one color, `[7, height, width]`, darkened in spots by `speckle` in [0, 1]."""
  _, _, width, height = field
  y, x = np.mgrid[:height, :width].astype(np.float32)
  spots = noise.value_noise(jnp.stack([0.17 * x, 0.3 * y, 0 * x + 3.0]))
  shade = 1 - speckle * jnp.clip(6 * (spots - 0.45), 0, 0.85)
  rough = jnp.broadcast_to(roughness, (1, height, width))
  return jnp.concatenate([color[:, None, None] * shade, rough, jnp.zeros((3, height, width))])
