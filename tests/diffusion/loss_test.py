"""The diffusion loss: nothing to pay for the true answer, and errors weighed by time."""

import jax.numpy as jnp
import numpy as np

from seetalk_jax.diffusion import objective
from seetalk_jax.diffusion.loss import diffusion_loss
from seetalk_jax.diffusion.schedule import Schedule


def test_loss_is_the_weighted_error_of_the_prediction():
  schedule, rng = Schedule(), np.random.default_rng(0)
  x0, noise = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
  t = jnp.array([10, schedule.num_steps // 2, schedule.num_steps - 1])
  target = objective.target('v', schedule, x0, noise, t)
  perfect, _ = diffusion_loss('v', schedule, target, x0, noise, t, 5.0)
  assert perfect == 0
  off = np.array([1.0, 2.0, 3.0], np.float32)[:, None, None]
  loss, metrics = diffusion_loss('v', schedule, target + off, x0, noise, t, 5.0)
  weight = np.asarray(objective.loss_weight('v', schedule, t, 5.0))
  np.testing.assert_allclose(loss, np.mean(weight * [1, 4, 9]), rtol=1e-5)
  np.testing.assert_allclose(metrics['error'], 14 / 3, rtol=1e-5)
  np.testing.assert_allclose(metrics['error_late'], 9, rtol=1e-5)
  assert metrics['diffusion'] == loss
  np.testing.assert_allclose(diffusion_loss('v', schedule, target + off, x0, noise, t)[0], 14 / 3, rtol=1e-5)


def test_only_counted_frames_matter():
  schedule, rng = Schedule(), np.random.default_rng(0)
  x0, noise, off = rng.standard_normal((3, 2, 5, 4)).astype(np.float32)
  t, counted = jnp.array([10, 500]), np.float32([[0, 1, 0, 0, 0], [1, 1, 1, 0, 0]])
  run = lambda off, **options: diffusion_loss(
    'x0', schedule, x0 + off, x0, noise, t, counted=counted, **options
  )
  loss, metrics = run(off)
  assert loss == run(np.where(counted[..., None] > 0, off, 1e3).astype(np.float32))[0]
  # Every frame has the same weight: one of the first track and three of the second.
  squares = np.square(off).mean(-1)
  np.testing.assert_allclose(loss, (squares * counted).sum() / 4, rtol=1e-4)
  np.testing.assert_allclose(metrics['error'], (squares[0, 1] + squares[1, :3].mean()) / 2, rtol=1e-4)
  np.testing.assert_allclose(run(off, weight=np.float32([1, 0]))[0], squares[0, 1], rtol=1e-4)
