"""Motion controls besides speech: conditioning on head pose, blinks, gaze, emotion and style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import CONTROL_TRACKS, EMOTIONS
from seetalk_jax.models.nn.blocks import MLP, conv, dense, partitioned

_SCALES = {'pose': 0.3, 'blink': 0.3, 'gaze': 0.3}  # typical magnitudes; values are divided by them


def style_code(x0: jax.Array | np.ndarray, valid: jax.Array | None = None) -> jax.Array:
  """Style vector of a motion track: `[b, n, d]` standardized motion to `[b, 3 d]`.

  The mean, standard deviation and root mean square velocity of every channel over time: rest position, range
  and speed of the motion, without the spoken words. Not specified in the paper; we use these statistics.

  Args:
    valid: bool `[b, n]`, True = a frame of the track (default: all).
  """
  weight = jnp.ones(x0.shape[:2]) if valid is None else valid.astype(jnp.float32)
  weight = weight[..., None]

  def over_time(values, weight):
    return jnp.sum(values * weight, axis=1) / jnp.maximum(jnp.sum(weight, axis=1), 1.0)

  mean = over_time(x0, weight)
  spread = jnp.sqrt(over_time(jnp.square(x0 - mean[:, None]), weight) + 1e-6)
  both = weight[:, 1:] * weight[:, :-1]
  velocity = jnp.sqrt(over_time(jnp.square(x0[:, 1:] - x0[:, :-1]), both) + 1e-6)
  return jnp.concatenate([mean, spread, velocity], axis=-1)


class MotionControls(nn.Module):
  """Embeds controls as an addition to every frame and an addition to the adaLN conditioning vector.

  The last layers start at zero, so that controls added to a trained network do not change its output at
  first.

  The embedding of an emotion is the mean of the labels' embeddings, weighted by their shares: an intensity of 0.4 lies
  at 0.4 of the way from the neutral embedding to that of the label, and intensity 0 is neutral. Shares are what records
  hold, and intensities need no layer of their own. Not specified in the paper.

  Attributes:
    names: controls of the network, from `constants.CONTROLS`, in any order.
    width: width of the transformer.
    motion_dim: width of m, for the style.
    context: receptive field of the convolution over tracks, in frames on either side.
  """

  names: tuple[str, ...]
  width: int
  motion_dim: int
  context: int = 3
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self,
    shape: tuple[int, int],
    controls: Mapping[str, jax.Array],
    drop: Mapping[str, jax.Array],
  ) -> tuple[jax.Array, jax.Array]:
    """The sum of the embeddings of all controls.

    Args:
      shape: (b, n) of the track.
      controls: name -> 'pose' `[b, n, 3]`, 'blink' `[b, n, 1]`, 'gaze' `[b, n, 2]` (see `constants.CONTROL_TRACKS`),
        'emotion' `[b, 8]` (shares of `constants.EMOTIONS`, sum 1), 'style' `[b, 3 motion_dim]`. Missing controls add
        zero.
      drop: name -> bool `[b]`, True = drop the control of that sample, for classifier-free guidance.

    Returns:
      (addition per frame `[b, n, width]`, addition to the conditioning vector `[b, width]`).

    Raises:
      ValueError: a control that the network does not have, or one of a wrong shape.
    """
    b, n = shape
    if unknown := [name for name in controls if name not in self.names]:
      raise ValueError(
        f'control {unknown[0]!r} is none of this network, which has {", ".join(self.names) or "none"}'
      )
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    of_frames, of_clip = jnp.zeros((b, n, self.width), self.dtype), jnp.zeros((b, self.width), self.dtype)
    for name in self.names:
      if name in CONTROL_TRACKS:
        wanted = (b, n, CONTROL_TRACKS[name])
      else:
        wanted = (b, 3 * self.motion_dim if name == 'style' else len(EMOTIONS))
      value = controls.get(name)
      if value is not None and value.shape != wanted:
        raise ValueError(f'control {name} has shape {value.shape}, expected {wanted}')
      keep = jnp.full((b,), value is not None)
      if name in drop:
        keep &= ~drop[name]
      value = jnp.zeros(wanted) if value is None else value
      if name in CONTROL_TRACKS:
        value = value / _SCALES[name]
        x = conv(self.width, (2 * self.context + 1,), f'{name}_in', **types)(value)
        x = dense(self.width, f'{name}_out', zero_init=True, **types)(jax.nn.silu(x))
        of_frames += keep[:, None, None] * x
      elif name == 'emotion':
        start = partitioned(nn.initializers.zeros, (None, 'embed'))
        table = self.param(f'{name}_table', start, (len(EMOTIONS), self.width), self.param_dtype)
        of_clip += keep[:, None] * (jnp.asarray(value, self.dtype) @ jnp.asarray(table, self.dtype))
      else:
        x = MLP(self.width, self.width, zero_init=True, name=f'{name}_mlp', **types)(value)
        of_clip += keep[:, None] * x
    return of_frames, of_clip
