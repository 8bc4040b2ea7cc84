"""Portrait diffusion stage: the latent of a face from speech, as a residual around the face prior."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.data import views
from seetalk_jax.diffusion import objective, process
from seetalk_jax.diffusion.loss import diffusion_loss
from seetalk_jax.diffusion.times import stratified_times
from seetalk_jax.errors import ConfigError
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.portrait.face_prior import (
  PriorSums,
  finalize_prior,
  projection_coefficient,
  update_prior,
)
from seetalk_jax.models.portrait.portrait_unet import LinearDenoiserOutput
from seetalk_jax.sampling import portrait as sampling
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base, picture_mask
from seetalk_jax.stages.face_prior import prior_statistics

PRIOR_MODES = ('scfp', 'scldm', 'ldm')
_PREPARE_BATCHES = 32
# Where a portrait lies outside of the recording's picture, its latent is the prior's mean, and errors are multiplied by
# this: cells that are outside in all portraits of a corpus are learned too, those of other portraits matter more.
_OUTSIDE_ERROR = 0.3


@dataclasses.dataclass(frozen=True)
class PortraitStage(base.Stage):
  """Diffusion of `y = z0 * latent_scale - beta p` (v-prediction, zero terminal SNR).

  This is diffusion around the prior, `x_t = sqrt(abar) z0 + (1 - sqrt(abar)) beta p + sqrt(1 - abar) eps`,
  minus `beta p`.

  Attributes:
    image_size: height and width of the portraits, in pixels.
    prior_mode: 'scfp': beta from SAW (the paper's). 'scldm': beta = beta0 (arXiv 2310.03363). 'ldm': beta =
      0.
    beta0: the constant beta, also the initial output of SAW.
    beta_weight: multiplies the squared error of SAW's beta against `<z0, p> / <p, p>`, the projection
      coefficient of the true latent.
    drop_rate: probability that the condition is dropped, for guidance.
    min_snr_gamma: see `objective.loss_weight`; 0 gives all times the same weight.
    draws: diffusion times and noises per portrait, because encoding costs more than one call of the UNet.
    guess_draws: further times and noises per portrait for the UNet's branch along the prior's directions; 0:
      the branch has no loss of its own.
    guess_weight: multiplies the squared error of that branch, in units of the residual variance of the linear
      prediction. An error of 1 is no better than the linear prediction.
    preview_steps, preview_guidance: sampling steps and guidance scale of `preview`.
  """

  preview_rows = (
    'portrait',
    'rebuilt by the autoencoder',
    'sample 1 for the voice',
    'sample 2 for the voice',
  )
  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module]
  name: str = 'portrait'
  view: str = 'portrait_speech'
  image_size: int = 256
  prior_mode: str = 'scfp'
  beta0: float = 1.0
  beta_weight: float = 0.1
  drop_rate: float = 0.12
  min_snr_gamma: float = 5.0
  draws: int = 2
  guess_draws: int = 0
  guess_weight: float = 0.1
  preview_steps: int = 20
  preview_guidance: float = 2.0

  @property
  def latent_shape(self) -> tuple[int, int, int]:
    """`(h, w, c)` of one latent."""
    autoencoder = self.frozen['autoencoder']
    size = self.image_size // autoencoder.factor
    return size, size, autoencoder.latent_channels

  @property
  def encoder_inputs(self) -> tuple[str, ...]:
    return ()  # the portrait is what the stage learns to make

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    return views.batch_spec(
      self.view, batch_size, self.image_size, only=('portrait', 'picture_box', 'speech', 'num_samples')
    )

  def prepare(self, frozen: base.Frozen, batches) -> dict[str, dict[str, np.ndarray]]:
    """beta0 and linear_center; also the latent scale and the prior if no `face_prior` run provides them."""
    own = {'beta0': np.float32(0.0 if self.prior_mode == 'ldm' else self.beta0)}
    earlier = frozen.statistics.get('portrait_unet')
    if (
      earlier is None or 'linear_center' in earlier
    ):  # a UNet that is trained further keeps its linear denoiser
      own['linear_center'] = np.float32(1.0)
    statistics = {'portrait_unet': own}
    if 'face_prior_mean' in frozen.statistics.get('face_prior', {}):
      return statistics

    @jax.jit
    def update(sums, variables, portrait):
      return update_prior(sums, self._raw_latent(variables, portrait))

    sums = jax.tree.map(np.asarray, PriorSums.empty(self.latent_shape))  # replicated, on any mesh
    for batch in itertools.islice(batches, _PREPARE_BATCHES):
      sums = update(sums, frozen.variables('autoencoder'), batch['portrait'])
    return {**statistics, 'face_prior': prior_statistics(finalize_prior(device_mesh.to_host(sums)))}

  def statistics_spec(self) -> dict[str, dict[str, jax.ShapeDtypeStruct]]:
    shape, spec = self.latent_shape, base.float_spec
    prior = {'latent_scale': spec(), 'face_prior_mean': spec(*shape), 'face_prior_std': spec(*shape)}
    if count := self.networks['portrait_unet'].num_directions:
      prior |= {
        'face_prior_directions': spec(count, *shape),
        'face_prior_variances': spec(count),
        'face_prior_rest': spec(),
      }
    return {'face_prior': prior, 'portrait_unet': {'beta0': spec(), 'linear_center': spec()}}

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    del frozen
    unet_rng, saw_rng = jax.random.split(rng)
    encoder = self.frozen['speech_encoder']
    tokens, valid = jnp.zeros((1, FPS, encoder.token_dim)), jnp.ones((1, FPS), bool)
    voice = jnp.zeros((1, encoder.embedding_dim))
    unet = self.networks['portrait_unet']
    latent = jnp.zeros((1, *self.latent_shape))
    inputs = [latent, jnp.zeros((1,)), tokens, valid, voice]
    if unet.num_directions:
      inputs.append(LinearDenoiserOutput.zeros(latent.shape, unet.num_directions))
    params = {'portrait_unet': unet.init(unet_rng, *inputs)['params']}
    if 'sample_adaptive_weighting' in self.networks:
      saw = self.networks['sample_adaptive_weighting']
      inputs = voice, tokens, valid, latent, latent
      params['sample_adaptive_weighting'] = saw.init(saw_rng, *inputs)['params']
    return params, {}

  def _statistics(self, frozen):
    """Flat statistics of the prior and the UNet, which `sampling` takes."""
    return frozen.statistics_of('face_prior', 'portrait_unet')

  def _raw_latent(self, variables, portrait):
    image = image_ops.to_float(portrait)
    mean, _ = self.frozen['autoencoder'].apply(variables, image, method='encode')
    return mean

  def features(self, frozen: base.Frozen, batch: base.Batch) -> base.Batch:
    """`latent` (unscaled posterior means), its `inside` mask, and `tokens`, `valid`, `embedding` of the voice."""
    speech = self.frozen['speech_encoder'].apply(
      frozen.variables('speech_encoder'), batch['speech'], batch['num_samples']
    )
    latent = self._raw_latent(frozen.variables('autoencoder'), batch['portrait'])
    inside = picture_mask.of_batch(batch, latent)
    return {'latent': latent, 'inside': inside, **speech._asdict()}

  def loss(self, params, frozen, collections, batch, rng, step):
    del step
    time_rng, noise_rng, drop_rng, guess_rng = jax.random.split(rng, 4)
    statistics = self._statistics(frozen)
    features = jax.lax.stop_gradient(batch if 'latent' in batch else self.features(frozen, batch))
    latent = features['latent'] * statistics['latent_scale']
    tokens, valid, voice = features['tokens'], features['valid'], features['embedding']

    prior = sampling.prior_of(statistics)
    beta = sampling.prior_weight(self.networks, params, statistics, voice, tokens, valid)
    mean, inside = prior.mean[None], features['inside']
    latent = picture_mask.only_inside(latent, mean, inside)  # not the repeated edge of the picture
    wanted = projection_coefficient(latent, mean)
    y0 = latent - beta * mean
    center = sampling.residual_center(statistics, prior, beta)

    repeat = functools.partial(jnp.repeat, repeats=self.draws, axis=0)
    y0, inside, tokens, valid, voice = (repeat(a) for a in (y0, inside, tokens, valid, voice))
    n = y0.shape[0]
    schedule = sampling.SCHEDULE
    t = stratified_times(time_rng, n, schedule)
    noise = jax.random.normal(noise_rng, y0.shape)
    y_t = process.add_noise(schedule, y0, noise, t)

    keep = jax.random.uniform(drop_rng, (n,)) >= self.drop_rate
    valid = valid & keep[:, None]
    voice = voice * keep[:, None]
    tokens = tokens * keep[:, None, None]
    unet = self.networks['portrait_unet']
    prediction = sampling.predict(
      unet,
      params['portrait_unet'],
      prior,
      y_t,
      t,
      (tokens, valid, voice),
      center=None if center is None else repeat(center),
    )
    target = objective.target(unet.prediction_type, schedule, y0, noise, t)
    prediction = picture_mask.only_inside(prediction, target, jnp.maximum(inside, _OUTSIDE_ERROR))
    loss, metrics = diffusion_loss(
      unet.prediction_type, schedule, prediction, y0, noise, t, self.min_snr_gamma
    )
    beta_error = jnp.mean(jnp.square(beta - wanted))
    metrics |= {
      'beta_mean': jnp.mean(beta),
      'beta_std': jnp.std(beta),
      'beta_error': jnp.sqrt(beta_error),
      'beta_wanted_mean': jnp.mean(wanted),
      'beta_wanted_std': jnp.std(wanted),
    }
    if 'sample_adaptive_weighting' in self.networks:
      loss = loss + self.beta_weight * beta_error
    if self.guess_draws and unet.num_directions:
      coefficient_error = self._coefficient_error(
        params, prior, guess_rng, latent - beta * mean, center, features
      )
      loss = loss + self.guess_weight * coefficient_error
      metrics['guess'] = coefficient_error
    return loss, (metrics, collections)

  def _coefficient_error(self, params, prior, rng, y0, center, features) -> jax.Array:
    """Mean squared error of the branch along the prior's directions, on `guess_draws` noises a portrait."""
    unet, schedule = self.networks['portrait_unet'], sampling.SCHEDULE
    time_rng, noise_rng, drop_rng = jax.random.split(rng, 3)
    repeat = functools.partial(jnp.repeat, repeats=self.guess_draws, axis=0)
    voice, has_voice = repeat(features['embedding']), repeat(jnp.any(features['valid'], axis=-1))

    def coordinates_of(y):
      return repeat(
        jax.lax.stop_gradient(jnp.einsum('bhwc,khwc->bk', y, prior.directions, precision='highest'))
      )

    c0, center = coordinates_of(y0), None if center is None else coordinates_of(center)
    n, k = c0.shape
    t = jax.random.randint(time_rng, (n,), 0, schedule.num_steps)
    noise = jax.random.normal(noise_rng, c0.shape)
    keep = jax.random.uniform(drop_rng, (n,)) >= self.drop_rate
    voice, has_voice = voice * keep[:, None], has_voice & keep
    # The directions are orthonormal, so the noise along them is unit normal too, and the basis becomes the
    # identity.
    along = prior.replace(directions=jnp.eye(k))
    c_t = process.add_noise(schedule, c0, noise, t)
    linear, coordinates, conditional_mean, residual_std = sampling.linear_denoiser(
      unet, along, c_t, t, voice, has_voice, center
    )
    variables = {'params': params['portrait_unet']['guess_refiner']}
    prediction = unet.coefficient_mlp().apply(variables, t, voice, coordinates, conditional_mean)
    target = (objective.target(unet.prediction_type, schedule, c0, noise, t) - linear) / residual_std
    return jnp.mean(jnp.square(prediction - target))

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: true portraits, their reconstructions, two samples for each voice."""
    del collections
    count = 6
    modules = {**self.networks, **self.frozen}
    batch = {name: jnp.asarray(batch[name][:count]) for name in self.batch_spec(count)}

    @jax.jit
    def draw(params, frozen, batch, rng):
      features = self.features(frozen, batch)
      every, statistics = {**frozen.params, **params}, self._statistics(frozen)
      latent = features['latent'] * statistics['latent_scale']
      rows = [sampling.decode_latents(modules, every, statistics, latent)]
      for key in jax.random.split(rng, 2):
        samples = sampling.sample_portraits(
          modules,
          every,
          statistics,
          features['embedding'],
          features['tokens'],
          features['valid'],
          key,
          num_steps=self.preview_steps,
          guidance_scale=self.preview_guidance,
        )
        rows.append(samples.image)
      return rows

    truth = image_ops.to_float(batch['portrait'])
    return image_ops.picture_grid([truth, *draw(params, frozen, batch, rng)])


def uses(config) -> base.Uses:
  """The UNet, and SAW in mode 'scfp'. Without statistics of `face_prior`, `prepare` computes a prior."""
  weighted = base.option(PortraitStage, config, 'prior_mode') == 'scfp'
  return base.Uses(
    trained=('portrait_unet', 'sample_adaptive_weighting') if weighted else ('portrait_unet',),
    frozen=('speech_encoder', 'autoencoder'),
    statistics=('face_prior',),
  )


def build(config, pretrained: Mapping[str, nn.Module]) -> PortraitStage:
  """The stage of a configuration.

  Raises:
    ConfigError: an unknown `prior_mode`.
  """
  options = base.options_of(PortraitStage, config)
  mode = options.get('prior_mode', 'scfp')
  if mode not in PRIOR_MODES:
    raise ConfigError(f'option prior_mode={mode!r} is unknown: use one of {", ".join(PRIOR_MODES)}')
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  return PortraitStage(networks=networks, frozen=frozen, **options)
