"""Motion codec stage: a learned batch, with and without ground truth, and from what real records hold."""

import flax.linen as nn
import jax
import numpy as np
import pytest
import real_records
from stage2_training import batch_of, train
from tiny_stages import SIZE, config_of

from seetalk_jax.constants import TRUTH_KNOWN
from seetalk_jax.data import pipeline
from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import base, figures


@pytest.mark.parametrize('with_truth', [pytest.param(True, marks=pytest.mark.slow), False])
def test_motion_codec_learns_a_batch(with_truth):
  options = dict(with_truth=with_truth, cycle_weight=0.0 if with_truth else 0.2)
  stage = base.build_stage(config_of('motion_codec', ['motion_codec'], image_size=SIZE, **options), {})
  assert ('source_canonical' in stage.batch_spec(1)) == with_truth
  batch = batch_of(stage)
  history, _, params, _ = train(stage, base.Frozen(), batch, 4)
  assert ('flow' in history[0]) == with_truth and ('cycle' in history[0]) != with_truth
  if with_truth:
    picture = stage.preview(params, base.Frozen(), {}, batch, None)
    assert picture.shape == (len(stage.preview_rows) * SIZE, 2 * SIZE, 3) and picture.dtype == np.uint8


def stage_with(**options):
  return base.build_stage(config_of('motion_codec', ['motion_codec'], image_size=SIZE, **options), {})


def test_geometry_alone_teaches_the_warp_by_exact_motion():
  stage = stage_with(geometry_only=True)
  assert 'driver' not in stage.batch_spec(1)
  batch = batch_of(stage)
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, base.Frozen())))(jax.random.key(0))[0]
  gradient = jax.jit(
    jax.grad(lambda params: stage.loss(params, base.Frozen(), {}, batch, jax.random.key(1), 0), has_aux=True)
  )
  taught, (metrics, _) = gradient(params)
  codec = taught['motion_codec']
  reached = {part for part, tree in codec.items() if any(np.any(leaf) for leaf in jax.tree.leaves(tree))}
  assert {'truth_encoder', 'truth_reader', 'motion_modes', 'warper'} <= reached
  assert not {'motion_encoder', 'decoder'} & reached and {'motion_encoder', 'decoder'} <= codec.keys()
  assert metrics['flow'] > 0 and all(np.isfinite(float(value)) for value in metrics.values())
  assert stage.preview(params, base.Frozen(), {}, batch, None).shape[0] == len(stage.preview_rows) * SIZE
  with pytest.raises(ConfigError, match='geometry_only without with_truth'):
    stage_with(geometry_only=True, with_truth=False)


def test_real_records_teach_the_truth_encoder_and_the_warp():
  stage = stage_with(with_truth=False, with_estimates=True, truth_rate=1.0)
  with pipeline.make_batches(
    'motion_pair', record_sources=[real_records.RealSource(size=SIZE)], batch_size=4, image_size=SIZE
  ) as batches:
    batch = next(batches)
  batch = {name: batch[name] for name in stage.batch_spec(4)}
  assert 'source_canonical' not in batch and 'has_truth' not in batch
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, base.Frozen())))(jax.random.key(0))[0]
  gradient = jax.jit(
    jax.grad(
      lambda params, batch: stage.loss(params, base.Frozen(), {}, batch, jax.random.key(1), 0), has_aux=True
    )
  )

  def largest(tree):
    return max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(tree))

  taught, (metrics, _) = gradient(params, batch)
  codec = taught['motion_codec']
  assert all(np.isfinite(float(value)) for value in metrics.values())
  assert metrics['read'] > 0 and metrics['agree'] > 0 and metrics['landmark_flow'] > 0
  assert all(
    largest(codec[part]) > 1e-6 for part in ('truth_encoder', 'truth_reader', 'motion_modes', 'warper')
  )
  # Without estimates nothing reaches the truth networks.
  unknown = {**batch, 'motion_weight': np.zeros_like(batch['motion_weight'])}
  untaught, (metrics, _) = gradient(params, {**unknown, 'landmark_weight': 0 * batch['landmark_weight']})
  assert (
    largest(untaught['motion_codec']['truth_encoder'])
    == largest(untaught['motion_codec']['truth_reader'])
    == 0
  )
  absent = ('landmark_flow', 'landmark_occlusion', 'landmark_features', 'read', 'read_lips', 'agree')
  assert all(metrics[name] == figures.ABSENT for name in absent)


def known(stage, batches=(), frozen=None):
  return stage.prepare(frozen or base.Frozen(), iter(batches))['motion_codec'][TRUTH_KNOWN]


def test_a_codec_records_whether_its_truth_encoder_was_trained():
  some = [
    {'motion_weight': np.zeros((2, 58), np.float32)},
    {'motion_weight': np.full((2, 58), 0.3, np.float32)},
  ]
  assert known(stage_with(), some) == known(stage_with(with_truth=False, with_estimates=True), some) == 1
  # No picture is decoded for it.
  assert stage_with().statistics_entries == ('motion_weight',)
  assert (
    stage_with(with_truth=False).statistics_entries == stage_with(keep_motion=True).statistics_entries == ()
  )
  assert known(stage_with(), some[:1] * 50) == 0  # recordings of an older preparation have no motion
  assert known(stage_with(with_truth=False), some) == 0
  assert known(stage_with(read_weight=0.0), some) == 0
  # phi_m moves away from the truth encoder unless both are kept.
  trained = base.Frozen(
    params={'motion_codec': {}}, statistics={'motion_codec': {TRUTH_KNOWN: np.float32(1)}}
  )
  assert known(stage_with(with_truth=False), some, trained) == 0
  assert known(stage_with(with_truth=False, keep_motion=True), some, trained) == 1
  untrained = trained.replace(statistics={'motion_codec': {TRUTH_KNOWN: np.float32(0)}})
  assert known(stage_with(keep_motion=True), some, untrained) == 0


def test_truth_networks_are_kept_only_if_they_were_trained():
  codec = base.Frozen(params={'motion_codec': {}})
  untrained = codec.replace(statistics={'motion_codec': {TRUTH_KNOWN: np.float32(0)}})
  stage_with(keep_motion=True).check_frozen(codec)  # of an earlier version
  stage_with().check_frozen(untrained)
  stage_with(keep_motion=True, with_truth=False).check_frozen(untrained)
  with pytest.raises(
    ConfigError, match='stage motion_codec needs a motion codec whose truth encoder was trained'
  ):
    stage_with(keep_motion=True).check_frozen(untrained)
