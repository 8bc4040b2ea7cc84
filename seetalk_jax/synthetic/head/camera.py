"""The one portrait crop: a fixed perspective camera placed from the neutral eyes and chin of an identity."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

# The framing shared with real portraits; change the version with any of the three numbers below.
PORTRAIT_CROP_VERSION = 1
EYE_LINE = 0.43  # height of the midpoint of the eyes, from the top, in picture heights
SIDE_IN_EYE_CHIN = 2.6  # side of the square, in vertical distances from the eyes to the chin
EYE_MIDDLE = 0.5  # horizontal place of the midpoint of the eyes

# Head units (eyes to chin is about 1) between the lens and the eyes: about 75 cm, a portrait lens.
CAMERA_DISTANCE = 6.5


class Camera(NamedTuple):
  """An upright camera with a shifted lens, so that the eyes project exactly where the crop wants them.

  Attributes:
    eye_y, eye_z: midpoint of the resting eyes in world units, `[]`; its x is 0.
    side: side of the picture in world units at the depth of the eyes, `[]`.
  """

  eye_y: jax.Array
  eye_z: jax.Array
  side: jax.Array


def place_camera(eye_y, eye_z, chin_y, chin_z) -> Camera:
  """The crop's camera for neutral eyes at `(0, eye_y, eye_z)` and chin at `(0, chin_y, chin_z)`."""
  distance = (eye_y - chin_y) * CAMERA_DISTANCE / (CAMERA_DISTANCE - (chin_z - eye_z))
  return Camera(eye_y, eye_z, SIDE_IN_EYE_CHIN * distance)


def rays_at(camera: Camera, u, v):
  """Ray origin (three scalars) and unit directions (three arrays) through picture places `u`, `v`."""
  across = (u - EYE_MIDDLE) * camera.side
  up = (EYE_LINE - v) * camera.side
  scale = jax.lax.rsqrt(across * across + up * up + CAMERA_DISTANCE**2)
  origin = (jnp.zeros(()), camera.eye_y, camera.eye_z + CAMERA_DISTANCE)
  return origin, (across * scale, up * scale, -CAMERA_DISTANCE * scale)


def project(camera: Camera, x, y, z):
  """World points to relative picture coordinates `(right, down)`, each 0..1 inside the picture."""
  scale = CAMERA_DISTANCE / (CAMERA_DISTANCE - (z - camera.eye_z)) / camera.side
  return EYE_MIDDLE + x * scale, EYE_LINE - (y - camera.eye_y) * scale
