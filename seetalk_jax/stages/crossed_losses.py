"""Losses of cross-identity pictures: a portrait that is given another person's motion.

There is no target picture. phi_m must recover the motion, the face must stay that of the portrait, and the picture must
look real to the discriminator. A motion latent that carries the face of its frame fails the last two, whose gradients
reach phi_m through that latent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.errors import ConfigError
from seetalk_jax.models.motion.motion_codec import Appearance
from seetalk_jax.stages import base, critics


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrossedOptions:
  """Options of cross-identity pictures that a stage inherits, beside `critics.CriticOptions`.

  Attributes:
    cycle_weight: multiplies the cycle loss: the next portrait of the batch is rendered with the target's motion, and
      phi_m must recover that motion. It is for real recordings, which have no `driver`.
    cross_identity_weight: multiplies one minus the cosine similarity of the frozen `face_encoder`'s embeddings of such
      a picture and of its portrait.
    cross_adversarial_weight: multiplies the generator hinge loss of such a picture, and the adaptive weight of the
      target's picture. The discriminator sees it as generated. Needs `adversarial_weight`.
  """

  cycle_weight: float = 0.0
  cross_identity_weight: float = 0.0
  cross_adversarial_weight: float = 0.0

  @property
  def judges(self) -> bool:
    """Whether the face encoder or the discriminator judges such pictures."""
    return bool(self.cross_identity_weight or self.cross_adversarial_weight)

  @property
  def crosses(self) -> bool:
    """Whether any loss needs such pictures."""
    return bool(self.cycle_weight or self.judges)


def frozen_networks(config) -> tuple[str, ...]:
  """The frozen networks that the options of a configuration need.

  Raises:
    ConfigError: the adversarial loss of these pictures without a discriminator.
  """
  if base.option(CrossedOptions, config, 'cross_adversarial_weight') and not base.option(
    critics.CriticOptions, config, 'adversarial_weight'
  ):
    raise ConfigError(
      f'option cross_adversarial_weight of stage {config.stage} needs a discriminator: set options.adversarial_weight '
      'too, or this one to 0'
    )
  return ('face_encoder',) if base.option(CrossedOptions, config, 'cross_identity_weight') else ()


def crossed_picture(
  run: Callable[..., Any], appearance: Appearance, m_source: jax.Array, m_target: jax.Array
) -> jax.Array:
  """The next portrait of the batch with the motion of each target, `[b, h, w, 3]`.

  Args:
    run: applies the codec.
    appearance, m_source: of the portraits.
    m_target: motion latents `[b, motion_dim]`.
  """
  others = jax.tree.map(lambda a: jnp.roll(a, 1, axis=0), (appearance, m_source))
  return run(run(*others, m_target, method='warp'), method='decode')


def cycle_loss(run: Callable[..., Any], crossed: jax.Array, m_target: jax.Array) -> jax.Array:
  """Squared error of the motion that phi_m recovers from crossed pictures, over its variance in the batch."""
  wanted = jax.lax.stop_gradient(m_target)
  error = jnp.mean(jnp.square(run(crossed, method='motion') - wanted))
  return error / (jnp.mean(jnp.var(wanted, axis=0)) + 1e-3)


def judge_losses(
  options: Any,
  networks: Mapping[str, nn.Module],
  judges: Mapping[str, nn.Module],
  params: Mapping[str, Any],
  frozen: base.Frozen,
  crossed: jax.Array,
  source: jax.Array,
  adaptive_weight: jax.Array | float,
  step: jax.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Identity and adversarial loss of crossed pictures.

  Args:
    options: of a stage that inherits `CrossedOptions` and `critics.CriticOptions`.
    networks, judges: trained and frozen modules of the stage.
    params, frozen: trained parameters and frozen arrays of the stage.
    crossed: `crossed_picture` of the batch.
    source: the portraits of the batch, `[b, h, w, 3]`.
    adaptive_weight: see `critics.critic_losses`.
    step: training step.

  Returns:
    (loss to add, metrics).
  """
  loss, metrics = jnp.zeros(()), {}
  if options.cross_identity_weight:
    encoder, variables = judges['face_encoder'], frozen.variables('face_encoder')
    portraits = jax.lax.stop_gradient(encoder.apply(variables, jnp.roll(source, 1, axis=0)))
    similarity = jnp.sum(encoder.apply(variables, crossed) * portraits, axis=-1)
    metrics['crossed_identity'] = 1.0 - jnp.mean(similarity)
    loss += options.cross_identity_weight * metrics['crossed_identity']
  if options.cross_adversarial_weight:
    own, network = params['discriminator'], networks['discriminator']
    generator = critics.hinge_generator(network.apply({'params': jax.lax.stop_gradient(own)}, crossed))
    fake = network.apply({'params': own}, jax.lax.stop_gradient(crossed))
    discriminator = critics.hinge_fake(fake)
    counts = options.cross_adversarial_weight * (step >= options.adversarial_after)
    loss += counts * adaptive_weight * generator + discriminator
    metrics |= {'crossed_adversarial': generator, 'crossed_discriminator': discriminator}
  return loss, metrics
