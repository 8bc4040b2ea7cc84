"""Hair styles: presets and samples are complete, in range and as varied as people's."""

import numpy as np
import pytest

from seetalk_jax.synthetic.human import hair_style, styles


def test_there_are_many_presets_for_both_sexes():
  assert len(styles.PRESETS) >= 30
  assert sum(preset.men > 0 for preset in styles.PRESETS.values()) > 20
  assert sum(preset.women > 0 for preset in styles.PRESETS.values()) > 20


@pytest.mark.parametrize('name', styles.PRESETS)
def test_presets_have_all_fields(name):
  style = styles.style(name)
  assert set(styles.PRESETS[name].values) <= set(hair_style.Style._fields)
  assert all(value.dtype == np.float32 and np.isfinite(value) for value in style)


def test_a_style_can_be_changed_and_an_unknown_name_is_an_error():
  assert styles.style('bob', parting=0.3).parting == np.float32(0.3)
  with pytest.raises(KeyError):
    styles.style('no such style')
  with pytest.raises(TypeError):
    styles.style('bob', colour=1.0)


def _sampled(sex, age, ancestry, number=300):
  rng = np.random.default_rng(3)
  return [styles.sample_style(rng, sex, age, ancestry) for _ in range(number)]


def test_samples_are_in_range_and_differ():
  for sex in ('female', 'male'):
    drawn = _sampled(sex, 40, {'african': 1, 'asian': 1, 'caucasian': 1})
    stacked = {name: np.array([getattr(style, name) for style in drawn]) for name in hair_style.Style._fields}
    assert all(np.isfinite(values).all() for values in stacked.values())
    for name in ('lift', 'clumping', 'recession', 'crown', 'density', 'front'):
      assert stacked[name].min() >= 0 and stacked[name].max() <= 1.1, name
    assert len(np.unique(stacked['length'])) == len(drawn)
    assert (stacked['parting'] > 0.05).any() and (stacked['parting'] < -0.05).any()


def test_sex_age_and_ancestry_matter():
  women, men = _sampled('female', 30, {'asian': 1}), _sampled('male', 30, {'asian': 1})
  assert np.median([style.length for style in women]) > 2 * np.median([style.length for style in men])
  bald = [
    np.mean([style.recession > 0.15 for style in _sampled('male', age, {'caucasian': 1})]) for age in (20, 65)
  ]
  assert bald[0] < 0.05 and bald[1] > 0.3
  round_ones = [
    np.mean([s.round > 0.9 for s in _sampled('female', 30, {who: 1})]) for who in ('african', 'asian')
  ]
  assert round_ones[0] > 0.1 and round_ones[1] == 0


def test_very_short_hair_of_women_is_seldom():
  women = [style for who in ('caucasian', 'asian') for style in _sampled('female', 60, {who: 1})]
  short = [style.length * style.side < 0.3 and style.tied == 0 for style in women]
  assert np.mean(short) < 0.025
