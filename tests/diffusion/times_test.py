"""Times of a batch: each stratum of the schedule once, in random order."""

import jax
import numpy as np

from seetalk_jax.diffusion.schedule import Schedule
from seetalk_jax.diffusion.times import stratified_times


def test_times_are_spread_evenly_and_shuffled():
  schedule = Schedule()
  t = np.asarray(stratified_times(jax.random.key(3), 8, schedule))
  assert t.shape == (8,) and t.dtype == np.int32 and (0 <= t).all() and (t < schedule.num_steps).all()
  gaps = np.diff(np.sort(t))
  np.testing.assert_allclose(gaps, schedule.num_steps / 8, atol=1)
  assert (np.diff(t) < 0).any()
  assert (t != np.asarray(stratified_times(jax.random.key(4), 8, schedule))).any()
