"""Portraits from voices against true faces: feature distances, retrieval, FID, diversity, consistency, by groups.

Features are those of the evaluation's identity network, which is trained on renderings: values do not compare with
those of other networks. FID needs converted weights of Inception. `truth` is another rendering of the same speaker, the
best that can be reached; `shuffled` is the portrait of another voice, the floor. Sex and age are in `voice_to_face`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from seetalk_jax.evaluation import groups
from seetalk_jax.evaluation.inputs import OTHER_LOOK, EvaluationInputs
from seetalk_jax.evaluation.measures import frechet, portrait_features, series
from seetalk_jax.evaluation.parts import retrieval
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure

PART = 'portraits'
_NO_INCEPTION = (
  'not computed: weights for Inception not found, run `seetalk convert inception FILE DIR`, '
  'then give --config.inception=DIR'
)


@part(PART, order=35)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Distances, retrieval, diversity and consistency of portraits in the features of the identity network."""
  config, speakers, read = inputs.config, inputs.face_speakers, inputs.identity_reader
  features = {
    'generated': read(inputs.small(inputs.portraits)),
    'true': read(inputs.true_portraits),
    'truth': read(inputs.other_portraits),
  }
  settings = config.spread
  of_recordings = []
  chosen = list(zip(speakers, inputs.face_speech, strict=True))[: settings.voices]
  for i, (speaker, speech) in enumerate(tqdm(chosen, desc='faces of other recordings', file=sys.stderr)):
    talks = [inputs.talk(speaker, OTHER_LOOK + 10 * i + k, config.faces.frames).speech for k in range(2)]
    faces = [inputs.generator.portraits(each, [config.seed])[0] for each in (speech, *talks)]
    of_recordings.append(read(inputs.small(np.stack(faces))))
  return [
    *distance_figures(features, inputs.face_groups),
    *fid_figures(inputs),
    *diversity_figures(
      [read(each) for each in inputs.portraits_of_seeds], [read(each) for each in inputs.redrawn_portraits]
    ),
    *consistency_figures(of_recordings),
  ]


def diversity_figures(made: Sequence[np.ndarray], redrawn: Sequence[np.ndarray]) -> list[Figure]:
  """Figures of the diversity of the faces of one voice, of renderings of one speaker, and of shuffled voices.

  Args:
    made: per voice the features `[seeds, d]` of its portraits.
    redrawn: per voice the features `[seeds, d]` of renderings of its speaker, each with a newly drawn look.
  """
  name = 'diversity of one voice, 1 - cosine'
  rows = {'generated': made, 'truth': redrawn, 'shuffled': mixed(made)}
  return [figure(PART, f'{name}, {row}', portrait_features.diversity(each)) for row, each in rows.items()]


def consistency_figures(made: Sequence[np.ndarray]) -> list[Figure]:
  """Figures of the agreement of portraits from several recordings of a speaker, and of shuffled voices; 1 is best.

  Args:
    made: per speaker the features `[k, d]` of the portraits from k recordings, with one seed.
  """
  name = 'consistency of recordings of one speaker, cosine'
  rows = {'generated': made, 'shuffled': mixed(made)}
  return [figure(PART, f'{name}, {row}', portrait_features.consistency(each)) for row, each in rows.items()]


def mixed(portraits: Sequence[np.ndarray]) -> list[np.ndarray]:
  """Sets of portraits of different voices: number j of set i is number j of voice `(i + j) % n`.

  Args:
    portraits: n arrays `[k, ...]`. No voice is twice in a set for k up to n.
  """
  n = len(portraits)
  return [np.stack([portraits[(i + j) % n][j] for j in range(len(portraits[i]))]) for i in range(n)]


def distance_figures(features: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray]) -> list[Figure]:
  """Figures of distances, retrieval and the Frechet distance, for generated portraits, truth and shuffled ones.

  Args:
    features: `generated`, `true` and `truth` `[n, d]` of n voices: portraits, faces, and other renderings of them.
    masks: name -> bool `[n]`, groups with rows of their own.
  """
  true = features['true']
  partner = series.shuffled_partner(len(true))
  rows = {
    'generated': features['generated'],
    'truth': features['truth'],
    'shuffled': features['generated'][partner],
  }
  distances = {row: portrait_features.feature_distances(made, true) for row, made in rows.items()}
  similarity = {
    row: portrait_features.unit(made) @ portrait_features.unit(true).T for row, made in rows.items()
  }
  found = {
    k: {row: 100.0 * retrieval.recall(each, k) for row, each in similarity.items()} for k in retrieval.KS
  }
  figures = []
  for row in rows:
    for name, values in distances[row].items():
      figures.append(figure(PART, f'{name} to the true face, {row}', values))
    for k, percent in found.items():
      note = f'{100 * k / len(true):.0f} % by chance'
      figures.append(figure(PART, f'{_found(k, len(true))}, {row}', percent[row], note=note))
  for row in ('generated', 'truth'):
    distance = frechet.frechet_distance(rows[row], true)
    figures.append(Figure(PART, f'Frechet distance of identity features, {row}', distance, count=len(true)))
  cosines = {row: each['cosine'] for row, each in distances.items()}
  k = retrieval.KS[-1]
  return [
    *figures,
    *groups.group_figures(PART, 'cosine to the true face', cosines, masks),
    *groups.group_figures(PART, _found(k, len(true)), found[k], masks),
  ]


def _found(k: int, n: int) -> str:
  return f'true face by portrait, R@{k} among {n}, %'


def fid_figures(inputs: EvaluationInputs) -> list[Figure]:
  """FID of generated portraits against rendered ones of the same size, and of other renderings against those.

  Shuffled voices have no row, since FID does not depend on who is who. Without weights of Inception the value is NaN,
  and the note says how to get them.
  """
  if inputs.inception is None:
    return [Figure(PART, 'FID, generated', math.nan, note=_NO_INCEPTION)]
  made = inputs.portraits
  faces = {
    name: np.stack(
      [inputs.world.portrait(s, first + i, made.shape[1]) for i, s in enumerate(inputs.face_speakers)]
    )
    for name, first in (('true', 0), ('truth', OTHER_LOOK))
  }
  features = {name: inputs.inception(pictures) for name, pictures in (faces | {'generated': made}).items()}
  note = 'of few pictures, so high: compare with the row truth'
  return [
    Figure(
      PART,
      f'FID, {row}',
      frechet.frechet_distance(features[row], features['true']),
      count=len(made),
      note=note,
    )
    for row in ('generated', 'truth')
  ]
