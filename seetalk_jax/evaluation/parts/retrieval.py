"""Voice-to-face retrieval: recall at k, and the best recall that voices of the synthetic world allow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.parts.voice_to_face import fit_regression
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure

KS = (1, 5, 10)


@part('retrieval', order=90)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Voice-to-face retrieval; no figures without `inputs.towers`."""
  if inputs.towers is None:
    return []
  world, speakers = inputs.world, inputs.face_speakers
  best, numbers = None, world.voice_numbers(speakers)
  if numbers is not None:
    others = world.speaker_ids('validation', inputs.config.reachable_speakers)
    traits = [np.stack([world.attributes(s) for s in each]) for each in (speakers, others)]
    best = best_similarity(numbers, traits[0], world.voice_numbers(others), traits[1])
  vectors = inputs.towers.voices(inputs.face_speech), inputs.towers.faces(inputs.true_portraits)
  return retrieval_figures(*vectors, best)


def ranks(similarity: np.ndarray) -> np.ndarray:
  """Rank `[n]` (0 is best) of entry i in row i of `similarity [n, n]`; ties get their mean rank."""
  own = np.diagonal(similarity)[:, None]
  better = np.sum(similarity > own, axis=1)
  equal = np.sum(similarity == own, axis=1) - 1
  return better + 0.5 * equal


def recall(similarity: np.ndarray, k: int) -> np.ndarray:
  """Bool `[n]`: whether entry i is among the k most similar of row i."""
  return ranks(similarity) < k


def best_similarity(
  voice: np.ndarray, attributes: np.ndarray, known_voice: np.ndarray, known_attributes: np.ndarray
) -> np.ndarray:
  """Log likelihood of each of n faces given each of n voices, from synthesis parameters and true traits.

  Voice and face share only the speaker's traits. A regression estimates the traits from the synthesis
  parameters of the voice; the covariance of its error is measured. The likelihood of a face is that of its
  true traits.

  Args:
    voice: `[n, d]`, synthesis parameters of the n voices.
    attributes: `[n, 3]`, the true traits of the n faces.
    known_voice, known_attributes: `[m, d]` and `[m, 3]` of other speakers; one half fits the regression, the
      other measures its error.

  Returns:
    `[n, n]`, voices by faces: log likelihood up to a constant per voice.
  """
  half = len(known_voice) // 2
  predict = fit_regression(known_voice[:half], known_attributes[:half])
  error = predict(known_voice[half:]) - known_attributes[half:]
  inverse = np.linalg.inv(np.cov(error, rowvar=False) + 1e-9 * np.eye(error.shape[1]))
  away = attributes[None] - predict(voice)[:, None]
  return -0.5 * np.einsum('nmi,ij,nmj->nm', away, inverse, away)


def retrieval_figures(voices: np.ndarray, faces: np.ndarray, best: np.ndarray | None) -> list[Figure]:
  """Recall at 1, 5 and 10 among n, voice to face and face to voice.

  Args:
    voices, faces: unit vectors `[n, d]`; equal rows belong to one speaker.
    best: `best_similarity(...)`, or None if the world has no synthesis parameters of voices.
  """
  n, similarity = len(voices), voices @ faces.T
  figures = []
  for name, table in (('voice to face', similarity), ('face to voice', similarity.T)):
    for k in KS:
      percent = 100.0 * recall(table, k)
      note = f'{100 * k / n:.0f} % by chance'
      figures.append(figure('retrieval', f'{name}, R@{k} among {n}, %', percent, note=note))
  for k in KS if best is not None else ():
    value = 100.0 * float(recall(best, k).mean())
    note = 'given the voice parameters and the traits of faces themselves'
    figures.append(Figure('retrieval', f'voice to face, R@{k}, best reachable, %', value, note=note))
  return figures


def mean_recall(queries: Sequence[np.ndarray], gallery: np.ndarray, k: int) -> float:
  """Recall at k in percent over several sets of queries `[n, d]` into one gallery `[n, d]`."""
  return 100.0 * float(np.mean([recall(vectors @ gallery.T, k) for vectors in queries]))
