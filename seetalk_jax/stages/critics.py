"""What pictures are judged by besides their pixels: learned features, an identity, and a discriminator.

Stages that draw take their options from `CriticOptions` and call `judge`. Each critic is off at weight 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.stages import base

# The weight of the adversarial loss may not run away where the pixels' gradient is all but gone.
_MAX_ADAPTIVE = 1e4


@dataclasses.dataclass(frozen=True, kw_only=True)
class CriticOptions:
  """Fields that a stage inherits.

  Attributes:
    perceptual_weight: of the distance in features of the given network `perceptual` (LPIPS, VGG).
    face_feature_weight: of the distance in features of the given `face_encoder`: ours where no public weights are
      at hand; it is no LPIPS and goes by its own name in the log.
    identity_weight: of one minus the cosine of the `face_encoder`'s embeddings.
    adversarial_weight: of the hinge loss against the network `discriminator`, which is trained along, times the
      adaptive weight of VQGAN (arXiv 2012.09841): the ratio of both losses' gradients, here at the picture.
    adversarial_after: steps before the discriminator's opinion counts; it learns from the first.
    r1_weight: of the squared gradient of the discriminator at real pictures (arXiv 1801.04406), halved.
  """

  perceptual_weight: float = 0.0
  face_feature_weight: float = 0.0
  identity_weight: float = 0.0
  adversarial_weight: float = 0.0
  adversarial_after: int = 0
  r1_weight: float = 1.0

  def critic_networks(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(networks trained along, networks given) that the weights ask for."""
    given = ('perceptual',) if self.perceptual_weight else ()
    given += ('face_encoder',) if self.face_feature_weight or self.identity_weight else ()
    return ('discriminator',) if self.adversarial_weight else (), given


def hinge_generator(fake_logits: jax.Array) -> jax.Array:
  """What the one who draws pays, scalar: nothing is ever real enough."""
  return -jnp.mean(fake_logits)


def hinge_discriminator(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
  """What the one who judges pays, scalar: reals above 1 and fakes below -1 cost nothing."""
  return 0.5 * (jnp.mean(jax.nn.relu(1.0 - real_logits)) + jnp.mean(jax.nn.relu(1.0 + fake_logits)))


def r1_penalty(critic: Callable[[jax.Array], jax.Array], real: jax.Array) -> jax.Array:
  """Mean over pictures of the squared gradient of the summed logits at them, scalar."""
  gradient = jax.grad(lambda image: jnp.sum(critic(image)))(real)
  return jnp.mean(jnp.sum(jnp.square(gradient), axis=(1, 2, 3)))


def adaptive_weight(of_pixels: jax.Array, of_critic: jax.Array) -> jax.Array:
  """How much the critic's loss may weigh for both gradients to be as long, scalar, kept from running away."""
  ratio = jnp.linalg.norm(of_pixels.reshape(-1)) / (jnp.linalg.norm(of_critic.reshape(-1)) + 1e-4)
  return jax.lax.stop_gradient(jnp.clip(ratio, 0.0, _MAX_ADAPTIVE))


def judge(
  options: CriticOptions,
  networks: Mapping[str, nn.Module],
  given: Mapping[str, nn.Module],
  params: Mapping[str, Any],
  frozen: base.Frozen,
  image: jax.Array,
  truth: jax.Array,
  pixel_loss: Callable[[jax.Array], jax.Array],
  step: jax.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """What the critics say of drawn pictures.

  Gradients of one loss reach both sides: those who draw through the critics as they stand, the discriminator
  through pictures as they stand. Both move in the same step.

  Args:
    networks, given, params, frozen: of the stage.
    image: drawn, `[b, h, w, 3]`, about [-1, 1].
    truth: as it should be, of the same shape.
    pixel_loss: picture -> the stage's own loss of it, for the adaptive weight.
    step: of the training.

  Returns:
    (loss to add, metrics).
  """
  loss, metrics = jnp.zeros(()), {}
  if options.perceptual_weight:
    tower = given['perceptual']
    distance = jnp.mean(tower.apply(frozen.variables('perceptual'), image, truth))
    loss += options.perceptual_weight * distance
    metrics['lpips' if tower.calibrated else 'vgg'] = distance
  if options.face_feature_weight or options.identity_weight:
    drawn, wanted = (face_features(given['face_encoder'], frozen, picture) for picture in (image, truth))
    features = sum(jnp.mean(jnp.abs(a - b)) for a, b in zip(drawn[0], wanted[0], strict=True)) / len(drawn[0])
    identity = 1.0 - jnp.mean(jnp.sum(drawn[1] * wanted[1], axis=-1))
    loss += options.face_feature_weight * features + options.identity_weight * identity
    metrics |= {'face_features': features, 'identity': identity}
  if options.adversarial_weight:
    added, found = _adversarial(options, networks['discriminator'], params, image, truth, pixel_loss, step)
    loss += added
    metrics |= found
  return loss, metrics


def face_features(
  encoder: nn.Module, frozen: base.Frozen, image: jax.Array
) -> tuple[list[jax.Array], jax.Array]:
  """(what each residual block of our face encoder gives, brought to unit spread; the embedding `[b, d]`)."""
  embedding, seen = encoder.apply(
    frozen.variables('face_encoder'),
    image,
    capture_intermediates=lambda part, _: 'stage_' in (part.name or ''),
  )
  maps = [
    leaf['__call__'][0].astype(jnp.float32)
    for _, leaf in sorted(seen['intermediates'].items())
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
  """(networks trained along, networks given) that the critics' weights in `config.options` ask for."""
  names = [field.name for field in dataclasses.fields(CriticOptions)]
  return CriticOptions(**{name: base.option(CriticOptions, config, name) for name in names}).critic_networks()


def init_discriminator(networks: Mapping[str, nn.Module], rng: jax.Array, side: int) -> dict[str, Any]:
  """`{'discriminator': params}` where the stage trains one, else nothing."""
  if 'discriminator' not in networks:
    return {}
  return {'discriminator': networks['discriminator'].init(rng, jnp.zeros((1, side, side, 3)))['params']}
