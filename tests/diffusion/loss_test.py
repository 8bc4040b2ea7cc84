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
