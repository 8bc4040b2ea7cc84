"""Motion codec stage: a learned batch, with and without ground truth."""

import numpy as np
import pytest
from stage2_training import batch_of, train
from tiny_stages import SIZE, config_of

from seetalk_jax.stages import base


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
    assert picture.shape == (7 * SIZE, 2 * SIZE, 3) and picture.dtype == np.uint8
