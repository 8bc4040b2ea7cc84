"""Critic losses of images: perceptual distance, face features, face identity, and a discriminator.

Stages that generate images inherit their options from `CriticOptions` and call `critic_losses`. A critic with weight
0 is off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.stages import base

# Upper bound of the adaptive weight, which diverges where the gradient of the critic's loss is near 0.
_MAX_ADAPTIVE = 1e4
# How the names of the blocks of face encoders begin: 'stage_' of 'patch' and 'iresnet', 'layers_' of 'vit'.
_BLOCKS = ('stage_', 'layers_')


@dataclasses.dataclass(frozen=True, kw_only=True)
class CriticOptions:
  """Critic options that a stage inherits.

  Attributes:
    perceptual_weight: multiplies the feature distance of the frozen network `perceptual` (LPIPS, VGG or
      EfficientNet-Lite0).
    face_feature_weight: multiplies the feature distance of the frozen `face_encoder`, a substitute for LPIPS
      without public weights. It is not LPIPS and is logged as `face_features`.
    identity_weight: multiplies one minus the cosine similarity of the `face_encoder` embeddings.
    adversarial_weight: multiplies the generator hinge loss against the network `discriminator`, which is
      trained in the same step. It is also multiplied by the adaptive weight of VQGAN (arXiv 2012.09841): the
      ratio of the gradient norms of the pixel loss and the adversarial loss, here with respect to the image.
    adversarial_after: steps before the generator hinge loss is added. The discriminator is trained from step
      0.
    r1_weight: multiplies half the squared gradient of the discriminator at real images (arXiv 1801.04406).
  """

  perceptual_weight: float = 0.0
  face_feature_weight: float = 0.0
  identity_weight: float = 0.0
  adversarial_weight: float = 0.0
  adversarial_after: int = 0
  r1_weight: float = 1.0

  def critic_networks(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(trained networks, frozen networks) of the critics whose weights are not 0."""
    frozen = ('perceptual',) if self.perceptual_weight else ()
    frozen += ('face_encoder',) if self.face_feature_weight or self.identity_weight else ()
    return ('discriminator',) if self.adversarial_weight else (), frozen


def hinge_generator(fake_logits: jax.Array) -> jax.Array:
  """Generator hinge loss, scalar: the negative mean of the logits of generated images."""
  return -jnp.mean(fake_logits)


def hinge_discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
  """Discriminator hinge loss, scalar: 0 for real logits above 1 and fake logits below -1."""
  return 0.5 * jnp.mean(jax.nn.relu(1.0 - real_logits)) + hinge_fake(fake_logits)


def hinge_fake(fake_logits: jax.Array) -> jax.Array:
  """The half of the discriminator hinge loss for generated images, scalar: 0 for logits below -1."""
  return 0.5 * jnp.mean(jax.nn.relu(1.0 + fake_logits))


def r1_penalty(critic: Callable[[jax.Array], jax.Array], real: jax.Array) -> jax.Array:
  """R1 penalty: mean over real images of the squared gradient of their summed logits, scalar."""
  gradient = jax.grad(lambda image: jnp.sum(critic(image)))(real)
  return jnp.mean(jnp.sum(jnp.square(gradient), axis=(1, 2, 3)))


def adaptive_weight(of_pixels: jax.Array, of_critic: jax.Array) -> jax.Array:
  """The ratio of the gradient norms of pixel loss and critic loss, scalar, clipped at `_MAX_ADAPTIVE`."""
  ratio = jnp.linalg.norm(of_pixels.reshape(-1)) / (jnp.linalg.norm(of_critic.reshape(-1)) + 1e-4)
  return jax.lax.stop_gradient(jnp.clip(ratio, 0.0, _MAX_ADAPTIVE))


def critic_losses(
  options: CriticOptions,
  networks: Mapping[str, nn.Module],
  frozen_networks: Mapping[str, nn.Module],
  params: Mapping[str, Any],
  frozen: base.Frozen,
  image: jax.Array,
  truth: jax.Array,
  pixel_loss: Callable[[jax.Array], jax.Array],
  step: jax.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """The sum of all critic losses of generated images.

  One loss trains both sides in the same step. The generator gets gradients through the fixed critics. The
  discriminator gets gradients with the generated images fixed.

  Args:
    networks, frozen_networks: trained and frozen modules of the stage.
    params, frozen: trained parameters and frozen arrays of the stage.
    image: generated, `[b, h, w, 3]`, about [-1, 1].
    truth: target images of the same shape.
    pixel_loss: image -> the stage's own loss of it, for the adaptive weight.
    step: training step.

  Returns:
    (loss to add, metrics).
  """
  loss, metrics = jnp.zeros(()), {}
  if options.perceptual_weight:
    tower = frozen_networks['perceptual']
    distance = jnp.mean(tower.apply(frozen.variables('perceptual'), image, truth))
    loss += options.perceptual_weight * distance
    metrics['lpips' if tower.calibrated else 'vgg'] = distance
  if options.face_feature_weight or options.identity_weight:
    added, added_metrics = _face_losses(options, frozen_networks['face_encoder'], frozen, image, truth)
    loss += added
    metrics |= added_metrics
  if options.adversarial_weight:
    added, added_metrics = _adversarial(
      options, networks['discriminator'], params, image, truth, pixel_loss, step
    )
    loss += added
    metrics |= added_metrics
  return loss, metrics


def _face_losses(options, encoder, frozen, image, truth):
  generated, wanted = (
    face_features(encoder, frozen, picture, with_maps=bool(options.face_feature_weight))
    for picture in (image, truth)
  )
  loss, metrics = jnp.zeros(()), {}
  if options.face_feature_weight:
    distances = [jnp.mean(jnp.abs(a - b)) for a, b in zip(generated[0], wanted[0], strict=True)]
    features = sum(distances) / len(distances)
    loss += options.face_feature_weight * features
    metrics['face_features'] = features
  if options.identity_weight:
    identity = 1.0 - jnp.mean(jnp.sum(generated[1] * wanted[1], axis=-1))
    loss += options.identity_weight * identity
    metrics['identity'] = identity
  return loss, metrics


def face_features(
  encoder: nn.Module, frozen: base.Frozen, image: jax.Array, *, with_maps: bool = True
) -> tuple[list[jax.Array], jax.Array]:
  """Features and embedding of a face encoder of any architecture.

  Args:
    encoder: the face encoder.
    frozen: its parameters.
    image: `[b, h, w, 3]` in [-1, 1].
    with_maps: also return the features; without, the list is empty.

  Returns:
    Outputs of all residual or transformer blocks, float32, scaled to unit spread; the embedding `[b, d]`.
  """
  if not with_maps:
    return [], encoder.apply(frozen.variables('face_encoder'), image)
  embedding, state = encoder.apply(
    frozen.variables('face_encoder'),
    image,
    capture_intermediates=lambda part, _: (part.name or '').startswith(_BLOCKS),
  )
  maps = [
    leaf['__call__'][0].astype(jnp.float32)
    for _, leaf in sorted(state['intermediates'].items())
    if '__call__' in leaf
  ]
  maps = [x / (jax.lax.stop_gradient(jnp.std(x)) + 1e-6) for x in maps]
  return maps, embedding


def _adversarial(options, network, params, image, truth, pixel_loss, step):
  own = params['discriminator']
  fixed = jax.lax.stop_gradient(own)

  def critic(weights):
    return lambda picture: network.apply({'params': weights}, picture)

  drawn = jax.lax.stop_gradient(image)
  of_critic = jax.grad(lambda x: hinge_generator(critic(fixed)(x)))(drawn)
  weight = adaptive_weight(jax.grad(pixel_loss)(drawn), of_critic)
  counts = options.adversarial_weight * (step >= options.adversarial_after)
  generator = hinge_generator(critic(fixed)(image))
  real, fake = critic(own)(truth), critic(own)(drawn)
  discriminator = hinge_discriminator(real, fake)
  penalty = r1_penalty(critic(own), truth) if options.r1_weight else jnp.zeros(())
  loss = counts * weight * generator + discriminator + 0.5 * options.r1_weight * penalty
  return loss, {
    'adversarial': generator,
    'adaptive_weight': weight,
    'discriminator': discriminator,
    'r1': penalty,
    'real_logit': jnp.mean(real),
    'fake_logit': jnp.mean(fake),
  }


def networks_of(config) -> tuple[tuple[str, ...], tuple[str, ...]]:
  """(trained networks, frozen networks) of the critics whose weights in `config.options` are not 0."""
  names = [field.name for field in dataclasses.fields(CriticOptions)]
  return CriticOptions(**{name: base.option(CriticOptions, config, name) for name in names}).critic_networks()


def init_discriminator(networks: Mapping[str, nn.Module], rng: jax.Array, side: int) -> dict[str, Any]:
  """`{'discriminator': params}` if the stage trains one, else an empty dict."""
  if 'discriminator' not in networks:
    return {}
  return {'discriminator': networks['discriminator'].init(rng, jnp.zeros((1, side, side, 3)))['params']}
