"""Voice-to-face figures: sex and age agreement, also by groups, and diversity of the faces of one voice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seetalk_jax.evaluation import groups
from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import series
from seetalk_jax.evaluation.probes import readers
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure

PART = 'voice to face'
_SEX, _AGE = readers.FIELDS.index('sex'), readers.FIELDS.index('age')


@part('voice', order=30)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """Sex and age agreement, and the diversity of faces of one voice."""
  attributes = np.stack([inputs.world.attributes(speaker) for speaker in inputs.face_speakers])
  read_of_truth = inputs.reader(inputs.true_portraits)
  read_of_made = inputs.reader(inputs.small(inputs.portraits))
  figures = fit_figures(read_of_made, read_of_truth, attributes, _reachable(inputs), inputs.face_groups)
  spread = [inputs.reader(portraits) for portraits in inputs.portraits_of_seeds]
  redrawn = [inputs.reader(portraits) for portraits in inputs.redrawn_portraits]
  return figures + spread_figures(spread, read_of_truth, redrawn)


def _reachable(inputs: EvaluationInputs) -> tuple[float, float] | None:
  """`reachable` of the validation speakers; None if the world has no synthesis parameters of voices."""
  speakers = inputs.world.speaker_ids('validation', inputs.config.reachable_speakers)
  voice = inputs.world.voice_numbers(speakers)
  if voice is None:
    return None
  return reachable(voice, np.stack([inputs.world.attributes(s) for s in speakers]))


def fit_regression(inputs: np.ndarray, targets: np.ndarray, *, seed: int = 0, num_features: int = 400):
  """Ridge regression on standardized inputs, their pairwise products and random Fourier features.

  Args:
    inputs: `[n, d]`.
    targets: `[n, k]`.

  Returns:
    A function `[m, d] -> [m, k]`.
  """
  inputs, targets = np.asarray(inputs, np.float64), np.asarray(targets, np.float64)
  mean, std = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-9)
  rng = np.random.default_rng(seed)
  d = inputs.shape[1]
  waves = rng.normal(size=(d, num_features)) * 0.6 / np.sqrt(d)
  phases = rng.uniform(0, 2 * np.pi, num_features)
  pairs = np.triu_indices(d)

  def features(x):
    z = np.clip((np.asarray(x, np.float64) - mean) / std, -4, 4)
    products = z[:, pairs[0]] * z[:, pairs[1]]
    return np.concatenate([np.ones((len(z), 1)), z, products, np.cos(z @ waves + phases)], axis=1)

  design = features(inputs)
  weights = np.linalg.solve(design.T @ design + 1.0 * np.eye(design.shape[1]), design.T @ targets)
  return lambda x: features(x) @ weights


def reachable(voice: np.ndarray, attributes: np.ndarray, seed: int = 0) -> tuple[float, float]:
  """Upper bound (sex accuracy, age r): a predictor from the synthesis parameters of the voice, not its sound.

  Voice and face share only the speaker's traits, and the voice shows them with noise. The sound has no
  information beyond its synthesis parameters. Up to the quality of the predictor, this is therefore the best
  possible result; it includes no error of face generation or of the reader.

  Args:
    voice: `[n, d]` synthesis parameters of n speakers' voices; one half fits, the other half scores.
    attributes: `[n, 3]`: sex, age, head size.
  """
  half = len(voice) // 2
  targets = np.stack([attributes[:, 0] > 0.5, attributes[:, 1]], axis=1).astype(np.float64)
  predict = fit_regression(voice[:half], targets[:half], seed=seed)
  prediction = predict(voice[half:])
  accuracy = float(np.mean((prediction[:, 0] > 0.5) == (targets[half:, 0] > 0.5)))
  return accuracy, series.correlation(prediction[:, 1], targets[half:, 1])


def fit_figures(
  read: np.ndarray,
  read_of_truth: np.ndarray,
  attributes: np.ndarray,
  best: tuple[float, float] | None,
  masks: Mapping[str, np.ndarray],
) -> list[Figure]:
  """Figures of sex and age read from generated portraits, from true ones, and from those of other voices (shuffled).

  Args:
    read: readings `[n, fields]` of one generated portrait per held-out voice.
    read_of_truth: readings `[n, fields]` of rendered portraits of the same speakers.
    attributes: `[n, 3]`, the speakers' true sex, age, head size.
    best: `reachable(...)`, or None if the world has no synthesis parameters of voices.
    masks: name -> bool `[n]`, groups with rows of sex of their own.
  """
  male, age = attributes[:, 0] > 0.5, attributes[:, 1]
  rows = {'generated': read, 'truth': read_of_truth, 'shuffled': read[series.shuffled_partner(len(read))]}
  right = {row: 100.0 * ((each[:, _SEX] > 0.5) == male) for row, each in rows.items()}
  ages = {row: np.stack([each[:, _AGE], age], axis=1) for row, each in rows.items()}

  def agreement(p):
    return series.correlation(p[:, 0], p[:, 1])

  figures = [
    figure(PART, 'sex read right, %', right['generated'], '>= 90'),
    figure(PART, 'age, r', ages['generated'], '>= 0.5', statistic=agreement),
    figure(PART, 'sex, the probe on true portraits, %', right['truth']),
    figure(PART, 'age, the probe on true portraits, r', ages['truth'], statistic=agreement),
    figure(PART, 'sex, portraits of shuffled voices, %', right['shuffled']),
    figure(PART, 'age, portraits of shuffled voices, r', ages['shuffled'], statistic=agreement),
  ]
  if best is not None:
    note = 'a predictor given the voice parameters themselves'
    figures.append(Figure(PART, 'sex, best that any predictor could reach, %', 100 * best[0], note=note))
    figures.append(Figure(PART, 'age, best that any predictor could reach, r', best[1], note=note))
  return figures + groups.group_figures(PART, 'sex read right, %', right, masks)


def spread_figures(
  read: Sequence[np.ndarray], population: np.ndarray, redrawn: Sequence[np.ndarray]
) -> list[Figure]:
  """Spread of the faces of one voice over seeds, in percent of the spread over people.

  Args:
    read: per voice the readings `[seeds, fields]` of its portraits.
    population: readings `[n, fields]` of rendered portraits of n speakers.
    redrawn: per voice the readings `[seeds, fields]` of rendered portraits of its speaker, each with a newly
      sampled look. Their true age is constant, so the spread of the age readings is the error of the probe:
      the lower bound for any portraits.

  The spread of colors is the square root of the summed variances of red, green and blue. The same probe reads
  all portraits.
  """
  groups = {
    'skin': (readers.SKIN, '>= 50'),
    'hair': (readers.HAIR, '>= 50'),
    'age': ((_AGE,), '<= 30'),
  }
  figures = []
  for name, (columns, target) in groups.items():
    columns = list(columns)
    of_all = max(float(np.sqrt(population[:, columns].var(axis=0, ddof=1).sum())), 1e-9)

    def share(variances, of_all=of_all):
      return 100 * float(np.sqrt(variances.mean())) / of_all

    sides = [
      (f"{name}, spread for one voice, % of the population's", read, target),
      (f"{name}, the same of the speaker's true portraits, redrawn, %", redrawn, ''),
    ]
    for label, readings, wanted in sides:
      variances = np.array([voice[:, columns].var(axis=0, ddof=1).sum() for voice in readings])
      note = f'{len(readings[0])} faces of each voice'
      figures.append(figure(PART, label, variances, wanted, note, statistic=share))
  return figures
