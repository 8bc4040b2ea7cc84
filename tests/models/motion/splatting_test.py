"""Splatting: it inverts smooth flows, what is in front wins, holes are filled, and gradients reach both arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models.motion.splatting import splat_inverse
from seetalk_jax.models.motion.warping import grid_sample, identity_grid

SIZE = 64


def turned(angle, scale, shift, steepness=60.0):
  """A disc that turns, grows and moves over a resting background: (flow `[1, h, w, 2]`, mask of the disc)."""
  away = identity_grid(SIZE, SIZE) - 0.5
  disc = jax.nn.sigmoid((0.09 - jnp.sum(away**2, axis=-1, keepdims=True)) * steepness)
  turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) - np.eye(2)
  return (disc * (away @ turn.T + jnp.array(shift)))[None], disc[None]


@pytest.mark.parametrize(('angle', 'scale'), [(0.2, 1.1), (-0.3, 1.0), (0.0, 0.9)])
def test_smooth_flows_are_inverted(angle, scale):
  forward, disc = turned(angle, scale, (0.04, 0.02))
  backward, coverage = splat_inverse(forward, 2 * disc)
  there_and_back = backward + grid_sample(forward, identity_grid(SIZE, SIZE) + backward)
  error = jnp.linalg.norm(there_and_back, axis=-1) * SIZE
  assert jnp.mean(error) < 0.02 and jnp.percentile(error, 99) < 0.25
  assert abs(float(jnp.mean(coverage)) - 1) < 0.02


def test_no_motion_is_the_identity():
  backward, coverage = splat_inverse(jnp.zeros((2, 8, 8, 2)), jnp.zeros((2, 8, 8, 1)))
  np.testing.assert_array_equal(backward, 0)
  np.testing.assert_array_equal(coverage, 1)


@pytest.mark.parametrize('front', [1, -1])
def test_what_is_in_front_covers_what_is_behind(front):
  # A square moves right by a quarter over a resting background.
  square = np.zeros((1, 16, 16, 1), np.float32)
  square[:, 4:12, 2:8] = 1
  forward = jnp.asarray(square * np.array([0.25, 0.0], np.float32))
  backward, coverage = splat_inverse(forward, jnp.asarray(6.0 * front * square))
  landed = np.s_[0, 5:11, 8:11]  # where the square arrives over the background
  np.testing.assert_allclose(backward[landed][..., 0], -0.25 if front > 0 else 0.0, atol=1e-3)
  np.testing.assert_allclose(coverage[landed], 2.0, atol=1e-5)
  np.testing.assert_allclose(coverage[0, 5:11, 2:5], 0.0, atol=1e-5)  # what it leaves is uncovered


def test_holes_take_the_flow_of_their_surroundings_and_stay_within_it():
  forward = jnp.full((1, 16, 16, 2), 0.125).at[:, :, 8:].set(0.5)
  backward, coverage = splat_inverse(forward, jnp.zeros((1, 16, 16, 1)))
  assert float(coverage.min()) == 0
  assert -0.501 < float(backward.min()) and float(backward.max()) < 0.001
  assert np.isfinite(backward).all()


def test_gradients_are_those_of_finite_differences():
  forward, disc = turned(0.1, 1.05, (0.013, 0.007))
  forward, disc = forward[:, ::4, ::4], disc[:, ::4, ::4]
  weights = jax.random.normal(jax.random.key(0), forward.shape)

  def value(forward, importance):
    return jnp.sum(weights * splat_inverse(forward, importance)[0])

  gradients = jax.grad(value, argnums=(0, 1))(forward, disc)
  for i, (gradient, at, size) in enumerate(zip(gradients, (forward, disc), (1e-3, 0.1), strict=True)):
    step = size * jnp.sign(gradient)  # the direction of the steepest ascent, of all that moves
    ends = [list((forward, disc)) for _ in (0, 1)]
    ends[0][i], ends[1][i] = at + step, at - step
    found = (value(*ends[0]) - value(*ends[1])) / 2
    np.testing.assert_allclose(found, jnp.sum(gradient * step), rtol=0.05, atol=1e-4)
