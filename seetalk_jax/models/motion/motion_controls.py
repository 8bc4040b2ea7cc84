"""What a user may ask of a motion track besides the speech: head pose, blinks, an emotion, somebody's style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import CONTROL_TRACKS, EMOTIONS
from seetalk_jax.models.nn.blocks import MLP, conv, dense, partitioned

_LABELS = {'emotion': EMOTIONS}
_SCALES = {'pose': 0.3, 'blink': 0.3}  # so that all are about 1


def style_code(x0: jax.Array | np.ndarray, valid: jax.Array | None = None) -> jax.Array:
  """Somebody's style from a track of theirs: `[b, n, d]` standardised motion to `[b, 3 d]` (our reading).

  Mean, spread and root mean square velocity of every channel over time: how the face rests, how far it goes and
  how fast; what was said is not in it.

  Args:
    valid: bool `[b, n]`, True = a frame of the track.
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
  """Controls -> what they add to every frame, and to the vector that steers the blocks.

  The last layers start at zero: a network that learns controls late begins as the one that it was.

  Attributes:
    names: of `constants.CONTROLS`, in any order.
    width: of the transformer.
    motion_dim: width of m, for the style.
    context: frames to either side that a track is looked at with.
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
    given: Mapping[str, jax.Array],
    drop: Mapping[str, jax.Array],
  ) -> tuple[jax.Array, jax.Array]:
    """One contribution of all controls.

    Args:
      shape: (b, n) of the track.
      given: name -> 'pose' `[b, n, 3]`, 'blink' `[b, n, 1]`, 'emotion' int `[b]` (index into
        `constants.EMOTIONS`), 'style' `[b, 3 motion_dim]`. What is not given adds nothing.
      drop: name -> bool `[b]`, True = as if not given, for guidance.

    Returns:
      (`[b, n, width]`, `[b, width]`).

    Raises:
      ValueError: a control that the network does not have, or one of another shape.
    """
    b, n = shape
    if unknown := [name for name in given if name not in self.names]:
      raise ValueError(
        f'control {unknown[0]!r} is none of this network, which has {", ".join(self.names) or "none"}'
      )
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    of_frames, of_clip = jnp.zeros((b, n, self.width), self.dtype), jnp.zeros((b, self.width), self.dtype)
    for name in self.names:
      if name in CONTROL_TRACKS:
        wanted = (b, n, CONTROL_TRACKS[name])
      else:
        wanted = (b, 3 * self.motion_dim) if name == 'style' else (b,)
      value = given.get(name)
      if value is not None and value.shape != wanted:
        raise ValueError(f'control {name} has shape {value.shape}, expected {wanted}')
      keep = jnp.full((b,), value is not None)
      if name in drop:
        keep &= ~drop[name]
      if name in CONTROL_TRACKS:
        value = jnp.zeros(wanted) if value is None else value / _SCALES[name]
        x = conv(self.width, (2 * self.context + 1,), f'{name}_in', **types)(value)
        x = dense(self.width, f'{name}_out', zero_init=True, **types)(jax.nn.silu(x))
        of_frames += keep[:, None, None] * x
      elif name in _LABELS:
        start = partitioned(nn.initializers.zeros, (None, 'embed'))
        table = self.param(f'{name}_table', start, (len(_LABELS[name]), self.width), self.param_dtype)
        label = jnp.zeros(wanted, jnp.int32) if value is None else value
        of_clip += keep[:, None] * jnp.asarray(table, self.dtype)[label]
      else:
        value = jnp.zeros(wanted) if value is None else value
        x = MLP(self.width, self.width, zero_init=True, name=f'{name}_mlp', **types)(value)
        of_clip += keep[:, None] * x
    return of_frames, of_clip
