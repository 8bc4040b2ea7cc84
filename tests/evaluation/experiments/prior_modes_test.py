"""Measures of Figure 3: they separate matching, diverse faces from others."""

import numpy as np
import pytest

from seetalk_jax.evaluation.experiments import prior_modes


@pytest.fixture
def truth():
  rng = np.random.default_rng(0)
  attributes = np.stack([rng.random(40) > 0.5, rng.uniform(20, 80, 40), rng.standard_normal(40)], axis=1)
  readings = np.concatenate([np.broadcast_to(attributes, (3, 40, 3)), rng.random((3, 40, 6))], axis=-1)
  vectors = rng.standard_normal((40, 16))
  vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
  redrawn = prior_modes.Portraits(readings, np.broadcast_to(vectors, (3, 40, 16)))
  return prior_modes.Truth(attributes, vectors, redrawn)


def test_true_portraits_are_the_best(truth):
  measured = prior_modes.measure(truth.redrawn, truth)
  assert measured.keys() == prior_modes.MEASURES.keys()
  assert measured['sex right, %'] == measured['R@10, %'] == 100
  assert measured['age, r'] == pytest.approx(1) and measured['head size, r'] == pytest.approx(1)
  assert 80 < measured["spread of hair, % of people's"] < 120
  assert measured['Frechet distance, face encoder'] == pytest.approx(0, abs=1e-9)


def test_the_same_face_for_all_is_seen(truth):
  one = prior_modes.Portraits(
    np.broadcast_to(truth.redrawn.readings[:1, :1], (3, 40, 9)) + 1e-9 * np.arange(40)[:, None],
    np.broadcast_to(truth.gallery[:1], (3, 40, 16)),
  )
  measured = prior_modes.measure(one, truth)
  assert measured['sex right, %'] < 75 and abs(measured['age, r']) < 0.5
  assert measured["spread of skin, % of people's"] < 1 and measured['R@10, %'] < 50
  assert measured['Frechet distance, face encoder'] > 0.1


def test_reachable_correlation_is_that_of_the_part_that_vectors_hold():
  rng = np.random.default_rng(0)
  vectors, noise = rng.standard_normal((2000, 20)), rng.standard_normal(2000)
  part = vectors @ rng.standard_normal(20) / np.sqrt(20)
  part, noise = part / part.std(), noise / noise.std()
  assert prior_modes.reachable_correlation(vectors, part) == pytest.approx(1, abs=1e-3)
  assert prior_modes.reachable_correlation(vectors, 0.6 * part + 0.8 * noise) == pytest.approx(0.6, abs=0.06)
  assert abs(prior_modes.reachable_correlation(vectors, noise)) < 0.1
  assert np.isnan(prior_modes.reachable_correlation(vectors[:4], noise[:4]))


def test_table_shows_mean_and_spread_over_seeds(truth):
  row = prior_modes.measure(truth.redrawn, truth)
  text = prior_modes.table({('scfp', 5): [row, {k: v + 2 for k, v in row.items()}], ('true', 0): [row]})
  lines = text.splitlines()
  assert len(lines) == 4 and lines[2].startswith('| scfp | 5 | 101.0 ± 1.4 |')
  assert lines[3].startswith('| true |  | 100.0 |')
