"""Regions of the head's surface, and occlusion that follows expressions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.constants import Part
from seetalk_jax.synthetic.human import mesh, rig, surface


@pytest.fixture(scope='module')
def moved():
  shape, topology = jnp.asarray(mesh.load().vertices), rig.topology()
  regions = jax.tree.map(jnp.asarray, surface.regions())

  def run(**coefficients):
    values = np.zeros(len(blendshapes.NAMES), np.float32)
    for name, value in coefficients.items():
      values[blendshapes.INDEX[name]] = value
    expressed = rig.expressed(shape, jnp.asarray(values), topology)
    return np.asarray(surface.moving_occlusion(expressed, jnp.ones(len(expressed)), regions))

  return run


def test_an_open_mouth_lets_light_in(moved):
  inside = surface.regions().mouth == 1
  closed, opened = moved(), moved(jawOpen=0.6)
  assert opened[inside].mean() > 2 * closed[inside].mean()
  np.testing.assert_array_equal(closed[surface.regions().mouth == 0][:100], 1)


def test_closed_lids_darken_the_eyes(moved):
  eyes = surface.regions().eyes
  front = [own[rig.fine_head().mesh.vertices[own, 2].argsort()[-20:]] for own in eyes]
  opened, closed = moved(), moved(eyeBlinkLeft=0.7)
  assert closed[front[0]].mean() < opened[front[0]].mean() - 0.02
  np.testing.assert_allclose(closed[front[1]], opened[front[1]], atol=1e-6)


def test_the_middle_of_the_lips_lies_between_the_corners():
  place = rig.fine_head().mesh.vertices[surface.regions().lips]
  upper, lower, left, right = place
  assert 0 < upper[1] - lower[1] < 0.02
  assert left[0] > 0.2 > -0.2 > right[0]


def test_labels_cover_all_parts_of_a_head():
  found = surface.labels()
  assert set(np.unique(found)) == {
    Part.BODY, Part.NECK, Part.SKIN, Part.BROW, Part.EYE, Part.LIP, Part.MOUTH
  }  # fmt: skip
  height = rig.fine_head().mesh.vertices[rig.fine_head().mesh.triangles][..., 1].mean(1)
  assert height[found == Part.BODY].max() < height[found == Part.LIP].min()
