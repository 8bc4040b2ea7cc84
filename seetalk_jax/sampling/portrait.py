"""Portrait sampling from speech: SAW, diffusion around the face prior, and the decoder of the autoencoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.diffusion import objective, samplers
from seetalk_jax.diffusion.gaussian import linear_coordinates, linear_prediction
from seetalk_jax.diffusion.guidance import guided
from seetalk_jax.diffusion.schedule import Schedule
from seetalk_jax.models.nn.exportable import exportable
from seetalk_jax.models.portrait.face_prior import FacePrior
from seetalk_jax.models.portrait.portrait_unet import LinearDenoiserOutput

# The schedule that released portrait networks were trained with.
SCHEDULE = Schedule(kind='scaled_linear', num_steps=1000, zero_terminal_snr=True)
# Bound of clean latents around the mean of the prior, in standard deviations of each latent value.
CLIP_DEVIATIONS = 5.0


@exportable
class PortraitSamples(NamedTuple):
  """Sampled portraits.

  Attributes:
    image: `[b, s, s, 3]` in [-1, 1].
    latent: `z0 * latent_scale`, `[b, s / 8, s / 8, 4]`.
    beta: weight of the prior, `[b, 1, 1, 1]`.
    previews: decoded intermediate estimates, `[keep, b, s, s, 3]`; the last is `image`. None with `keep` 0.
  """

  image: jax.Array
  latent: jax.Array
  beta: jax.Array
  previews: jax.Array | None = None


def prior_of(statistics: Mapping[str, jax.Array]) -> FacePrior:
  """The face prior from the statistics of a run or a release."""
  names = {field.name: f'face_prior_{field.name}' for field in dataclasses.fields(FacePrior)}
  names['voice_subspace'] = 'face_prior_told'  # the name in releases
  values = {field: statistics[name] for field, name in names.items() if name in statistics}
  return FacePrior(**{field: jnp.asarray(value, jnp.float32) for field, value in values.items()})


def predict(
  unet: nn.Module,
  params: Any,
  prior: FacePrior,
  y_t: jax.Array,
  t: jax.Array,
  condition: tuple[jax.Array, ...],
  *,
  center: jax.Array | None = None,
  autoguidance_scale: float = 1.0,
) -> jax.Array:
  """The prediction at `y_t`: the UNet's output, added to the linear prediction if the prior has directions.

  If the prior also has a voice regression, the linear prediction depends on the voice.

  Args:
    unet, params: the UNet and its parameters.
    prior: the face prior.
    y_t: noisy residual latents, `[b, h, w, c]`.
    t: times, `[b]`.
    condition: (tokens, tokens_valid, embedding), as the UNet takes them.
    center: mean of the residual latents, see `residual_center`.
    autoguidance_scale: multiplies the UNet's output on top of the linear prediction. Above 1 it is
      autoguidance by a weaker model (arXiv 2406.02507), which gives fewer faces between two hair styles. It
      needs a prior with directions.

  Raises:
    ValueError: autoguidance with a prior without directions.
  """
  variables = {'params': params}
  if prior.directions is None:
    if autoguidance_scale != 1.0:
      raise ValueError(f'autoguidance_scale {autoguidance_scale} needs a prior with directions')
    return unet.apply(variables, y_t, t, *condition)
  _, tokens_valid, embedding = condition
  linear, coordinates, conditional_mean, residual_std = linear_denoiser(
    unet, prior, y_t, t, embedding, jnp.any(tokens_valid, axis=-1), center
  )
  if not unet.num_directions:
    return linear + autoguidance_scale * unet.apply(variables, y_t, t, *condition)
  estimate = objective.to_x0(unet.prediction_type, SCHEDULE, linear, y_t, t)
  linear_output = LinearDenoiserOutput(
    estimate, coordinates, conditional_mean, residual_std, prior.directions
  )
  return linear + autoguidance_scale * unet.apply(variables, y_t, t, *condition, linear_output)


def residual_center(
  statistics: Mapping[str, jax.Array], prior: FacePrior, beta: jax.Array
) -> jax.Array | None:
  """Mean of the residuals `z0 * latent_scale - beta p` over all voices, `(1 - beta) p`, `[b, h, w, c]`.

  The linear denoiser is centered there. None, which counts as 0, for networks of version 0.1.0, whose linear
  denoiser is centered at 0 for every beta: their statistics have no `linear_center`.

  Args:
    statistics: of a run or a release; `linear_center` is 1.
    prior: the face prior.
    beta: weights of the prior, `[b, 1, 1, 1]`.
  """
  if 'linear_center' not in statistics:
    return None
  return statistics['linear_center'] * (1.0 - beta) * prior.mean


def linear_denoiser(
  unet: nn.Module,
  prior: FacePrior,
  y_t: jax.Array,
  t: jax.Array,
  embedding: jax.Array,
  has_voice: jax.Array,
  center: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
  """The linear prediction at `y_t`, and other fields of `LinearDenoiserOutput`.

  Returns:
    (linear prediction, `coordinates`, `conditional_mean`, `residual_std`).

  Args:
    unet: the UNet, whose `prediction_type` is used.
    prior: a face prior with directions.
    y_t: noisy residual latents, `[b, h, w, c]`.
    t: times, `[b]`.
    embedding: voice vectors, `[b, 512]`.
    has_voice: bool `[b]`, True for samples with a voice.
    center: mean of the residual latents, of the shape of `y_t`, see `residual_center`; None: 0.
  """
  from_voice, variances = prior.conditional_moments(embedding, has_voice)
  mean = from_voice
  if center is not None:
    mean = center if from_voice is None else center + from_voice
  gaussian = (prior.directions, variances)
  linear = linear_prediction(unet.prediction_type, SCHEDULE, y_t, t, *gaussian, prior.rest, mean)
  coordinates, residual_std = linear_coordinates(unet.prediction_type, SCHEDULE, y_t, t, *gaussian, mean)
  conditional_mean = jnp.zeros_like(coordinates)
  if from_voice is not None:
    basis = prior.directions.reshape(len(prior.directions), -1)
    along = jnp.matmul(from_voice.reshape(len(from_voice), -1), basis.T, precision='highest')
    conditional_mean = along / jnp.sqrt(prior.variances)
  return linear, coordinates, conditional_mean, residual_std


def prior_weight(
  networks: Mapping[str, nn.Module],
  params: Mapping[str, Any],
  statistics: Mapping[str, jax.Array],
  embedding: jax.Array,
  tokens: jax.Array,
  tokens_valid: jax.Array,
) -> jax.Array:
  """beta `[b, 1, 1, 1]` of speech: from SAW if present, else the constant `beta0`.

  Args:
    networks, params, statistics: as `sample_portraits` takes them.
    embedding, tokens, tokens_valid: voice vectors `[b, 512]`, speech tokens `[b, t, d]` and bool `[b, t]`, True for
      valid tokens.
  """
  if 'sample_adaptive_weighting' in networks:
    prior, saw = prior_of(statistics), networks['sample_adaptive_weighting']
    variables = {'params': params['sample_adaptive_weighting']}
    return saw.apply(variables, embedding, tokens, tokens_valid, prior.mean[None], prior.std[None])
  beta0 = jnp.asarray(statistics.get('beta0', 1.0), jnp.float32)
  return jnp.broadcast_to(beta0, (embedding.shape[0], 1, 1, 1))


def encode_latents(
  networks: Mapping[str, nn.Module],
  params: Mapping[str, Any],
  statistics: Mapping[str, jax.Array],
  image: jax.Array,
) -> jax.Array:
  """Images `[b, s, s, 3]` in [-1, 1] to scaled latents `[b, s / 8, s / 8, 4]` (the posterior mean)."""
  mean, _ = networks['autoencoder'].apply({'params': params['autoencoder']}, image, method='encode')
  return mean * statistics['latent_scale']


def decode_latents(
  networks: Mapping[str, nn.Module],
  params: Mapping[str, Any],
  statistics: Mapping[str, jax.Array],
  latent: jax.Array,
) -> jax.Array:
  """Scaled latents `[b, s / 8, s / 8, 4]` to images `[b, s, s, 3]`, clipped to [-1, 1]."""
  z = latent / statistics['latent_scale']
  image = networks['autoencoder'].apply({'params': params['autoencoder']}, z, method='decode')
  return jnp.clip(image, -1.0, 1.0)


def sample_portraits(
  networks: Mapping[str, nn.Module],
  params: Mapping[str, Any],
  statistics: Mapping[str, jax.Array],
  embedding: jax.Array,
  tokens: jax.Array,
  tokens_valid: jax.Array,
  rng: jax.Array,
  *,
  num_steps: int,
  guidance_scale: float,
  autoguidance_scale: float = 1.0,
  temperature: float = 1.0,
  voice_temperature: float | None = None,
  asymmetry: float = 1.0,
  sampler: str = 'dpmpp_2m',
  spacing: str = 'trailing',
  keep: int = 0,
) -> PortraitSamples:
  """Samples one portrait for each voice, or several for one voice.

  The function is jittable with `networks` and the keyword arguments static. beta is computed from the
  undropped speech and used in both branches of the guidance. The diffusion runs on the residual `z0 *
  latent_scale - beta p`. Clipping acts on the latent itself.

  Args:
    networks, params: name -> module and name -> parameters: autoencoder, portrait_unet, and optionally
      sample_adaptive_weighting (without it beta is the statistic `beta0`).
    statistics: latent_scale, face_prior_mean, face_prior_std, beta0; and the other fields of `FacePrior` if
      the network was trained with them.
    embedding: voice vectors, `[b, 512]`.
    tokens, tokens_valid: speech tokens `[b, t, d]` and bool `[b, t]`, True for valid tokens. A few seconds
      are enough.
    rng: one key, or one key per portrait, `[b]`. The same key gives the same faces. With one key per
      portrait, each portrait depends only on its own key (up to rounding, 1e-4 in the latent). With one
      voice, `embedding [1, 512]`, there is one portrait per key.
    num_steps, sampler, spacing, keep: see `diffusion.samplers.sample`.
    guidance_scale: classifier-free guidance scale; 1 is unguided.
    autoguidance_scale: see `predict`.
    temperature: scale of the starting noise. Below 1 faces are closer to the average and fewer are odd.
    voice_temperature: scale of the starting noise in the voice subspace (`FacePrior.voice_subspace`); None:
      `temperature`. With a small value age and sex stay at the prediction from the voice, and all else
      differs between seeds.
    asymmetry: scale of the part of the starting noise that changes its sign where the picture is mirrored. Below 1 the
      halves of a face differ less. It multiplies the temperatures. Not specified in the paper.
  """
  prior = prior_of(statistics)
  condition = (tokens, jnp.asarray(tokens_valid, bool), embedding)
  beta = prior_weight(networks, params, statistics, embedding, *condition[:2])
  noise = _noise(rng, embedding.shape[0], prior.mean.shape)
  if asymmetry != 1.0:
    mirrored = networks['autoencoder'].mirrored(noise)
    noise = (noise + mirrored) / 2 + asymmetry * (noise - mirrored) / 2
  if len(noise) > embedding.shape[0]:
    beta, condition = jax.tree.map(lambda a: jnp.repeat(a, len(noise), axis=0), (beta, condition))
  shift, center = beta * prior.mean, residual_center(statistics, prior, beta)
  unet = networks['portrait_unet']

  def denoise(y_t, t, condition):
    weights, (*condition, center) = params['portrait_unet'], condition
    return predict(
      unet, weights, prior, y_t, t, tuple(condition), center=center, autoguidance_scale=autoguidance_scale
    )

  def clip(y):
    reach = CLIP_DEVIATIONS * prior.std + 1e-3
    return jnp.clip(y + shift, prior.mean - reach, prior.mean + reach) - shift

  voice_component, remainder = prior.split_noise(noise)
  noise = (
    temperature * remainder
    + (temperature if voice_temperature is None else voice_temperature) * voice_component
  )
  sampled = samplers.sample(
    guided(denoise, guidance_scale, (*condition, center), (*jax.tree.map(jnp.zeros_like, condition), center)),
    SCHEDULE,
    noise,
    num_steps=num_steps,
    sampler=sampler,
    spacing=spacing,
    prediction_type=unet.prediction_type,
    clip=clip,
    keep=keep,
  )
  y0, kept = sampled if keep else (sampled, None)
  latent = y0 + shift
  image = decode_latents(networks, params, statistics, latent)
  previews = None
  if keep:  # the last one is already decoded; `map` decodes the others one by one to save memory
    before = jax.lax.map(lambda y: decode_latents(networks, params, statistics, y + shift), kept[:-1])
    previews = jnp.concatenate([before, image[None]])
  return PortraitSamples(image, latent, beta, previews)


def _noise(rng: jax.Array, num_voices: int, shape: tuple[int, ...]) -> jax.Array:
  """Unit normal noise `[b, *shape]`, from one key for all voices or from one key per portrait.

  Raises:
    ValueError: several keys, but neither one key per voice nor a single voice.
  """
  if rng.ndim == (0 if jnp.issubdtype(rng.dtype, jax.dtypes.prng_key) else 1):
    return jax.random.normal(rng, (num_voices, *shape))
  if num_voices not in (1, len(rng)):
    raise ValueError(f'{len(rng)} keys for {num_voices} voices: give one key for each, or one voice')
  # The shape has a batch axis of 1, as for a single portrait, because the random bits depend on the shape.
  return jax.vmap(lambda key: jax.random.normal(key, (1, *shape))[0])(rng)
