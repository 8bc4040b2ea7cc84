"""Portrait figures: truth is above the floor, groups are rows of their own."""

import numpy as np
import pytest

from seetalk_jax.evaluation.parts import portraits


def features(noise, n=40, d=16):
  rng = np.random.default_rng(0)
  true = rng.standard_normal((n, d))
  near = true + 0.1 * rng.standard_normal((n, d))
  return {'true': true, 'truth': near, 'generated': true + noise * rng.standard_normal((n, d))}


def by_name(figures):
  return {figure.name: figure.value for figure in figures}


def test_better_portraits_have_better_figures():
  good, bad = (by_name(portraits.distance_figures(features(noise), {})) for noise in (0.3, 3.0))
  name = 'true face by portrait, R@1 among 40, %'
  assert good[f'{name}, generated'] > 90 > 60 > bad[f'{name}, generated']
  assert good[f'{name}, truth'] == 100
  assert good[f'{name}, shuffled'] < 10
  for measure in ('l1', 'l2'):
    assert good[f'{measure} to the true face, generated'] < bad[f'{measure} to the true face, generated']
    assert good[f'{measure} to the true face, truth'] < good[f'{measure} to the true face, generated']
  cosines = [good[f'cosine to the true face, {row}'] for row in ('truth', 'generated', 'shuffled')]
  assert cosines == sorted(cosines, reverse=True)
  frechet = 'Frechet distance of identity features, generated'
  assert good[frechet] < bad[frechet]


def test_groups_by_sex_and_age():
  attributes = np.array([[1.0, 20, 0], [1, 40, 0], [0, 60, 0], [0, 70, 0], [0, 30, 0]])
  groups = portraits.groups_of(attributes)
  assert {name: mask.tolist() for name, mask in groups.items()} == {
    'male': [True, True, False, False, False],
    'female': [False, False, True, True, True],
    'under 35': [True, False, False, False, True],
    '55 and over': [False, False, True, True, False],
  }
  made = features(0.3, n=5)
  found = by_name(portraits.distance_figures(made, groups))
  everyone = found['cosine to the true face, generated']
  assert 2 / 5 * found['cosine to the true face, male'] + 3 / 5 * found[
    'cosine to the true face, female'
  ] == pytest.approx(everyone)
