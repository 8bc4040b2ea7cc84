"""Wrinkles over the neutral head."""

import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.synthetic.human import wrinkles


def found(kind, strength=1.0):
  """Wrinkles of one kind at places on the front of the face."""
  x, y = np.meshgrid(np.linspace(-0.6, 0.6, 121), np.linspace(8.1, 5.0, 311))
  place = jnp.asarray(np.stack([x, y, np.full_like(x, 1.4)]), jnp.float32)
  strengths = jnp.asarray(np.where(np.isin(wrinkles.KINDS, kind), strength, 0.0), jnp.float32)
  middle = jnp.full(x.shape, 0.5)
  return x, y, wrinkles.wrinkles(place, strengths, middle, middle)


@pytest.mark.parametrize(
  ('kind', 'low', 'high'),
  [
    ('forehead', 7.5, 8.05),
    ('frown', 7.3, 7.65),
    ('crow', 7.0, 7.6),
    ('bags', 7.0, 7.3),
    ('folds', 6.3, 7.05),
    ('lips', 6.65, 6.85),
    ('neck', 5.0, 6.1),
  ],
)
def test_each_kind_lies_in_its_part_of_the_face_on_both_sides(kind, low, high):
  x, y, own = found(kind)
  shade, height = np.asarray(own.shade), np.asarray(own.height)
  assert shade.max() > 0.15 and height.min() < -0.002
  assert y[shade > 0.05].min() > low and y[shade > 0.05].max() < high
  np.testing.assert_allclose(shade, shade[:, ::-1], atol=1e-5)
  assert np.isfinite(height).all()


def test_no_strength_is_smooth_skin_and_depth_grows_with_strength():
  assert np.abs(np.stack(found('folds', 0.0)[2])).max() == 0
  half, full = (np.asarray(found('folds', strength)[2].height) for strength in (0.5, 1.0))
  np.testing.assert_allclose(full, 2 * half, atol=1e-7)
