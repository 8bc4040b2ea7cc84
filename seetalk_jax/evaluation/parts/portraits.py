"""Portraits from voices against true faces: feature distances, retrieval, diversity, consistency, by groups.

Features are those of the evaluation's identity network, which is trained on renderings: values do not compare with
those of other networks. `truth` is another rendering of the same speaker, the best that can be reached; `shuffled` is
the portrait of another voice, the floor.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from tqdm import tqdm

from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import frechet, portrait_features, series
from seetalk_jax.evaluation.parts import retrieval
from seetalk_jax.evaluation.probes import trunk
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure

PART = 'portraits'
_OTHER_LOOK = 1_000_000  # added to seeds of renderings
_AGES = (('under 35', 0, 35), ('35 to 54', 35, 55), ('55 and over', 55, 200))


@part(PART, order=35)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Distances, retrieval, diversity and consistency of portraits in the features of the identity network."""
  config, world, speakers, read = inputs.config, inputs.world, inputs.face_speakers, inputs.identity_reader
  other = [world.portrait(speaker, _OTHER_LOOK + i, trunk.IMAGE_SIZE) for i, speaker in enumerate(speakers)]
  features = {
    'generated': read(inputs.small(inputs.portraits)),
    'true': read(inputs.true_portraits),
    'truth': read(np.stack(other)),
  }
  attributes = np.stack([world.attributes(speaker) for speaker in speakers])
  settings = config.spread
  of_recordings = []
  chosen = list(zip(speakers, inputs.face_speech, strict=True))[: settings.voices]
  for i, (speaker, speech) in enumerate(tqdm(chosen, desc='faces of other recordings', file=sys.stderr)):
    talks = [inputs.talk(speaker, _OTHER_LOOK + 10 * i + k, config.faces.frames).speech for k in range(2)]
    faces = [inputs.generator.portraits(each, [config.seed])[0] for each in (speech, *talks)]
    of_recordings.append(read(inputs.small(np.stack(faces))))
  of_seeds = [read(each) for each in inputs.portraits_of_seeds]
  return [
    *distance_figures(features, groups_of(attributes)),
    figure(
      PART,
      'diversity of one voice, 1 - cosine',
      portrait_features.diversity(of_seeds),
    ),
    figure(
      PART, 'consistency of recordings of one speaker, cosine', portrait_features.consistency(of_recordings)
    ),
  ]


def groups_of(attributes: np.ndarray) -> dict[str, np.ndarray]:
  """Bool masks `[n]` of groups by sex and age; groups of fewer than two are left out.

  Args:
    attributes: `[n, 3]`: probability of male, age in years, head size.
  """
  male, age = attributes[:, 0] > 0.5, attributes[:, 1]
  groups = {'male': male, 'female': ~male} | {name: (age >= low) & (age < high) for name, low, high in _AGES}
  return {name: mask for name, mask in groups.items() if mask.sum() > 1}


def distance_figures(features: Mapping[str, np.ndarray], groups: Mapping[str, np.ndarray]) -> list[Figure]:
  """Figures of distances, retrieval and the Frechet distance, for generated portraits, truth and shuffled ones.

  Args:
    features: `generated`, `true` and `truth` `[n, d]` of n voices: portraits, faces, and other renderings of them.
    groups: name -> bool `[n]`, for rows of their own.
  """
  true = features['true']
  partner = series.shuffled_partner(len(true))
  rows = {
    'generated': features['generated'],
    'truth': features['truth'],
    'shuffled': features['generated'][partner],
  }
  figures = []
  for row, made in rows.items():
    for name, values in portrait_features.feature_distances(made, true).items():
      figures.append(figure(PART, f'{name} to the true face, {row}', values))
    similarity = portrait_features.unit(made) @ portrait_features.unit(true).T
    for k in retrieval.KS:
      percent = 100.0 * retrieval.recall(similarity, k)
      note = f'{100 * k / len(true):.0f} % by chance'
      figures.append(
        figure(PART, f'true face by portrait, R@{k} among {len(true)}, %, {row}', percent, note=note)
      )
  for row in ('generated', 'truth'):
    distance = frechet.frechet_distance(rows[row], true)
    figures.append(Figure(PART, f'Frechet distance of identity features, {row}', distance, count=len(true)))
  cosine = portrait_features.feature_distances(rows['generated'], true)['cosine']
  return figures + [
    figure(PART, f'cosine to the true face, {name}', cosine[mask]) for name, mask in groups.items()
  ]
