"""Canonical maps: flow and visibility between two frames."""

import functools

import jax
import numpy as np
import pytest

from seetalk_jax.models.motion.canonical import match_canonical
from seetalk_jax.models.motion.warping import warp


def scene(shift):
  """A canonical map, the same map shifted by `shift` (x, y) cells, and part labels that are all skin."""
  y, x = np.mgrid[:32, :32] / 16 - 1.0

  def seen(dx, dy):
    u, v = x - dx / 16, y - dy / 16
    return np.stack([u, v, 0.3 * np.sin(2 * u) * np.cos(v)], -1)[None].astype(np.float32)

  parts = np.full((1, 32, 32), 3, np.uint8)
  return seen(0, 0), seen(*shift), parts


@functools.partial(jax.jit, static_argnames='reach')
def matched(*args, reach):
  return match_canonical(*args, reach=reach)


@pytest.mark.parametrize('shift', [(0, 0), (3, -2), (2.4, 1.3)])
def test_flow_is_found_to_a_fraction_of_a_cell(shift):
  source, target, parts = scene(shift)
  truth = matched(source, target, parts, parts, reach=(6, 6))
  inner = np.asarray(truth.flow)[0, 8:24, 8:24] * 32
  np.testing.assert_allclose(inner, np.broadcast_to(-np.asarray(shift, np.float32), inner.shape), atol=0.08)
  assert np.asarray(truth.visible)[0, 8:24, 8:24].min() > 0.9
  # The flow warps the source map to the target map.
  moved = jax.jit(warp)(source, truth.flow)
  assert np.abs(moved - target)[0, 8:24, 8:24].max() < 0.02


def test_what_the_source_hides_is_not_visible():
  source, target, parts = scene((10, 0))
  visible = np.asarray(matched(source, target, parts, parts, reach=(2, 14)).visible)
  # The content of the first columns was outside the source picture, on the left.
  assert visible[0, :, :7].max() < 0.1 < 0.9 < visible[0, 4:28, 14:28].min()
  other = parts.copy()
  other[:, :, 16:] = 8  # teeth instead of skin
  visible = np.asarray(matched(source, source, parts, other, reach=(2, 2)).visible)
  assert visible[0, 4:28, 20:].max() == 0 and visible[0, :, :14].min() > 0.9
