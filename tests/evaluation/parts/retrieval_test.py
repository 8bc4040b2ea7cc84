"""Retrieval: ranks, recall, and the best recall that shared traits allow."""

import numpy as np

from seetalk_jax.evaluation.parts import retrieval


def test_places_and_recall():
  similarity = np.array([[3.0, 1.0, 2.0], [3.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
  assert retrieval.ranks(similarity).tolist() == [0, 1, 1]  # ties get their mean rank
  assert retrieval.recall(similarity, 1).tolist() == [True, False, False]
  assert retrieval.recall(similarity, 2).all()


def test_perfect_and_blind_towers():
  rng = np.random.default_rng(0)
  faces = rng.standard_normal((60, 8))
  faces /= np.linalg.norm(faces, axis=1, keepdims=True)
  by_name = {figure.name: figure for figure in retrieval.retrieval_figures(faces, faces, None)}
  assert all(figure.value == 100 for figure in by_name.values()) and len(by_name) == 6
  blind = retrieval.retrieval_figures(np.roll(faces, 7, axis=0), faces, None)
  assert blind[0].value < 20


def test_best_similarity_finds_what_voices_tell():
  """Voices show three traits with noise: retrieval is easy with little noise and hard with much."""
  rng = np.random.default_rng(1)

  def world(n, noise):
    traits = rng.standard_normal((n, 3))
    mixed = traits @ np.array([[1.0, 0.2, 0, 0.1], [0, 1.0, 0.3, 0], [0.4, 0, 1.0, 0.2]])
    return mixed + noise * rng.standard_normal(mixed.shape), traits

  recalls = []
  for noise in (0.02, 2.0):
    voice, traits = world(80, noise)
    similarity = retrieval.best_similarity(voice, traits, *world(2000, noise))
    recalls.append(retrieval.recall(similarity, 1).mean())
  assert recalls[0] > 0.9 and recalls[1] < 0.3
