"""Checkpoints: what killed saves have left is removed by the next save, not by a reader."""

import jax
import numpy as np

from seetalk_jax.training import checkpoint
from seetalk_jax.training.state import TrainState


def test_the_first_save_removes_leftovers_of_killed_saves(tmp_path):
  leftover = tmp_path / 'checkpoints' / '3.orbax-checkpoint-tmp-7'
  leftover.mkdir(parents=True)
  state = TrainState(np.int32(4), {'net': {'w': jax.numpy.ones(2)}}, {}, {}, {}, {})
  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    assert (
      checkpoints.latest is None and leftover.exists()
    )  # a reader leaves the save of a running training alone
    checkpoints.save(4, state, {'seconds': 0.0, 'data_index': 0})
    checkpoints.wait()
    assert checkpoints.latest == 4 and not leftover.exists()
