"""Stages that need a trained truth encoder refuse a codec without one, in one line."""

import numpy as np
import pytest
from tiny_stages import SIZE, config_of

from seetalk_jax.constants import TRUTH_KNOWN
from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import base, truth_known

NETWORKS = {
  'motion': ['motion_transformer'],
  'lip_refiner': ['lip_refiner'],
  'render': ['code_transformer', 'hr_decoder'],
}


def codec(value=None):
  statistics = {} if value is None else {'motion_codec': {TRUTH_KNOWN: np.float32(value)}}
  return base.Frozen(params={'motion_codec': {}}, statistics=statistics)


@pytest.mark.parametrize(
  'stage, harmless',
  [
    ('motion', {'motion_source': 'frames'}),
    ('lip_refiner', None),
    ('render', {'truth_rate': 0.0}),
    ('render', {'with_truth': False}),
  ],
)
def test_stages_refuse_an_untrained_truth_encoder(world, stage, harmless):
  modules, _ = world

  def build(**options):
    if stage != 'motion':
      options['image_size'] = SIZE
    return base.build_stage(config_of(stage, NETWORKS[stage], **options), modules)

  build().check_frozen(codec(1))
  build().check_frozen(codec())  # of an earlier version
  with pytest.raises(ConfigError, match=f'stage {stage} needs a motion codec whose truth') as error:
    build().check_frozen(codec(0))
  assert '\n' not in str(error.value) and 'with_estimates=True' in str(error.value)
  if harmless is not None:
    build(**harmless).check_frozen(codec(0))
  if stage == 'render':
    build(with_truth=False, with_estimates=True).check_frozen(codec(1))
    with pytest.raises(ConfigError, match='truth_rate=0'):
      build(with_truth=False, with_estimates=True).check_frozen(codec(0))
    with pytest.raises(ConfigError):  # a new codec, whose truth networks this stage does not train
      build().check_frozen(base.Frozen())


def test_known_unless_it_is_recorded_otherwise():
  known = [truth_known.is_known(codec(value).statistics) for value in (None, 1, 0)]
  assert known == [True, True, False]
