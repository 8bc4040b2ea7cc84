"""Regions of a picture that the codebook renderer draws at double density: the mouth and both eyes.

A region is a box of fixed size around a place of the head, which the warped canonical coordinates find in every frame.
Its corner lies on a whole pixel, so that the pixels of the warped portrait are those of the frame.

Not specified in the paper, whose renderer draws whole pictures.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models.motion.motion_codec import Warped, warped_example
from seetalk_jax.models.motion.mouth import boxes_around, crop_boxes
from seetalk_jax.models.motion.warping import identity_grid
from seetalk_jax.models.nn import examples

_SPREAD = 0.12  # standard deviation, in canonical coordinates, of the weights that find a place
_FEATHER = 0.12  # width of the blended edge of a region, relative to its size


class Region(NamedTuple):
  """A region.

  Attributes:
    name: its name.
    place: (x, y, z) of its center in canonical coordinates.
    usual: (x, y) of its center in a frontal portrait, in picture units.
    size: (height, width) in sixteenths of the picture's side, so that the codebook's grid of 16 pixels fits.
  """

  name: str
  place: tuple[float, float, float]
  usual: tuple[float, float]
  size: tuple[int, int]

  def shape(self, side: int) -> tuple[int, int]:
    """(height, width) in pixels in pictures of `side` pixels."""
    return self.size[0] * side // 16, self.size[1] * side // 16


REGIONS = (
  Region('mouth', (0.0, -0.47, 0.75), (0.5, 0.68), (4, 5)),
  Region('right_eye', (-0.244, 0.055, 0.68), (0.4, 0.45), (2, 3)),
  Region('left_eye', (0.244, 0.055, 0.68), (0.6, 0.45), (2, 3)),
)


def corners(canonical_coords: jax.Array, region: Region, side: int) -> jax.Array:
  """Upper left corners of a region, int32 `[b, 2]` as (y, x) in pixels; no gradient passes.

  The center is the mean position, weighted by how near its canonical coordinates are to the region's place. The usual
  position counts a little, and alone where no position of the picture is near.

  Args:
    canonical_coords: of the frame, `[b, m, n, 3]`, see `Warped`.
    region: which.
    side: of the picture, in pixels.
  """
  away = jnp.sum(jnp.square(canonical_coords - jnp.asarray(region.place)), axis=-1)
  near = jnp.exp(-away / (2 * _SPREAD**2))
  grid = identity_grid(*canonical_coords.shape[1:3])
  total = jnp.sum(near, axis=(1, 2))[:, None] + 1.0
  center = (jnp.sum(near[..., None] * grid, axis=(1, 2)) + jnp.asarray(region.usual)) / total
  shape = np.array(region.shape(side))
  corner = jnp.round(center[:, ::-1] * side - shape / 2).astype(jnp.int32)
  return jax.lax.stop_gradient(jnp.clip(corner, 0, side - shape))


def crop_pixels(image: jax.Array, corner: jax.Array, shape: tuple[int, int]) -> jax.Array:
  """Pixels of boxes `[b, *shape, c]` from `image [b, h, w, c]`, at whole corners `[b, 2]` as (y, x)."""

  def one(picture, at):
    return jax.lax.dynamic_slice(picture, (at[0], at[1], 0), (*shape, picture.shape[-1]))

  return jax.vmap(one)(image, corner)


def crop_warped(warped: Warped, corner: jax.Array, shape: tuple[int, int]) -> Warped:
  """A region of a warp, as if it were a picture of its own: features at 1/4 and 1/8 of the region's pixels.

  Args:
    warped: of whole pictures `[b, h, w, 3]`.
    corner: int32 `[b, 2]`, from `corners`.
    shape: (height, width) of the region in pixels, multiples of 16.

  Returns:
    The warp of the region; its features have the keys 4 and 8 and those of the finest grids of `warped`, its flows are
    in units of the whole picture.
  """
  side = warped.image.shape[1]
  half = np.array(shape[::-1]) / side / 2
  boxes = boxes_around(corner[:, ::-1] / side + half, tuple(half))

  def at(maps, factor):
    return crop_boxes(maps, boxes, (shape[0] // factor, shape[1] // factor))

  finest, *_ = sorted(warped.features)
  coarsest = max(warped.features)
  return Warped(
    crop_pixels(warped.image, corner, shape),
    {4: at(warped.features[finest], 4), 8: at(warped.features[coarsest], 8)},
    *(at(maps, 4) for maps in warped[2:]),
  )


def region_example(others: examples.Modules | None, side: int) -> Warped:
  """Shapes of `crop_warped` for the first region of warped portraits of `side` pixels."""
  shape = REGIONS[0].shape(side)
  corner = jax.ShapeDtypeStruct((1, 2), jnp.int32)
  return jax.eval_shape(lambda w, c: crop_warped(w, c, shape), warped_example(others, side), corner)


def paste(image: jax.Array, drawn: jax.Array, corner: jax.Array) -> jax.Array:
  """`image [b, h, w, c]` with regions `drawn [b, m, n, c]` at their corners, blended over their edges."""
  weight = jnp.asarray(feather(drawn.shape[1:3]))

  def one(picture, region, at):
    start = (at[0], at[1], 0)
    under = jax.lax.dynamic_slice(picture, start, region.shape)
    return jax.lax.dynamic_update_slice(picture, under + weight * (region - under), start)

  return jax.vmap(one)(image, drawn, corner)


def feather(shape: tuple[int, ...]) -> np.ndarray:
  """Weights of a region, float32 `[*shape, 1]`: 1 inside, smoothly to 0 at its edge."""

  def along(size):
    at = (np.arange(size) + 0.5) / size
    ramp = np.clip(np.minimum(at, 1 - at) / _FEATHER, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)

  return (along(shape[0])[:, None, None] * along(shape[1])[None, :, None]).astype(np.float32)
