"""Surfaces: albedo of every kind, repeatability."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import surfaces


@pytest.mark.parametrize('surface', surfaces.PAINTERS)
def test_every_surface_reflects_less_than_all_light(surface):
  across, up = (a.ravel() for a in np.meshgrid(np.linspace(0, 12, 40), np.linspace(0, 9, 30)))
  for seed in range(5):
    color = np.array([0.5, 0.4, 0.3])
    painted = surfaces.paint(surface, across, up, color, seed, (12.0, 9.0))
    assert painted.shape == (1200, 3)
    seen = np.isfinite(painted[:, 0])
    assert seen.all() or surface == 'leaves' and 0.05 < seen.mean() < 0.95
    assert painted[seen].min() >= 0 and painted[seen].max() <= 1
    np.testing.assert_array_equal(painted, surfaces.paint(surface, across, up, color, seed, (12.0, 9.0)))


@pytest.mark.parametrize(
  'draw', [surfaces.wall_paint, surfaces.wood, surfaces.furniture_color, surfaces.cloth_color]
)
def test_colors_are_albedos_and_mostly_muted(draw):
  rng = np.random.default_rng(0)
  colors = np.stack([draw(rng) for _ in range(300)])
  assert colors.min() > 0 and colors.max() < 0.9
  assert np.median(colors.std(-1) / colors.mean(-1)) < 0.6
