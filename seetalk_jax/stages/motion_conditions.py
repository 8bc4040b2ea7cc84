"""Controls of motion tracks in training: pose, blinks, emotion and style of a batch, with random drops and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import BLINK, EMOTIONS, FROWNS, POSE, SMILES

# Control -> its fields of a motion vector.
FIELDS_OF = {'pose': POSE, 'blink': BLINK, 'emotion': np.r_[SMILES, FROWNS]}
# Clips have no label of an emotion: it follows from the mean smile over the clip.
_SMILES, _FROWNS = 0.25, -0.02


def controls_of(
  names: Sequence[str],
  batch: Mapping[str, jax.Array],
  style: jax.Array | None,
  rng: jax.Array,
  *,
  draws: int,
  drop_rate: float,
  noise: float,
  valid: jax.Array | None = None,
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
  """(controls, drop masks `[b draws]`), by control name; unknown ones are dropped.

  Args:
    names: controls of the network.
    batch: with the motion of the tracks, for the controls that follow it.
    style: style codes of other windows, `[b, 3 motion_dim]`, or None.
    rng: random key.
    draws: how often each track is repeated.
    drop_rate: probability that a control is dropped, independently for each control.
    noise: standard deviation of the noise on pose and blink tracks.
    valid: bool `[b draws, n]`, frames of the tracks: those of controls are 0 elsewhere, as in sampling. None: all.
  """
  noise_rng, drop_rng = jax.random.split(rng)
  controls, count = {}, draws * next(iter(batch.values())).shape[0]
  if style is not None:
    controls['style'] = jnp.repeat(style, draws, axis=0)
  if 'motion' in batch:
    motion = jnp.repeat(batch['motion'], draws, axis=0)
    tracks = {'pose': motion[..., POSE], 'blink': jnp.mean(motion[..., BLINK], axis=-1, keepdims=True)}
    for i, (name, track) in enumerate(tracks.items()):
      jitter = jax.random.normal(jax.random.fold_in(noise_rng, i), track.shape)
      controls[name] = track + noise * jitter
      if valid is not None:
        controls[name] *= valid[..., None]
    controls['emotion'] = smile_label(motion)
  controls = {name: controls[name] for name in names}
  drop = {
    name: jax.random.uniform(jax.random.fold_in(drop_rng, i), (count,)) < drop_rate
    for i, name in enumerate(names)
  }
  if 'motion_weight' in batch:
    weight = jnp.repeat(batch['motion_weight'], draws, axis=0)
    for name in drop.keys() & FIELDS_OF.keys():
      drop[name] |= jnp.min(weight[:, FIELDS_OF[name]], axis=1) == 0
  if 'style' in drop:
    drop['style'] |= jnp.repeat(batch['style_length'], draws) == 0
  return controls, drop


def smile_label(motion: jax.Array) -> jax.Array:
  """Emotion labels, int32 `[b]`, of motion `[b, n, 58]`: happy, sad or neutral, by the mean of smiles less frowns."""
  smile = jnp.mean(motion[..., SMILES], axis=(1, 2)) - jnp.mean(motion[..., FROWNS], axis=(1, 2))
  happy, sad, neutral = (EMOTIONS.index(name) for name in ('happy', 'sad', 'neutral'))
  return jnp.where(smile > _SMILES, happy, jnp.where(smile < _FROWNS, sad, neutral)).astype(jnp.int32)
