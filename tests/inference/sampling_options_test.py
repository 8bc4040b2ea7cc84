"""Sampling options: the call overrides the release, the release overrides the defaults."""

import pytest

from seetalk_jax.constants import MOTION_STEPS
from seetalk_jax.inference.sampling_options import SamplingOptions


def test_the_call_comes_before_the_release_and_the_release_before_the_defaults():
  options = SamplingOptions().updated(
    {'portrait_steps': 15, 'motion_guidance': 1.5, 'of_another_version': 1},
    portrait_steps=3,
    motion_steps=None,
  )
  assert options == SamplingOptions(portrait_steps=3, motion_guidance=1.5)
  assert options.to_json() == {
    'portrait_steps': 3,
    'portrait_guidance': 2.0,
    'portrait_autoguidance': 1.0,
    'portrait_temperature': 1.0,
    'portrait_voice_temperature': 1.0,
    'portrait_asymmetry': 1.0,
    'motion_steps': MOTION_STEPS,
    'motion_guidance': 1.5,
    'lip_scale': 1.0,
  }
  with pytest.raises(TypeError):
    SamplingOptions().updated({}, steps=3)
