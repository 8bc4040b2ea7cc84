"""Ambient occlusion of surfaces and below hair."""

import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import occlusion

# A square of 4 decimeters that faces down, at the height of the head's crown.
_ROOF = jnp.asarray([[-2, 8.5, -1.7], [2, 8.5, -1.7], [2, 8.5, 2.3], [-2, 8.5, 2.3]], jnp.float32)
_FACES = jnp.asarray([[0, 2, 1], [0, 3, 2], [0, 1, 2], [0, 2, 3]])
_UP = jnp.asarray([[0.0, 1.0, 0.0]])


def test_a_point_under_a_roof_sees_little_and_one_above_it_sees_all():
  below = occlusion.occlusion(jnp.asarray([[0, 8.2, 0.3]]), _UP, _ROOF, _FACES)
  above = occlusion.occlusion(jnp.asarray([[0, 8.6, 0.3]]), _UP, _ROOF, _FACES)
  assert float(below[0]) < 0.1
  assert float(above[0]) > 0.99


def test_occlusion_falls_with_the_distance_to_the_roof():
  heights = jnp.asarray([[0, y, 0.3] for y in (8.3, 7.5, 6.5, 5.5)], jnp.float32)
  seen = np.asarray(occlusion.occlusion(heights, jnp.repeat(_UP, 4, 0), _ROOF, _FACES))
  assert (np.diff(seen) > 0.05).all(), seen


def test_light_falls_below_hair_with_the_depth():
  x, z = np.meshgrid(np.linspace(-1, 1, 120), np.linspace(-0.7, 1.3, 2))
  strands = np.stack([x, np.full_like(x, 8.5), z], -1).transpose(1, 0, 2).astype(np.float32)
  points = jnp.asarray([[0, 8.47, 0.3], [0, 8.3, 0.3], [0, 8.0, 0.3]], jnp.float32)
  far = jnp.asarray([[90.0, 0, 0], [91, 0, 0], [90, 1, 0]])
  seen = np.asarray(
    occlusion.occlusion(points, jnp.repeat(_UP, 3, 0), far, jnp.asarray([[0, 1, 2]]), jnp.asarray(strands))
  )
  assert 1 >= seen[0] > seen[1] > 0
