"""Face prior stage: mean, standard deviation and covariance of the latents of aligned portraits, in one pass.

The paper uses a statistical prior and does not specify a covariance. We also use principal directions of the
latents and a linear regression of their coordinates from the voice vector.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.data import views
from seetalk_jax.errors import ConfigError
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.portrait.face_prior import FacePrior, PriorSums, finalize_prior, update_prior
from seetalk_jax.stages import base


def prior_statistics(raw: FacePrior) -> dict[str, np.ndarray]:
  """The statistics that later stages and releases use, from mean and std `[h, w, c]` of unscaled latents.

  Returns:
    latent_scale: 1 / standard deviation over all latent values, a scalar as in Stable Diffusion.
    latent_mean: `[c]`, unscaled, for reports.
    face_prior_mean, face_prior_std: `[h, w, c]`, of scaled latents.
  """
  mean, std = np.asarray(raw.mean, np.float64), np.asarray(raw.std, np.float64)
  variance = np.mean(std**2 + mean**2) - np.mean(mean) ** 2
  scale = 1.0 / np.sqrt(max(variance, 1e-12))
  statistics = {
    'latent_scale': scale,
    'latent_mean': mean.mean((0, 1)),
    'face_prior_mean': mean * scale,
    'face_prior_std': std * scale,
  }
  return {name: np.asarray(value, np.float32) for name, value in statistics.items()}


# Share of the largest variance below which a direction has none but rounding errors: few people, or the same portraits
# many times, span fewer directions than are asked for.
_MIN_SHARE = 1e-6
# A combination of coordinates is in the voice subspace if its predicted variance is at least this share of
# its residual variance.
_MIN_VARIANCE_RATIO = 0.1
_MAX_SUBSPACE_DIM = 16


def principal_directions(latents: np.ndarray, count: int) -> dict[str, np.ndarray]:
  """The first `count` principal directions of scaled latents `[n, h, w, c]`.

  Returns:
    face_prior_directions `[count, h, w, c]` (rounded to float16 precision, to save space),
    face_prior_variances `[count]`, and face_prior_rest, the mean variance in all other directions. Directions that the
    latents do not span have the least variance of those that they do.
  """
  n, shape = len(latents), latents.shape[1:]
  flat = latents.reshape(n, -1).astype(np.float32)
  flat = flat - flat.mean(0)
  _, singular, directions = np.linalg.svd(flat, full_matrices=False)
  variances = np.square(singular) / n
  least = np.min(variances[_spanned(variances)], initial=variances[0])
  left = np.sum(variances[count:]) / max(flat.shape[1] - count, 1)
  return {
    'face_prior_directions': directions[:count].reshape(count, *shape).astype(np.float16).astype(np.float32),
    'face_prior_variances': np.maximum(variances[:count], least).astype(np.float32),
    'face_prior_rest': np.float32(max(left, 1e-4)),
  }


def _spanned(variances: np.ndarray) -> np.ndarray:
  """Whether the data vary along each direction, bool `[k]`."""
  return variances > _MIN_SHARE * np.max(variances)


def folds_by_speaker(speakers: np.ndarray, folds: int) -> np.ndarray:
  """Cross-validation fold, int `[n]`, of every row: rows of a speaker share one, and folds are of similar size.

  Args:
    speakers: int `[n]`.
    folds: number of folds; with fewer speakers each of them is a fold.
  """
  names, first, rows, sizes = np.unique(speakers, return_index=True, return_inverse=True, return_counts=True)
  filled, fold_of = np.zeros(min(folds, len(names)), int), np.zeros(len(names), int)
  for name in np.lexsort((first, -sizes)):  # the largest speakers first, then in the order of the rows
    fold_of[name] = np.argmin(filled)
    filled[fold_of[name]] += sizes[name]
  return fold_of[rows]


def voice_regression(
  latents: np.ndarray,
  embeddings: np.ndarray,
  directions: np.ndarray,
  variances: np.ndarray,
  folds: int = 5,
  *,
  speakers: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
  """Ridge regression from the voice vector to the coordinates of the latent along the principal directions.

  The ridge penalty of each direction and the residual variances come from cross-validation over speakers: those of
  a fold are in no other fold. With folds over rows, a regression that recognizes the voices of speakers would seem to
  predict their faces.

  Args:
    latents: `[n, h, w, c]`, scaled.
    embeddings: `[n, d]`, the voice vectors of the same people.
    directions, variances: from `principal_directions`.
    folds: number of cross-validation folds.
    speakers: int `[n]`, the speaker of every row, at least 2 different ones; None: every row is another one.

  Returns:
    face_prior_voice `[k, d]`, face_prior_voice_mean `[d]`, face_prior_voice_variances `[k]`, face_prior_told
    `[r, k]`.
  """
  n, k = len(latents), len(directions)
  along = (latents - latents.mean(0)).reshape(n, -1) @ directions.reshape(k, -1).T
  mean = embeddings.mean(0)
  voices = embeddings - mean
  scale = np.mean(np.square(voices)) * n
  penalties = scale * np.logspace(-3, 3, 13)

  def fit(rows):
    left, singular, right = np.linalg.svd(voices[rows], full_matrices=False)
    answers = left.T @ along[rows]
    return [right.T @ (answers * (singular / (singular**2 + p))[:, None]) for p in penalties]

  errors = np.zeros((len(penalties), k))
  fold_of = folds_by_speaker(np.arange(n) if speakers is None else speakers, folds)
  for fold in np.unique(fold_of):
    out = fold_of == fold
    for i, weights in enumerate(fit(~out)):
      errors[i] += np.sum(np.square(voices[out] @ weights - along[out]), axis=0) / n
  best, columns = np.argmin(errors, axis=0), np.arange(k)  # one ridge penalty per direction
  weights = np.stack(fit(np.ones(n, bool)))[best, :, columns]
  # An error of 0 along a direction that the latents do not span is no prediction.
  spanned = _spanned(np.mean(np.square(along), axis=0))
  left = np.where(spanned, np.minimum(errors[best, columns], variances), variances)
  return {
    'face_prior_voice': weights.astype(np.float32),
    'face_prior_voice_mean': mean.astype(np.float32),
    'face_prior_voice_variances': left.astype(np.float32),
    'face_prior_told': voice_subspace(voices @ weights.T, left),
  }


def voice_subspace(expected: np.ndarray, left: np.ndarray) -> np.ndarray:
  """The voice subspace: the combinations of coordinates that the voice predicts, relative to their residuals.

  Args:
    expected: `[n, k]`, coordinates predicted from the voices.
    left: `[k]`, residual variances of these predictions.

  Returns:
    float32 `[r, k]`, orthonormal, in coordinates divided by their standard deviation `sqrt(left)`; r is at
    least 1.
  """
  relative = (expected - expected.mean(0)) / np.sqrt(left)
  _, singular, directions = np.linalg.svd(relative, full_matrices=False)
  rank = int(np.sum(np.square(singular) / len(expected) >= _MIN_VARIANCE_RATIO))
  return directions[: max(1, min(rank, _MAX_SUBSPACE_DIM))].astype(np.float32)


@flax.struct.dataclass
class LatentStatistics:
  """The accumulator of the pass: exact sums over all portraits, and the first latents and voice vectors.

  Attributes:
    sums: sums of all latents, for their mean and standard deviation.
    latents: `[n, h, w, c]`, unscaled; rows from `sums.count` on are zeros.
    embeddings: `[n, d]`, or width 0 without `with_voice`.
    speakers: int32 `[n]`, or `[0]` without `with_voice`.
  """

  sums: PriorSums
  latents: jax.Array
  embeddings: jax.Array
  speakers: jax.Array


@dataclasses.dataclass(frozen=True)
class FacePriorStage(base.PassStage):
  """One pass over aligned portraits.

  Attributes:
    components: number of principal directions; 0: none.
    component_portraits: number of portraits that the directions are computed from: the first ones of the
      pass.
    with_voice: also fit the regression from the voice vector to the coordinates along the directions.
  """

  preview_rows = ('mean face',)
  frozen: Mapping[str, nn.Module]
  networks: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'face_prior'
  view: str = 'image'
  image_size: int = 256
  components: int = 0
  component_portraits: int = 2048
  with_voice: bool = False

  @property
  def encoder_inputs(self) -> tuple[str, ...]:
    return ()  # the prior is that of portraits as they are

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    names = ('portrait', 'speech', 'num_samples', 'speaker') if self.with_voice else ('image',)
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  def data_options(self) -> dict[str, Any]:
    options = super().data_options()
    return options if self.with_voice else {**options, 'portraits_only': True}

  def start(self, frozen: base.Frozen) -> LatentStatistics:
    del frozen
    autoencoder = self.frozen['autoencoder']
    size = self.image_size // autoencoder.factor
    shape = (size, size, autoencoder.latent_channels)
    kept = self.component_portraits if self.components else 0
    width = self.frozen['speech_encoder'].embedding_dim if self.with_voice else 0
    return LatentStatistics(
      PriorSums.empty(shape),
      jnp.zeros((kept, *shape), jnp.float32),
      jnp.zeros((kept, width), jnp.float32),
      jnp.zeros((kept if self.with_voice else 0,), jnp.int32),
    )

  def update(self, accumulator: LatentStatistics, frozen: base.Frozen, batch: base.Batch) -> LatentStatistics:
    image = image_ops.to_float(batch['portrait' if self.with_voice else 'image'])
    mean, _ = self.frozen['autoencoder'].apply(frozen.variables('autoencoder'), image, method='encode')
    rows = accumulator.sums.count + jnp.arange(mean.shape[0])
    latents = accumulator.latents.at[rows].set(mean.astype(jnp.float32), mode='drop')
    embeddings, speakers = accumulator.embeddings, accumulator.speakers
    if self.with_voice:
      features = self.frozen['speech_encoder'].apply(
        frozen.variables('speech_encoder'), batch['speech'], batch['num_samples']
      )
      embeddings = embeddings.at[rows].set(features.embedding.astype(jnp.float32), mode='drop')
      speakers = speakers.at[rows].set(batch['speaker'], mode='drop')
    return LatentStatistics(update_prior(accumulator.sums, mean), latents, embeddings, speakers)

  def finalize(self, accumulator: LatentStatistics) -> dict[str, dict[str, np.ndarray]]:
    statistics = prior_statistics(finalize_prior(accumulator.sums))
    if self.components:
      count = int(accumulator.sums.count)
      latents = np.asarray(accumulator.latents[:count]) * statistics['latent_scale']
      if len(latents) <= self.components:
        raise ConfigError(
          f'{len(latents)} portraits cannot give {self.components} directions: raise --config.num_steps or '
          'lower --config.options.components'
        )
      components = principal_directions(latents, self.components)
      statistics |= components
      if self.with_voice:
        embeddings = np.asarray(accumulator.embeddings[:count])
        speakers = np.asarray(accumulator.speakers[:count])
        if len(np.unique(speakers)) < 2:
          raise ConfigError(
            'the regression from voice to face needs portraits of several speakers, the corpora have one: set '
            '--config.options.with_voice=False, or add speakers'
          )
        basis = (components['face_prior_directions'], components['face_prior_variances'])
        statistics |= voice_regression(latents, embeddings, *basis, speakers=speakers)
    return {'face_prior': statistics}

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """The decoded mean of the prior: the mean face."""
    del params, collections, batch, rng
    statistics = frozen.statistics['face_prior']
    latent = jnp.asarray(statistics['face_prior_mean'])[None] / statistics['latent_scale']
    image = self.frozen['autoencoder'].apply(frozen.variables('autoencoder'), latent, method='decode')
    return image_ops.picture_grid([image])


def uses(config) -> base.Uses:
  """The autoencoder; with the option `with_voice`, whose regression is cross-validated over speakers, also the
  speech encoder and two speakers.
  """
  if not base.option(FacePriorStage, config, 'with_voice'):
    return base.Uses(frozen=('autoencoder',))
  return base.Uses(frozen=('autoencoder', 'speech_encoder'), num_speakers=2)


def build(config, pretrained: Mapping[str, nn.Module]) -> FacePriorStage:
  """The stage of a configuration.

  Raises:
    ConfigError: `with_voice` without `components`.
  """
  options = base.options_of(FacePriorStage, config)
  if options.get('with_voice'):
    if not options.get('components'):
      raise ConfigError('option with_voice needs principal directions: set --config.options.components')
    options = {'view': 'portrait_speech', **options}
  _, frozen = base.networks_for(uses(config), config, pretrained)
  return FacePriorStage(frozen=frozen, **options)
