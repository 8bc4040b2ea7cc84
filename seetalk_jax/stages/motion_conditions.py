"""Controls of motion tracks in training: pose, blinks, gaze, emotion and style of a batch, with drops and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import BLINK, CONTROLS, POSE
from seetalk_jax.errors import ConfigError
from seetalk_jax.models.motion.motion_transformer import CONTROLS_PART, MotionTransformer

# Control that follows from motion -> its fields of a motion vector.
FIELDS_OF = {'pose': POSE, 'blink': BLINK, 'gaze': np.array(blendshapes.EYE_LOOKS)}


def with_controls(network: MotionTransformer, config) -> MotionTransformer:
  """The network with the controls of `config.model.motion_transformer` besides its own.

  A network that comes from a run or a release may have none: the stage adds them, and they start without effect.

  Raises:
    ConfigError: an unknown control.
  """
  asked = tuple(config.model.get('motion_transformer', {}).get('controls', ()))
  for name in asked:
    if name not in CONTROLS:
      raise ConfigError(
        f'config.model.motion_transformer.controls has {name!r}, which is unknown: use some of {", ".join(CONTROLS)}'
      )
  return network.clone(
    controls=(*network.controls, *(name for name in asked if name not in network.controls))
  )


def parts_of(network: MotionTransformer) -> tuple[str, ...]:
  """Path prefixes of the parameters of a network's controls."""
  return tuple(f'{CONTROLS_PART}/{name}_' for name in network.controls)


def controls_of(
  names: Sequence[str],
  batch: Mapping[str, jax.Array],
  style: jax.Array | None,
  rng: jax.Array,
  *,
  draws: int,
  drop_rate: float,
  none_rate: float,
  noise: float,
  valid: jax.Array | None = None,
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
  """(controls, drop masks `[b draws]`), by control name; unknown ones are dropped.

  Args:
    names: controls of the network.
    batch: with the motion of the tracks, for the controls that follow it, and `emotion` `[b, 8]` of the view for that
      control. Emotions are those of labels: where a record has none, the control is dropped, because the mouth alone
      (a smile) would be a wrong label of brows, eyes and head, and of all emotions but two.
    style: style codes of other windows, `[b, 3 motion_dim]`, or None.
    rng: random key.
    draws: how often each track is repeated.
    drop_rate: probability that a control is dropped, independently for each control.
    none_rate: probability that all controls of a track are dropped.
    noise: standard deviation of the noise on tracks.
    valid: bool `[b draws, n]`, frames of the tracks: those of controls are 0 elsewhere, as in sampling. None: all.
  """
  noise_rng, drop_rng = jax.random.split(rng)
  controls, count = {}, draws * next(iter(batch.values())).shape[0]
  if style is not None:
    controls['style'] = jnp.repeat(style, draws, axis=0)
  if 'motion' in batch:
    motion = jnp.repeat(batch['motion'], draws, axis=0)
    tracks = {
      'pose': motion[..., POSE],
      'blink': jnp.mean(motion[..., BLINK], axis=-1, keepdims=True),
      'gaze': jnp.stack(blendshapes.gaze(motion), axis=-1),
    }
    for i, (name, track) in enumerate(tracks.items()):
      jitter = jax.random.normal(jax.random.fold_in(noise_rng, i), track.shape)
      controls[name] = track + noise * jitter
      if valid is not None:
        controls[name] *= valid[..., None]
  if 'emotion' in batch:
    controls['emotion'] = jnp.repeat(batch['emotion'], draws, axis=0)
  controls = {name: controls[name] for name in names}
  none = jax.random.uniform(jax.random.fold_in(drop_rng, len(names)), (count,)) < none_rate
  drop = {
    name: none | (jax.random.uniform(jax.random.fold_in(drop_rng, i), (count,)) < drop_rate)
    for i, name in enumerate(names)
  }
  if 'motion_weight' in batch:
    weight = jnp.repeat(batch['motion_weight'], draws, axis=0)
    for name in drop.keys() & FIELDS_OF.keys():
      drop[name] |= jnp.min(weight[:, FIELDS_OF[name]], axis=1) == 0
  if 'emotion' in drop:
    drop['emotion'] |= ~has_emotion(controls['emotion'])
  if 'style' in drop:
    drop['style'] |= jnp.repeat(batch['style_length'], draws) == 0
  return controls, drop


def has_emotion(shares: jax.Array) -> jax.Array:
  """Whether the records of a batch have a label of their emotion, bool `[b]`.

  Args:
    shares: entry `emotion` of the view, `[b, 8]`.
  """
  return jnp.sum(shares, axis=-1) > 0
