"""Camera: perspective projection of points in decimeters to samples of a picture."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Camera(NamedTuple):
  """A camera that looks along -z, with y up.

  Attributes:
    center: the point in the middle of the picture, at the depth where `height` counts, decimeters, `[3]`.
    height: extent of the picture at that depth, decimeters.
    distance: from the camera to that point, decimeters: 8 is a close wide lens, 25 a long one.
  """

  center: jax.Array
  height: jax.Array | float
  distance: jax.Array | float

  @property
  def position(self) -> jax.Array:
    """Place of the camera, `[3]`."""
    return self.center + jnp.stack([0.0, 0.0, self.distance])

  def project(self, points: jax.Array, side: int) -> tuple[jax.Array, jax.Array]:
    """(positions `[..., 2]` as (x, y) in samples, depths `[...]`) of points `[..., 3]`.

    Depths grow with the distance; 0 to 1 spans 4 decimeters around `center`.
    """
    offset = points - self.center
    away = jnp.maximum(self.distance - offset[..., 2], 1.0)
    scale = side / self.height * self.distance / away
    x, y = side / 2 + scale * offset[..., 0], side / 2 - scale * offset[..., 1]
    return jnp.stack([x, y], axis=-1), 0.5 - offset[..., 2] / 4.0

  def towards(self, size: int) -> jax.Array:
    """Unit vectors from what the pixels show towards the camera, `[3, size, size]`."""
    across = (jnp.arange(size) + 0.5) / size - 0.5
    x, y = jnp.broadcast_arrays(-self.height * across[None], self.height * across[:, None])
    z = jnp.full_like(x, 1.0) * self.distance
    return jnp.stack([x, y, z]) * jax.lax.rsqrt(x * x + y * y + z * z)
