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


def test_groups_have_rows_that_add_up_to_all():
  masks = {'few': np.arange(40) < 10, 'others': np.arange(40) >= 10}
  found = by_name(portraits.distance_figures(features(3.0), masks))
  for name in ('cosine to the true face', 'true face by portrait, R@10 among 40, %'):
    everyone = found[f'{name}, generated']
    assert 0.25 * found[f'{name}, few'] + 0.75 * found[f'{name}, others'] == pytest.approx(everyone)


def test_portraits_of_one_voice_differ_less_than_those_of_several():
  rng = np.random.default_rng(0)
  people = rng.standard_normal((6, 1, 16))
  made, redrawn = (list(people + noise * rng.standard_normal((6, 4, 16))) for noise in (0.1, 0.5))
  found = by_name(portraits.diversity_figures(made, redrawn))
  rows = [found[f'diversity of one voice, 1 - cosine, {row}'] for row in ('generated', 'truth', 'shuffled')]
  assert rows == sorted(rows) and rows[0] < 0.02 and rows[2] > 0.5
  same, other = portraits.consistency_figures(made)
  assert same.value > 0.98 and other.value < 0.5
  assert same.low <= same.value <= same.high and same.count == 6


def test_mixed_sets_hold_every_portrait_once_and_no_voice_twice():
  made = [np.array([10 * voice + k for k in range(3)]) for voice in range(4)]
  sets = portraits.mixed(made)
  assert sorted(np.concatenate(sets)) == sorted(np.concatenate(made))
  assert all(len(set(each // 10)) == 3 for each in sets)


class _Inputs:
  """Portraits of one color; features are means of colors."""

  face_speakers = list(range(6))
  portraits = np.full((6, 8, 8, 3), 90, np.uint8) + np.arange(6, dtype=np.uint8)[:, None, None, None]

  def __init__(self, inception):
    self.inception, self.world, self.sizes = inception, self, set()

  def portrait(self, speaker, seed, size):
    self.sizes.add(size)
    return np.full((size, size, 3), 100 + speaker + seed % 2, np.uint8)


def test_fid_needs_weights_and_falls_with_the_difference():
  (missing,) = portraits.fid_figures(_Inputs(None))
  assert np.isnan(missing.value) and 'seetalk convert inception' in missing.note and missing.reached is None
  inputs = _Inputs(lambda pictures: pictures.astype(float).mean(axis=(1, 2)))
  made, truth = portraits.fid_figures(inputs)
  assert inputs.sizes == {8}  # that of the generated portraits
  assert made.value > 100 > 10 > truth.value
  assert made.count == 6
