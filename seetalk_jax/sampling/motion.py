"""Motion tracks of any length: windows denoised together on shared noise, and the lips refined after."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.diffusion import samplers
from seetalk_jax.diffusion.schedule import Schedule

SCHEDULE = Schedule(kind='cosine')
# Tracks lie near a surface of few dimensions, noise fills all of them: a network narrower than m cannot hand
# the noise through to a 'v', and would spend itself on trying.
PREDICTION_TYPE = 'x0'
WINDOW = 100  # frames, 4 s: what the motion transformer is trained on
OVERLAP = 25  # frames shared by neighbouring windows
CLIP = 6.0  # standard deviations; motion further out is no motion

# Counts of windows that programs are compiled for; above the last, multiples of it.
_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


def padded_window_count(num_frames: int, window: int = WINDOW, overlap: int = OVERLAP) -> int:
  """How many windows a track of so many frames is computed in: few different values, so few compilations."""
  step = window - overlap
  needed = max(1, -(-(num_frames - overlap) // step))
  last = _COUNTS[-1]
  return next((count for count in _COUNTS if count >= needed), -(-needed // last) * last)


def sample_motion(
  modules: Mapping[str, Any],
  params: Mapping[str, Any],
  statistics: Mapping[str, Any],
  tokens: jax.Array,
  m_0: jax.Array,
  key: jax.Array,
  *,
  num_steps: int = 20,
  guidance_scale: float = 1.0,
  window: int = WINDOW,
  overlap: int = OVERLAP,
) -> jax.Array:
  """Samples a motion track for speech of any length.

  Memory beyond tokens and track is one batch of windows. The same key gives the same track.

  Args:
    modules, params: hold 'motion_transformer'.
    statistics: `motion_mean`, `motion_std` `[d]`.
    tokens: `[1, n, token_dim]`.
    m_0: the portrait's motion latent `[1, d]`, not standardised.
    guidance_scale: 1 is unguided; above, lips follow the speech more strongly.
    window, overlap: frames per window and shared by neighbours.

  Returns:
    float32 `[1, n, d]`, motion latents of the codec (not standardised).
  """
  n = tokens.shape[1]
  count = padded_window_count(n, window, overlap)
  length = overlap + count * (window - overlap)
  mean, std = (jnp.asarray(statistics[name], jnp.float32) for name in ('motion_mean', 'motion_std'))
  # One draw per frame, from its own key: a longer recording starts with the same noise.
  noise = jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(key, i), mean.shape))(jnp.arange(length))
  tokens = jnp.pad(tokens, ((0, 0), (0, length - n), (0, 0)))
  run = _compiled(modules['motion_transformer'], num_steps, guidance_scale != 1, window, overlap)
  track = run(
    params['motion_transformer'],
    tokens[0],
    (m_0 - mean) / std,
    noise,
    jnp.int32(n),
    jnp.float32(guidance_scale),
  )
  return (track[None] * std + mean)[:, :n]


def refine_lips(
  modules: Mapping[str, Any], params: Mapping[str, Any], motion: jax.Array, tokens: jax.Array
) -> jax.Array:
  """Corrects a track `[1, n, d]` (not standardised) inside the lip subspace; `tokens [1, n, token_dim]`."""
  n = motion.shape[1]
  length = -(-n // WINDOW) * WINDOW
  length = next((WINDOW * count for count in _COUNTS if WINDOW * count >= length), length)
  pad = ((0, 0), (0, length - n), (0, 0))
  valid = (np.arange(length) < n)[None]
  run = _compiled_refiner(modules['lip_refiner'])
  return run(params['lip_refiner'], jnp.pad(motion, pad), jnp.pad(tokens, pad), valid)[:, :n]


def sample_windows(
  denoise: Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array],
  tokens: jax.Array,
  noise: jax.Array,
  num_frames: jax.Array,
  *,
  num_steps: int,
  window: int = WINDOW,
  overlap: int = OVERLAP,
) -> jax.Array:
  """Denoises one track in overlapping windows that agree in every step.

  Each step estimates the clean track window by window, blends the estimates where windows overlap, and gives
  every
  window its part of the blend: noise and estimates are shared, so the windows' states stay one track.

  Args:
    denoise: `(xt [w, window, d], t [w], tokens [w, window, e], valid [w, window]) -> PREDICTION_TYPE`.
    tokens: `[length, e]`; length is `overlap + w * (window - overlap)`.
    noise: `[length, d]`, unit normal.
    num_frames: frames of the track that are real; the rest is masked.

  Returns:
    `[length, d]`.
  """
  length = noise.shape[0]
  index = window_index(length, window, overlap)
  weight = jnp.asarray(window_weights(length, window, overlap))
  valid = jnp.asarray(index) < num_frames
  pieces = tokens[index]

  def merge(windows):
    """`[w, window, d]` to `[length, d]`."""
    track = jnp.zeros((length, windows.shape[-1]), windows.dtype)
    return track.at[index].add(windows * weight[..., None])

  def blend(x0):
    return merge(x0)[index]

  x0 = samplers.sample(
    lambda xt, t: denoise(xt, t, pieces, valid),
    SCHEDULE,
    noise[index],
    num_steps=num_steps,
    prediction_type=PREDICTION_TYPE,
    clip=lambda x0: jnp.clip(x0, -CLIP, CLIP),
    blend=blend if index.shape[0] > 1 else None,
  )
  return merge(x0)


def window_index(length: int, window: int = WINDOW, overlap: int = OVERLAP) -> np.ndarray:
  """Frames of each window, int32 `[w, window]`.

  Raises:
    ValueError: windows do not tile the length, or overlap by more than half.
  """
  step = window - overlap
  if not 0 <= overlap <= window // 2:
    raise ValueError(f'overlap must lie in 0 .. {window // 2} for windows of {window}, got {overlap}')
  if (length - overlap) % step or length < window:
    raise ValueError(f'{length} frames are not covered by windows of {window} that share {overlap}')
  starts = np.arange((length - overlap) // step) * step
  return (starts[:, None] + np.arange(window)).astype(np.int32)


def window_weights(length: int, window: int = WINDOW, overlap: int = OVERLAP) -> np.ndarray:
  """What each window says in the blend, float32 `[w, window]`: ramps in the overlaps, summing to 1 in every
  frame."""
  index = window_index(length, window, overlap)
  rising = (np.arange(overlap) + 1) / (overlap + 1)
  weight = np.ones(index.shape)
  if overlap:
    weight[1:, :overlap] = rising
    weight[:-1, -overlap:] = rising[::-1]
  return weight.astype(np.float32)


@functools.cache
def _compiled(network, num_steps: int, guided: bool, window: int, overlap: int):
  """The jitted sampler of a network; a second recording of like length compiles nothing."""

  def run(params, tokens, m_0, noise, num_frames, guidance_scale):
    def denoise(xt, t, pieces, valid):
      w = xt.shape[0]
      portrait = jnp.broadcast_to(m_0, (w, m_0.shape[-1]))
      call = functools.partial(network.apply, {'params': params})
      if not guided:
        return call(xt, t, pieces, portrait, valid)
      twice = [jnp.concatenate([a, a]) for a in (xt, t, pieces, portrait, valid)]
      drop = jnp.arange(2 * w) >= w
      with_speech, without = jnp.split(call(*twice, drop), 2)
      return without + guidance_scale * (with_speech - without)

    return sample_windows(
      denoise, tokens, noise, num_frames, num_steps=num_steps, window=window, overlap=overlap
    )

  return jax.jit(run)


@functools.cache
def _compiled_refiner(network):
  def run(params, motion, tokens, valid):
    return network.apply({'params': params}, motion, tokens, valid=valid)

  return jax.jit(run)
