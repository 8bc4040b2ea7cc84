"""Lip, blink and velocity losses of motion tracks, over the frames and fields that count."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import BLINK, LIPS
from seetalk_jax.sampling.motion import SCHEDULE
from seetalk_jax.stages import losses

# Signal of a blink relative to one latent value: its squared length in standardized latents, summed over its
# frames, is some hundreds.
_BLINK_SIGNAL = 100.0


def lips_and_blinks(
  wrong: jax.Array,
  t: jax.Array,
  drop: jax.Array,
  weight: jax.Array | None = None,
  counted: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Mean squared errors of lips, over tracks with speech, and of blinks.

  Args:
    wrong: errors of the motion fields in units of their scales, `[b, n, 58]`.
    t: diffusion times `[b]`.
    drop: bool `[b]`, whose speech was dropped.
    weight: weights of the fields, `[b, 58]`; None: all 1.
    counted: 1 for frames that count and 0 for others, `[b, n]`; None: all 1.
  """
  lip_fields, blink_fields = (
    (None if weight is None else weight[:, None, fields]) for fields in (np.array(LIPS), BLINK)
  )
  per_track = _mean_of_fields(jnp.square(wrong[..., np.array(LIPS)]), lip_fields, counted)
  # Blinks do not follow from speech, so they are weighted by how visible they are in the noisy track. A blink
  # spans many values of several frames, so it is visible at noise levels that hide a single value.
  shown = _BLINK_SIGNAL * SCHEDULE.alpha_bar(t)
  signal = shown / (shown + 1.0 - SCHEDULE.alpha_bar(t))
  per_blink = signal * _mean_of_fields(jnp.square(wrong[..., BLINK]), blink_fields, counted)
  of_blinks = None if weight is None else jnp.mean(weight[:, BLINK], axis=-1)
  with_speech = 1.0 - drop.astype(jnp.float32)
  if weight is not None:
    with_speech *= jnp.mean(weight[:, np.array(LIPS)], axis=-1)
  if counted is not None:
    share = jnp.mean(counted, axis=1)
    of_blinks = share if of_blinks is None else share * of_blinks
    with_speech *= share
  blinks = losses.mean_of_rows(per_blink, of_blinks)
  lips = jnp.sum(with_speech * per_track) / (jnp.sum(with_speech) + 1e-6)
  return lips, blinks


def velocity(off: jax.Array, weight: jax.Array | None = None, counted: jax.Array | None = None) -> jax.Array:
  """Mean squared error of frame-to-frame differences, of the errors `off [b, n, d]` of tracks.

  Args:
    weight: of each track, `[b]`; None: all alike.
    counted: 1 for frames that count and 0 for others, `[b, n]`; None: all. The difference of a frame to the one before
      counts if the frame does.
  """
  steps = jnp.square(off[:, 1:] - off[:, :-1])
  if counted is None:
    return losses.mean_of_rows(steps, weight)
  counted = counted[:, 1:] * (1.0 if weight is None else weight[:, None])
  return jnp.sum(counted * jnp.mean(steps, axis=-1)) / (jnp.sum(counted) + 1e-6)


def _mean_of_fields(
  errors: jax.Array, weight: jax.Array | None, counted: jax.Array | None = None
) -> jax.Array:
  """Means `[b]` of errors `[b, n, fields]` under weights `[b, 1, fields]` of fields and `[b, n]` of frames."""
  if weight is None and counted is None:
    return jnp.mean(errors, axis=(1, 2))
  if weight is None:
    of_frames = jnp.mean(errors, axis=2)
  else:
    of_frames = jnp.sum(errors * weight, axis=2) / (jnp.sum(weight, axis=2) + 1e-6)
  if counted is None:
    return jnp.mean(of_frames, axis=1)
  return jnp.sum(counted * of_frames, axis=1) / (jnp.sum(counted, axis=1) + 1e-6)
