"""Tone curve: monotone, in range, neutral for gray."""

import jax.numpy as jnp
import numpy as np

from seetalk_jax.synthetic.human import tone

LEVELS = jnp.geomspace(1e-4, 50, 60)


def test_values_rise_with_light_and_stay_in_range():
  values = tone.develop(jnp.stack([LEVELS] * 3), tone.NEUTRAL)
  assert (np.diff(values) >= 0).all() and values.min() >= 0 and values.max() <= 1.001
  np.testing.assert_allclose(values[0], values[2], rtol=1e-6)


def test_exposure_scales_light_and_balance_scales_channels():
  gray = jnp.full((3, 5), 0.1)
  brighter = tone.develop(gray, tone.NEUTRAL._replace(exposure=2.0))
  np.testing.assert_allclose(brighter, tone.develop(2 * gray, tone.NEUTRAL), rtol=1e-6)
  warm = tone.develop(gray, tone.NEUTRAL._replace(balance=jnp.asarray([1.3, 1.0, 0.7])))
  assert (warm[0] > warm[1]).all() and (warm[1] > warm[2]).all()


def test_contrast_turns_around_middle_gray():
  def at(level, contrast):
    return float(tone.develop(jnp.full((3, 1), level), tone.NEUTRAL._replace(contrast=contrast))[0, 0])

  np.testing.assert_allclose(at(tone.GRAY, 1.2), at(tone.GRAY, 1.0), rtol=1e-4)
  assert at(0.05, 1.2) < at(0.05, 1.0) and at(0.6, 1.2) > at(0.6, 1.0)


def test_no_saturation_is_gray():
  values = tone.develop(jnp.asarray([[0.3], [0.2], [0.1]]), tone.NEUTRAL._replace(saturation=0.0))
  np.testing.assert_allclose(values[0], values[2], rtol=1e-5)
