"""Styles of speakers: deterministic, varied, and within their ranges."""

import dataclasses

import numpy as np

from seetalk_jax.synthetic.acting import style


def test_styles_are_deterministic_and_varied():
  assert style.sample_style(7) == style.sample_style(7)
  styles = [style.sample_style(seed) for seed in range(400)]
  for field in dataclasses.fields(style.Style):
    values = np.array([getattr(s, field.name) for s in styles])
    assert np.isfinite(values).all() and values.std(axis=0).min() > 0, field.name
  for name, low, high in (
    ('articulation', 0.6, 1.5), ('teeth', 0.4, 1.8), ('head', 0.3, 2.2), ('smile', -0.15, 0.35), ('brow', 0, 0.9),
    ('blinks_per_second', 0.12, 0.6), ('contact', 0.45, 0.97), ('parted', 0, 0.04), ('open_pauses', 0, 1),
  ):  # fmt: skip
    values = [getattr(s, name) for s in styles]
    assert low <= min(values) and max(values) <= high, name
  assert 0.95 < np.mean([s.articulation for s in styles]) < 1.08
