"""ConRe pre-training stage: one embedding space of voices and faces, decoded to a small face image."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import FPS, LIPS, NUM_LIP_FIELDS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.data import views
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.speech.regularization import Regularization
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base, figures, losses, moments, picture_mask

RECALL_AT = (1, 5, 10)
_PREPARE_BATCHES = 24
_LIPS = np.array(LIPS)
_JAW = LIPS.index(blendshapes.INDEX['jawOpen'])
_MIN_STD = 0.02  # of a lip field; fields that vary less are constant


def info_nce(
  speech: jax.Array, face: jax.Array, temperature: jax.Array | float, speaker: jax.Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Symmetric InfoNCE (arXiv 2103.00020) over the global batch, on any mesh.

  Args:
    speech, face: unit vectors `[b, d]`; row i of both is a positive pair.
    temperature: similarities are divided by it.
    speaker: int `[b]`; other rows of the same speaker are not used as negatives.

  Returns:
    The loss, and `recall_at_k`: the share of voices whose face is among the k nearest of the batch (other
    faces of the same speaker excluded), for every k of RECALL_AT that is less than the batch size.
  """
  # Full precision on every device: a temperature of 0.01 multiplies the errors of the products by 100.
  logits = jnp.einsum('id,jd->ij', speech, face, precision='highest') / temperature
  same = (speaker[:, None] == speaker[None, :]) & ~jnp.eye(speaker.shape[0], dtype=bool)
  logits = jnp.where(same, -1e9, logits)
  diagonal = jnp.diagonal(logits)
  to_face = jax.nn.logsumexp(logits, axis=1) - diagonal
  to_speech = jax.nn.logsumexp(logits, axis=0) - diagonal
  nearer = jnp.sum(logits > diagonal[:, None], axis=1)
  recalls = {f'recall_at_{k}': jnp.mean(nearer < k) for k in RECALL_AT if k < speaker.shape[0]}
  return 0.5 * jnp.mean(to_face + to_speech), recalls


@dataclasses.dataclass(frozen=True)
class ConReStage(base.Stage):
  """Contrastive and reconstruction losses, and regression of ground truth from the embeddings and tokens.

  Attributes are regressed for records with ground truth, lip fields for all whose motion is known, weighted by its
  status. With both weights at 0 the stage needs neither.

  Attributes:
    contrastive_weight: multiplies the InfoNCE loss between voice and face embeddings.
    reconstruction_weight: multiplies the L1 error of the decoded 64 px face, from the face embedding plus
      from the voice embedding.
    attributes_weight: multiplies the squared error of sex, age and head size, read from both embeddings.
    articulation_weight: multiplies the squared error of the lip fields, read from the speech tokens.
    across_clips: whether the portrait of a real speaker comes from another recording than the speech, where the
      corpus has one. Of one recording, the light, the codec and the mouth of the same seconds tell the pair.
    dropout, layer_drop, time_mask, feature_mask: rates of the speech encoder in training, see
      `models.speech.regularization`; 0: off.
  """

  preview_rows = ('face', 'decoded from the face', 'decoded from the voice')
  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module] = dataclasses.field(default_factory=dict)
  name: str = 'conre'
  view: str = 'portrait_speech'
  image_size: int = 256
  contrastive_weight: float = 1.0
  reconstruction_weight: float = 2.0
  attributes_weight: float = 1.0
  articulation_weight: float = 1.0
  across_clips: bool = False
  dropout: float = 0.0
  layer_drop: float = 0.0
  time_mask: float = 0.0
  feature_mask: float = 0.0

  @property
  def _rates(self) -> Regularization:
    return Regularization(**{name: getattr(self, name) for name in Regularization._fields})

  def without_regularization(self) -> ConReStage:
    return dataclasses.replace(self, **Regularization()._asdict())

  def data_options(self) -> dict[str, Any]:
    return {**super().data_options(), **({'across_clips': True} if self.across_clips else {})}

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    names = ['portrait', 'picture_box', 'speech', 'num_samples', 'speaker']
    names += ['attributes', 'has_truth'] if self.attributes_weight else []
    names += ['speech_motion', 'motion_weight'] if self.articulation_weight else []
    return views.batch_spec(self.view, batch_size, self.image_size, only=names)

  @property
  def statistics_entries(self) -> tuple[str, ...]:
    of_attributes = ('attributes', 'has_truth') if self.attributes_weight else ()
    of_lips = ('speech_motion', 'motion_weight', 'num_samples') if self.articulation_weight else ()
    return of_attributes + of_lips

  def prepare(self, frozen: base.Frozen, batches) -> dict[str, dict[str, np.ndarray]]:
    """Mean and standard deviation of ages and lip fields, to standardize the regression targets.

    Raises:
      InputError: nothing is known of ages or lip fields in the batches.
    """
    del frozen
    if not (self.attributes_weight or self.articulation_weight):
      return {}
    names = self.statistics_entries
    read = jax.jit(lambda batch: self._known_moments(batch))
    first = base.first_batches(batches, _PREPARE_BATCHES)
    found = [read({name: batch[name] for name in names}) for batch in first]
    found = {name: moments.merged([each[name] for each in device_mesh.to_host(found)]) for name in found[0]}
    statistics = {}
    if 'ages' in found:
      count, mean, std = found['ages']
      if not count.any():
        raise InputError(
          'only real recordings in the corpora, and the stage needs ground truth of attributes: set '
          'options.attributes_weight to 0, or add a synthetic corpus'
        )
      statistics |= {'age_mean': np.float32(mean[0]), 'age_std': np.float32(max(std[0], 1.0))}
    if 'lips' in found:
      count, mean, std = found['lips']
      if not count.any():
        raise InputError(
          'no motion is known in the corpora, and the stage needs it: set options.articulation_weight to 0, or add a '
          'synthetic corpus'
        )
      std = np.where(count > 0, np.maximum(std, _MIN_STD), 1.0)
      statistics |= {
        'articulation_mean': mean.astype(np.float32),
        'articulation_std': std.astype(np.float32),
      }
    return {'conre': statistics}

  def _known_moments(self, batch: base.Batch) -> dict[str, moments.Moments]:
    """Moments of the known ages and lip fields of a batch."""
    found = {}
    if self.attributes_weight:
      known = batch['has_truth'] > 0
      found['ages'] = moments.of_known(batch['attributes'][:, 1:2], known[:, None])
    if self.articulation_weight:
      tracks, weights = batch['speech_motion'][..., _LIPS], batch['motion_weight'][..., _LIPS]
      within = np.arange(tracks.shape[1]) < batch['num_samples'][:, None] // SAMPLES_PER_FRAME
      found['lips'] = moments.of_known(tracks, (weights[:, None] > 0) & within[..., None])
    return found

  def statistics_spec(self) -> dict[str, dict[str, jax.ShapeDtypeStruct]]:
    ages = ('age_mean', 'age_std') if self.attributes_weight else ()
    lips = ('articulation_mean', 'articulation_std') if self.articulation_weight else ()
    found = {
      **{name: base.float_spec() for name in ages},
      **{name: base.float_spec(NUM_LIP_FIELDS) for name in lips},
    }
    return {'conre': found} if found else {}

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    speech, face, head = jax.random.split(rng, 3)
    encoder = self.networks['speech_encoder']
    tokens = jnp.zeros((1, FPS, encoder.token_dim))
    return {
      'speech_encoder': encoder.init(speech, jnp.zeros((1, SAMPLE_RATE_HZ)))['params'],
      'face_encoder': self.networks['face_encoder'].init(face, jnp.zeros((1, 128, 128, 3)))['params'],
      'conre': self.networks['conre'].init(head, jnp.zeros((1, encoder.embedding_dim)), tokens)['params'],
    }, {}

  def loss(self, params, frozen, collections, batch, rng, step):
    del step
    head = self._method(params, 'conre')
    image = image_ops.to_float(batch['portrait'])
    noise = (self._rates, rng) if self._rates.is_on else ()
    features = self._method(params, 'speech_encoder')(batch['speech'], batch['num_samples'], *noise)
    face = self._method(params, 'face_encoder')(image)
    temperature = head(method='temperature')
    contrastive, recalls = info_nce(features.embedding, face, temperature, batch['speaker'])

    small = image_ops.resize_image(image, 64)
    inside = picture_mask.inside_mask(batch['picture_box'], 64, 64)
    from_face, from_speech = (
      jnp.mean(jnp.abs(picture_mask.only_inside(head(x, method='draw'), small, inside) - small))
      for x in (face, features.embedding)
    )
    loss = self.contrastive_weight * contrastive + self.reconstruction_weight * (from_face + from_speech)
    loss = loss + head(method='temperature_penalty')
    metrics = {
      'contrastive': contrastive,
      **recalls,
      'temperature': temperature,
      'draw_from_face': from_face,
      'draw_from_speech': from_speech,
    }
    if self.attributes_weight:
      statistics = frozen.statistics['conre']
      read_loss, read_metrics = self._attributes(head, features.embedding, face, batch, statistics)
      loss, metrics = loss + self.attributes_weight * read_loss, metrics | read_metrics
    if self.articulation_weight:
      read_loss, read_metrics = self._articulation(head, features, batch, frozen.statistics['conre'])
      loss, metrics = loss + self.articulation_weight * read_loss, metrics | read_metrics
    return loss, (metrics, collections)

  def _method(self, params, name):
    return functools.partial(self.networks[name].apply, {'params': params[name]})

  def _attributes(self, head, speech, face, batch, statistics):
    sex, age, size = jnp.moveaxis(batch['attributes'], -1, 0)
    age_std = statistics['age_std']
    truth = jnp.stack([sex, (age - statistics['age_mean']) / age_std, size], axis=-1)
    by_voice = head(speech, method='attributes')
    by_face = head(face, method='attributes')
    # Sex is in [0, 1]; the weight brings it to the spread of the other two, which are standardized.
    weights, counts = jnp.array([4.0, 1.0, 1.0]), batch['has_truth'][:, None]
    wrong = weights * (jnp.square(by_voice - truth) + jnp.square(by_face - truth))
    loss = losses.weighted_mean(wrong, counts)
    metrics = {}
    for source, read in (('voice', by_voice), ('face', by_face)):
      sex_right = ((read[:, :1] > 0.5) == (sex > 0.5)[:, None]).astype(jnp.float32)
      off = jnp.abs(read - truth)
      metrics[f'sex_right_by_{source}'] = losses.weighted_mean(sex_right, counts)
      metrics[f'age_error_by_{source}'] = losses.weighted_mean(off[:, 1:2], counts) * age_std
      metrics[f'head_size_error_by_{source}'] = losses.weighted_mean(off[:, 2:], counts)
    return loss, figures.measured(metrics, counts)

  def _articulation(self, head, features, batch, statistics):
    truth = batch['speech_motion'][..., _LIPS] - statistics['articulation_mean']
    truth = truth / statistics['articulation_std']
    weight = features.valid[..., None].astype(jnp.float32) * batch['motion_weight'][:, None, _LIPS]
    error = jnp.square(head(features.tokens, method='articulation') - truth) * weight
    known = jnp.sum(weight, axis=(0, 1))
    per_field = jnp.sum(error, axis=(0, 1)) / jnp.maximum(known, 1.0)
    # Fields that are absent or constant would pass for perfect predictions.
    counts = (known > 0) & (statistics['articulation_std'] > _MIN_STD)
    loss = jnp.sum(per_field * counts) / jnp.maximum(jnp.sum(counts), 1)
    # R2 is 1 for a perfect prediction and 0 for the mean.
    metrics = figures.measured({'articulation': loss, 'articulation_r2': 1.0 - loss}, counts)
    return loss, metrics | figures.measured({'jaw_r2': 1.0 - per_field[_JAW]}, known[_JAW])

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: true face at 64 px, decoded from the face embedding, decoded from the voice embedding."""
    del frozen, collections, rng
    batch = {name: jnp.asarray(batch[name][:8]) for name in ('portrait', 'speech', 'num_samples')}
    image = image_ops.to_float(batch['portrait'])

    @jax.jit
    def draw(params):
      voice = self._method(params, 'speech_encoder')(batch['speech'], batch['num_samples']).embedding
      face = self._method(params, 'face_encoder')(image)
      head = self._method(params, 'conre')
      return head(face, method='draw'), head(voice, method='draw')

    return image_ops.picture_grid([image_ops.resize_image(image, 64), *draw(params)])


def uses(config) -> base.Uses:
  """The networks that the stage trains. The contrastive loss has no negatives among records of one speaker."""
  contrasts = base.option(ConReStage, config, 'contrastive_weight') > 0
  return base.Uses(trained=('speech_encoder', 'face_encoder', 'conre'), num_speakers=2 if contrasts else 1)


def build(config, pretrained: Mapping[str, nn.Module]) -> ConReStage:
  """The stage of a configuration.

  Raises:
    ConfigError: a rate of the regularization is not in [0, 1).
  """
  for name in Regularization._fields:
    rate = base.option(ConReStage, config, name)
    if not 0 <= rate < 1:
      raise ConfigError(f'config.options.{name}={rate} is out of range: use 0 to below 1')
  networks, _ = base.networks_for(uses(config), config, pretrained)
  return ConReStage(networks=networks, **base.options_of(ConReStage, config))
