"""Losses against the ground truth: real recordings do not count."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from stage2_training import batch_of
from tiny_stages import SIZE, config_of

from seetalk_jax.stages import base


def garbage(batch, rows):
  """The batch with random ground truth in `rows`, which are marked as real recordings (`has_truth` = 0)."""
  changed = {name: np.array(value) for name, value in batch.items()}
  changed['has_truth'][rows] = 0.0
  rng = np.random.default_rng(5)
  for name in changed:
    if name.endswith('_motion') or name.endswith('_canonical'):
      changed[name][rows] = rng.standard_normal(changed[name][rows].shape)
  return changed


@pytest.mark.parametrize('name', ['motion_codec', 'render'])
def test_the_truth_of_real_recordings_is_not_read(world, name):
  modules, frozen = world
  networks = {'motion_codec': ['motion_codec'], 'render': ['code_transformer', 'hr_decoder']}[name]
  stage = base.build_stage(config_of(name, networks, image_size=SIZE), modules)
  batch = {**batch_of(stage), 'has_truth': np.array([0.0, 1.0], np.float32)}
  batch['target_parts'][0] = batch['source_parts'][0] = 0
  frozen = frozen if name == 'render' else base.Frozen()
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  loss = jax.jit(lambda batch: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0))
  (plain, (metrics, _)), (other, (_, _)) = loss(batch), loss(garbage(batch, [0]))
  np.testing.assert_allclose(plain, other, rtol=1e-6)
  # The ground truth of the other row is still used.
  assert metrics['occlusion'] > 0 and metrics['flow'] > 0
  assert abs(loss({**batch, 'has_truth': np.ones(2, np.float32)})[0] - plain) > 1e-4
  if name == 'motion_codec':
    assert all(np.isfinite(float(v)) for v in loss(garbage(batch, [0, 1]))[1][0].values())
