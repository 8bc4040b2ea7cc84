"""Losses against the ground truth: maps of real recordings do not count, their motion counts by its weight."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from stage2_training import batch_of
from tiny_stages import SIZE, config_of

from seetalk_jax import blendshapes
from seetalk_jax.stages import base, figures


def garbage(batch, rows):
  """The batch with random ground truth in `rows`, which are marked as real recordings of unknown motion."""
  changed = {name: np.array(value) for name, value in batch.items()}
  changed['has_truth'][rows] = changed['motion_weight'][rows] = 0.0
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
  batch['motion_weight'] = batch['motion_weight'] * batch['has_truth'][:, None]
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
    found = loss(garbage(batch, [0, 1]))[1][0].values()
    assert all(np.isfinite(float(v)) or v == figures.ABSENT for v in found)


def test_estimated_motion_counts_by_the_weight_of_its_fields(world):
  modules, _ = world
  stage = base.build_stage(config_of('motion_codec', ['motion_codec'], image_size=SIZE), modules)
  batch = {**batch_of(stage), 'has_truth': np.zeros(2, np.float32)}
  tongue = blendshapes.INDEX['tongueOut']
  batch['motion_weight'] = np.full_like(batch['motion_weight'], 0.3)
  batch['motion_weight'][:, tongue] = 0.0
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, base.Frozen())))(jax.random.key(0))[0]
  loss = jax.jit(lambda batch: stage.loss(params, base.Frozen(), {}, batch, jax.random.key(1), 0)[1][0])
  metrics, silent = loss(batch), loss({**batch, 'motion_weight': np.zeros_like(batch['motion_weight'])})
  assert (
    metrics['read'] > 0.1 and metrics['agree'] > 0 and silent['read'] == silent['agree'] == figures.ABSENT
  )
  # The error of a field that is absent does not count, nor do the maps.
  moved = {**batch, 'target_motion': batch['target_motion'].copy()}
  moved['target_motion'][:, tongue] = 50.0
  np.testing.assert_allclose(loss(moved)['read'], metrics['read'], rtol=1e-5)
  assert metrics['flow'] == metrics['places'] == figures.ABSENT
