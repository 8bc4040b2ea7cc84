"""Fabrics: color, roughness and relief of the outfit's texture, computed over the grids of a dressed person."""

from __future__ import annotations

import functools
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


# Grids of cloth, in the order of their fabrics.
CLOTHS = ('main', 'collar', 'inner', 'inner_collar', 'tie', 'hat', 'brim')
_SHAPE = parts.TEXTURE_HEIGHT, parts.TEXTURE_WIDTH


class _Cloth(NamedTuple):
  """Values over the texels: pattern coordinates in decimeters, place and texel steps `[3, height, width]`."""

  a: jax.Array
  b: jax.Array
  middle: jax.Array  # distance from the middle of the front along a row
  sleeve: jax.Array  # distance beyond the shoulder seam, negative on the torso
  place: jax.Array
  right: jax.Array
  down: jax.Array


# All fields of cloth consist of tiles of this height and width, in texels.
_TILE = 8, 64


@functools.cache
def _index() -> np.ndarray:
  """Position in `CLOTHS` of every tile, int32 `[rows, columns]`; 0 where there is no cloth."""
  index = np.zeros([side // tile for side, tile in zip(_SHAPE, _TILE, strict=True)], np.int32)
  for number, name in enumerate(CLOTHS):
    left, top, width, height = (value // _TILE[1 - k % 2] for k, value in enumerate(parts.GRIDS[name].field))
    index[top : top + height, left : left + width] = number
  return index


@functools.cache
def _grain() -> np.ndarray:
  """Noise from texel to texel in [0, 1], `[height, width]`, as yarns."""
  rng = np.random.default_rng(20251125)
  white = rng.random(_SHAPE, np.float32)
  soft = (white + np.roll(white, 1, 0) + np.roll(white, 1, 1) + np.roll(white, 1, (0, 1))) / 4
  return np.clip(0.5 + 1.3 * (soft - 0.5), 0, 1).astype(np.float32)


def _values(name: str, piece: Piece) -> jax.Array:
  """The planes of `_Cloth` over the field of one grid, `[13, height, width]`."""
  points, grid = piece.points, parts.GRIDS[name]
  steps = [jnp.gradient(points, axis=axis) for axis in (0, 1)]
  down, right = (jnp.linalg.norm(step, axis=-1) for step in steps)
  x, y, z = jnp.moveaxis(points, -1, 0)
  along = jnp.cumsum(right, axis=1)
  half = along.shape[1] // 2
  middle = along - along[:, half : half + 1]
  if name in ('main', 'inner'):
    # Horizontal lines of the cloth run over the shoulder as they do over the chest.
    a, b = middle, y - 0.6 * jnp.sqrt((z - 0.05) ** 2 + 0.02)
    sleeve = jnp.abs(x) - 1.58 - 0.12 * (y - 5.4)
  else:
    a, b = along, jnp.cumsum(down, axis=0)
    middle, sleeve = (jnp.full_like(a, value) for value in (9.0, -9.0))
  per_texel = (grid.columns - 1) / (grid.field[2] - 2), (grid.rows - 1) / (grid.field[3] - 2)
  vectors = points, steps[1] * per_texel[0], steps[0] * per_texel[1]
  values = jnp.concatenate([jnp.stack([a, b, middle, sleeve]), *(v.transpose(2, 0, 1) for v in vectors)])
  rows, columns = parts.spreading(grid)
  return jnp.einsum('wc,nhc->nhw', columns, jnp.einsum('hr,nrc->nhc', rows, values))


def _wave(t, share):
  """Stripes of period 1 with soft borders: 1 in `share` of the period."""
  return jnp.clip(0.5 + 3.0 * (jnp.cos(2 * np.pi * t) - jnp.cos(np.pi * share)), 0, 1)


def weave(fabrics: dict[str, Fabric], pieces: dict[str, Piece]) -> jax.Array:
  """Texture of all grids of cloth, `[7, height, width]`: see `dress.Dressed.texture`.

  Args:
    fabrics: of the grids `CLOTHS`.
    pieces: the grids of a dressed person.
  """
  planes = jnp.zeros((13, *_SHAPE))
  for name in CLOTHS:
    left, top, width, height = parts.GRIDS[name].field
    planes = planes.at[:, top : top + height, left : left + width].set(_values(name, pieces[name]))
  cloth = _Cloth(*planes[:4], planes[4:7], planes[7:10], planes[10:13])
  return _woven(_per_texel(fabrics), cloth)


def _per_texel(fabrics):
  """The fabric of every texel: fields `[height, width]` or `[3, height, width]`."""
  stacked = jax.tree.map(lambda *values: jnp.stack(values, -1), *(fabrics[name] for name in CLOTHS))

  def spread(values):
    tiles = jnp.take(values, _index(), axis=-1)[..., :, None, :, None]
    *rest, rows, _, columns, _ = tiles.shape
    return jnp.broadcast_to(tiles, (*rest, rows, _TILE[0], columns, _TILE[1])).reshape(*rest, *_SHAPE)

  return jax.tree.map(spread, stacked)


def _woven(fabric: Fabric, cloth: _Cloth) -> jax.Array:
  on_sleeve = cloth.sleeve > 0
  # Sleeves have their grain along the arm.
  along_arm = 0.72 * (cloth.sleeve - cloth.place[1])
  a = jnp.where(on_sleeve, 1.3 * cloth.place[2], cloth.a)
  b = jnp.where(on_sleeve, along_arm, cloth.b)
  grain = jnp.asarray(_grain())
  seed = jnp.stack([fabric.seed * 3.1, fabric.seed * 1.7, fabric.seed * 2.3])
  stretched = (cloth.place + seed) * jnp.asarray([2.6, 1.3, 2.0])[:, None, None]
  creases = _coarse(lambda points: noise.octaves(points, 1.0, 3), stretched)
  flat = jnp.stack([a, b, fabric.seed])
  sizes = jnp.stack([fabric.scale, 1.4 * fabric.scale])
  blots = _coarse(noise.value_noise, jnp.stack([flat, flat + 5.7], 1) * sizes)
  color = _color(fabric, a, b, blots, grain)
  ribs = jnp.sin(2 * np.pi * fabric.frequency * a)
  height = 0.05 * fabric.crease * creases + 0.0016 * grain + 0.01 * fabric.rib * ribs
  color *= 1 - 0.25 * jnp.clip(fabric.rib, 0, 1) * (0.5 - 0.5 * ribs)
  seam = fabric.seams * jnp.exp(-((cloth.sleeve / 0.018) ** 2))
  height -= 0.006 * seam
  color *= 1 - 0.18 * seam
  color, height = _front(fabric, cloth, color, height)
  roughness = fabric.roughness + 0.1 * (grain - 0.5)
  return jnp.concatenate([color.clip(0, 0.9), roughness[None], _gradient(height, cloth)])


def _coarse(function, points: jax.Array) -> jax.Array:
  """A smooth function of points `[3, ..., height, width]`, computed at every second texel of both axes."""
  values = function(points[..., ::2, ::2])
  return jax.image.resize(values, points.shape[1:], 'bilinear')


def _color(fabric, a, b, blots, grain):
  """Linear RGB of yarn and print, `[3, height, width]`."""

  def paint(color, other, weight):
    return color + weight * (other - color)

  stripes_a, stripes_b = (_wave(fabric.frequency * t, fabric.wide) for t in (a, b))
  weight = fabric.across * stripes_b + fabric.upright * stripes_a + fabric.check * (stripes_a + stripes_b) / 2
  lines = jnp.maximum(*(_wave(fabric.frequency * t + 0.5, 0.1) for t in (a, b)))
  twill = 0.5 + 0.5 * jnp.sin(2 * np.pi * 16 * (a + b) + 5 * grain)
  color = paint(fabric.color, fabric.second, jnp.clip(weight, 0, 1))
  color = paint(color, fabric.third, 0.6 * fabric.check * lines)
  for blot, other in zip(blots, (fabric.second, fabric.third), strict=True):
    color = paint(color, other, fabric.print * jnp.clip((blot - 0.58) * 14, 0, 1))
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
  button_color = fabric.buttons * (1 - 0.7 * holes)
  color = color + button * (button_color - color)
  height += 0.012 * button
  zip_part = fabric.zipper * jnp.clip(80 * (0.055 - jnp.abs(middle)) + 0.5, 0, 1)
  teeth = 0.5 + 0.5 * jnp.sin(2 * np.pi * 9 * down)
  metal = jnp.clip(150 * (0.02 - jnp.abs(middle)), 0, 1) * (0.4 + 0.6 * teeth)
  zip_color = 0.35 * fabric.color + 0.4 * metal
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


def swatch(color: jax.Array, roughness: jax.Array, speckle: jax.Array) -> jax.Array:
  """Texture of a swatch of one color, `[7, height, width]`, darkened in spots by `speckle` in [0, 1]."""
  shape = parts.SWATCH_HEIGHT, parts.SWATCH_WIDTH
  shade = 1 - speckle * jnp.clip(6 * (_spots() - 0.45), 0, 0.85)
  rough = jnp.broadcast_to(roughness, (1, *shape))
  return jnp.concatenate([color[:, None, None] * shade, rough, jnp.zeros((3, *shape))])


@functools.cache
def _spots() -> np.ndarray:
  """Noise over a swatch, in [0, 1]."""
  y, x = np.mgrid[: parts.SWATCH_HEIGHT, : parts.SWATCH_WIDTH].astype(np.float32)
  with jax.ensure_compile_time_eval():  # the first call may come while a function is traced
    return np.asarray(noise.value_noise(jnp.stack([0.17 * x, 0.3 * y, 0 * x + 3.0])))
