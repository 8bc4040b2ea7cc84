"""Motion sampling: overlapping windows for speech of any length, the next frames of live speech, lip refinement."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import CONTROL_TRACKS, WINDOW_FRAMES
from seetalk_jax.diffusion import guidance, objective, samplers
from seetalk_jax.diffusion.schedule import Schedule, SigmaRange
from seetalk_jax.models.motion.lip_refiner import LipRefiner
from seetalk_jax.models.motion.motion_transformer import MotionTransformer

SCHEDULE = Schedule(kind='cosine')
SPACING = SigmaRange(
  60.0, 0.2
)  # head turns need steps near the first sigma, see docs/experiments.md#sampling-steps
OVERLAP = 25  # frames shared by neighboring windows, in windows of at least 100
CLIP = 6.0  # bound of clean latents, in standard deviations

GROUP = 8  # windows in one network call; this bounds memory for long tracks
REFINED_FRAMES = 200  # frames whose lips are refined in one call
_LIP_LAYER_REACH = 2  # frames to either side in the receptive field of a layer of the lip refiner

# Window counts with a compiled program. Above the last: the last times a power of two, or 3/2 of that.
_COUNTS = (1, 2, 3, 4, 6, 8, 12, 16)


def trained_window(statistics: Mapping[str, Any]) -> int:
  """Frames of the windows that a motion transformer was trained on: its statistic `motion_window`.

  Args:
    statistics: name -> value, of the motion transformer. Runs and releases of earlier versions have no such entry: they
      have windows of 100 frames, or on loading get an entry with another length that their configuration states
      (`releases.motion_window`).
  """
  return int(statistics.get('motion_window', WINDOW_FRAMES))


def padded_window_count(num_frames: int, window: int = WINDOW_FRAMES, overlap: int = OVERLAP) -> int:
  """The number of windows of a track, rounded up to one of few values to limit compilations."""
  step = window - overlap
  needed = max(1, -(-(num_frames - overlap) // step))
  if needed <= _COUNTS[-1]:
    return next(count for count in _COUNTS if count >= needed)
  power = _COUNTS[-1]
  while 2 * power < needed:
    power *= 2
  return power * 3 // 2 if 2 * needed <= 3 * power else 2 * power


def sample_motion(
  modules: Mapping[str, Any],
  params: Mapping[str, Any],
  statistics: Mapping[str, Any],
  tokens: jax.Array,
  m_0: jax.Array,
  key: jax.Array,
  *,
  num_steps: int,
  guidance_scale: float = 1.0,
  controls: Mapping[str, jax.Array | np.ndarray] | None = None,
  control_scales: Mapping[str, float] | None = None,
  window: int | None = None,
  overlap: int | None = None,
  make_sampler: Callable[..., Callable[..., jax.Array]] | None = None,
) -> jax.Array:
  """Samples a motion track for speech of any length.

  Memory beyond tokens and a few tracks is that of one group of windows. The same key gives the same track.

  Args:
    modules, params: name -> module and name -> parameters, with 'motion_transformer'.
    statistics: `motion_mean`, `motion_std` `[d]`, and `motion_window`, see `trained_window`.
    tokens: speech tokens, `[1, n, token_dim]`.
    m_0: motion latent of the portrait, `[1, d]`, not standardized.
    key: PRNG key.
    num_steps: sampling steps.
    guidance_scale: guidance scale of the speech. 1 is unguided; above 1 lips follow the speech more strongly.
    controls: control name -> value, see `models.motion.motion_controls`, with b = 1. The network must have
      been trained with them.
    control_scales: control name -> guidance scale; 1 for controls that are not listed.
    window: frames per window; None: those that the network was trained on.
    overlap: frames that neighboring windows share; None: 25, and a quarter of shorter windows.
    make_sampler: `functools.cache(jit_sampler)`, for callers that reuse compiled functions; None: compile
      again.

  Returns:
    float32 `[1, n, d]`, motion latents of the codec (not standardized).

  Raises:
    ValueError: `window` differs from the window in the statistics.
  """
  n, trained = tokens.shape[1], trained_window(statistics)
  if window not in (None, trained) and 'motion_window' in statistics:
    raise ValueError(f'window {window}: the motion transformer was trained on windows of {trained} frames')
  window = window or trained
  overlap = min(OVERLAP, window // 4) if overlap is None else overlap
  count = padded_window_count(n, window, overlap)
  length = overlap + count * (window - overlap)
  mean, std = _moments(statistics)
  noise = _noise(key, 0, length, mean.shape)
  tokens = jnp.pad(tokens, ((0, 0), (0, length - n), (0, 0)))
  controls, levels, weights = _guided(controls, control_scales, guidance_scale, length - n)
  make_sampler = make_sampler or jit_sampler
  run = make_sampler(modules['motion_transformer'], num_steps, tuple(controls), levels, window, overlap)
  track = run(
    params['motion_transformer'], tokens[0], (m_0 - mean) / std, noise, jnp.int32(n), controls, weights
  )
  return (track[None] * std + mean)[:, :n]


class NextMotion(NamedTuple):
  """What `sample_next` gives; not standardized.

  Attributes:
    motion: the next frames, float32 `[1, n - k - lookahead, d]`.
    track: the given frames, the next ones and those of the look-ahead, which further speech may change, `[1, n, d]`.
  """

  motion: np.ndarray
  track: np.ndarray


def sample_next(
  modules: Mapping[str, Any],
  params: Mapping[str, Any],
  statistics: Mapping[str, Any],
  tokens: jax.Array | np.ndarray,
  past: jax.Array | np.ndarray,
  m_0: jax.Array | np.ndarray,
  key: jax.Array,
  *,
  num_steps: int,
  lookahead: int = 0,
  first_frame: int = 0,
  guidance_scale: float = 1.0,
  controls: Mapping[str, jax.Array | np.ndarray] | None = None,
  control_scales: Mapping[str, float] | None = None,
  make_sampler: Callable[..., Callable[..., jax.Array]] | None = None,
  window: int | None = None,
) -> NextMotion:
  """Samples the next frames of a track whose past is given, from the speech so far, in one window.

  In every step the network reads the given frames as they are. Without a past and a look-ahead the result is that of
  `sample_motion`. Arrays are padded on the host: one compiled program serves all numbers of frames.

  Args:
    modules, params, statistics, m_0, key: see `sample_motion`.
    tokens: speech tokens of the given frames, the next ones and the look-ahead, `[1, n, token_dim]`. The recording that
      they are encoded from ends with the look-ahead.
    past: motion of the first k frames, `[1, k, d]`, not standardized; k may be 0.
    num_steps: sampling steps.
    lookahead: number of the last tokens whose frames are not part of the next ones.
    first_frame: number of the first token's frame in the session: every frame has noise of its own.
    guidance_scale, controls, control_scales, make_sampler: see `sample_motion`.
    window: frames that the program is compiled for, at most those of a window of the network and at least n; fewer
      take less time and give the same. None: a window of the network.

  Raises:
    ValueError: more frames than the window, no next frame, or given frames for a network without
      `with_past`.
  """
  n, k, trained = tokens.shape[1], past.shape[1], trained_window(statistics)
  window = trained if window is None else min(window, trained)
  if n > window:
    raise ValueError(f'{n} tokens: give those of at most {window} frames, a window of the network')
  if lookahead < 0 or k + lookahead >= n:
    raise ValueError(f'{n} tokens hold no frame after {k} given ones and before a look-ahead of {lookahead}')
  if k and not modules['motion_transformer'].with_past:
    raise ValueError('the motion transformer takes no past: train it with past_rate, or give none')
  mean, std = map(np.asarray, _moments(statistics))
  controls = {
    name: _filled(value, window) if name in CONTROL_TRACKS else value
    for name, value in (controls or {}).items()
  }
  controls, levels, weights = _guided(controls, control_scales, guidance_scale, 0)
  make_sampler, overlap = make_sampler or jit_sampler, min(OVERLAP, window // 4)
  run = make_sampler(modules['motion_transformer'], num_steps, tuple(controls), levels, window, overlap)
  past = np.asarray(past, np.float32)
  given = _filled((past - mean) / std, window)[0], np.int32(k)
  sampled = run(
    params['motion_transformer'],
    _filled(tokens, window)[0],
    (np.asarray(m_0) - mean) / std,
    _noise(key, np.int32(first_frame), window, mean.shape),
    np.int32(n),
    controls,
    weights,
    given if modules['motion_transformer'].with_past else None,
  )
  track = (np.asarray(sampled)[None] * std + mean)[:, :n]
  track[:, :k] = past
  return NextMotion(track[:, k : n - lookahead], track)


def _filled(track: jax.Array | np.ndarray, length: int) -> np.ndarray:
  """A track `[1, n, d]` with zeros after its end, float32 `[1, length, d]`."""
  track = np.asarray(track, np.float32)
  return np.pad(track, ((0, 0), (0, length - track.shape[1]), (0, 0)))


def _moments(statistics):
  return tuple(jnp.asarray(statistics[name], jnp.float32) for name in ('motion_mean', 'motion_std'))


@functools.partial(jax.jit, static_argnames=('count', 'shape'))
def _noise(key, first, count, shape):
  # Every frame has its own key, so a longer recording starts with the same noise.
  frames = first + jnp.arange(count)
  return jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(key, i), shape))(frames)


def _guided(controls, control_scales, guidance_scale, rest):
  """(controls with tracks of `rest` more frames, guidance levels that are computed, their weights)."""
  controls, scales = dict(controls or {}), dict(control_scales or {})
  for name in controls.keys() & CONTROL_TRACKS.keys():
    controls[name] = jnp.pad(controls[name], ((0, 0), (0, rest), (0, 0)))[0]
  # Speech is the last condition: its scale applies to the difference that speech adds to the controls.
  weights = guidance.nested_weights([*(scales.get(name, 1.0) for name in controls), guidance_scale])
  levels = tuple(level for level, weight in enumerate(weights) if weight)
  return controls, levels, jnp.asarray([weights[level] for level in levels], jnp.float32)


def refiner_reach(refiner: LipRefiner) -> int:
  """Frames to either side that the refined lips of a frame depend on."""
  return _LIP_LAYER_REACH * refiner.num_layers


def refine_lips(
  modules: Mapping[str, Any],
  params: Mapping[str, Any],
  motion: jax.Array,
  tokens: jax.Array,
  *,
  run: Callable[..., jax.Array] | None = None,
  chunk: int = REFINED_FRAMES,
) -> np.ndarray:
  """Refines a motion track inside the lip subspace, in chunks that are padded by the receptive field.

  Args:
    modules, params: name -> module and name -> parameters, with 'lip_refiner'.
    motion: `[1, n, d]`, not standardized.
    tokens: speech tokens, `[1, n, token_dim]`.
    run: `jit_refiner(network)`, for callers that reuse the compiled function; None: compile again.
    chunk: frames that are refined in one call; another number is another program.

  Returns:
    float32 `[1, n, d]`, the same as for one call on the whole track.
  """
  run, reach = run or jit_refiner(modules['lip_refiner']), refiner_reach(modules['lip_refiner'])
  motion, tokens = np.asarray(motion, np.float32), np.asarray(tokens)
  n, refined = motion.shape[1], np.empty(motion.shape, np.float32)
  for start in range(0, n, chunk):
    frames = np.arange(start - reach, start + chunk + reach)
    valid = (frames >= 0) & (frames < n)
    frames = np.clip(frames, 0, n - 1)
    piece = run(params['lip_refiner'], motion[:, frames], tokens[:, frames], valid[None])
    count = min(chunk, n - start)
    refined[:, start : start + count] = np.asarray(piece)[:, reach : reach + count]
  return refined


def scale_lips(motion: np.ndarray, subspace: np.ndarray, neutral: np.ndarray, scale: float) -> np.ndarray:
  """Scales the components of a motion track in the lip subspace about those of the neutral face.

  The lip refiner predicts a mean over the lip motions that fit a speech, which move less than each of them. Not
  specified in the paper.

  Args:
    motion: motion latents, `[*b, d]`, not standardized.
    subspace: U, `[d, k]`, orthonormal columns; the parameter `subspace` of a lip refiner.
    neutral: motion latent of the neutral face, which stays as it is, `[1, d]` or `[d]`.
    scale: 1 changes nothing, 0 gives the lips of the neutral face.

  Returns:
    float32 `[*b, d]`.
  """
  return np.float32(motion + (scale - 1) * ((motion - neutral) @ subspace @ subspace.T))


def sample_windows(
  denoise: Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array],
  tokens: jax.Array,
  noise: jax.Array,
  num_frames: jax.Array,
  *,
  num_steps: int,
  spacing: str | SigmaRange = SPACING,
  window: int = WINDOW_FRAMES,
  overlap: int = OVERLAP,
  group: int = GROUP,
) -> jax.Array:
  """Samples one track in overlapping windows that are blended in every step.

  Each step estimates x0 in every window and blends the estimates in the overlaps. Noise and estimates are
  shared, so the state of the sampler is one track. Windows are cut from it one group at a time. Groups after
  the last real frame are skipped.

  Args:
    denoise: `(xt [w, window, d], t [w], tokens [w, window, e], valid [w, window])` -> prediction of a
      `MotionTransformer`. valid is True for real frames.
    tokens: `[length, e]`; length is `overlap + w * (window - overlap)`.
    noise: `[length, d]`, unit normal.
    num_frames: number of real frames, a scalar; later frames are masked.
    num_steps, spacing: sampling steps and the spacing of their times, see `diffusion.samplers.sample`.
    window, overlap: frames per window, and frames that neighboring windows share.
    group: windows in one call of `denoise`.

  Returns:
    `[length, d]`.
  """
  length = noise.shape[0]
  index = window_index(length, window, overlap)
  weight = window_weights(length, window, overlap)
  group = min(group, len(index))
  rest = -len(index) % group  # the last group is padded with windows of weight 0
  index, weight = (np.pad(a, ((0, rest), (0, 0))).reshape(-1, group, window) for a in (index, weight))

  def estimate(track, t):
    """Estimate of x0, `[1, length, d]`, from a noisy track of the same shape, t `[1]`."""

    def add(clean, windows):
      index, weight = windows
      valid = index < num_frames

      def with_group():
        xt, times = track[0][index], jnp.broadcast_to(t, index.shape[:1])
        prediction = denoise(xt, times, tokens[index], valid)
        x0 = objective.to_x0(MotionTransformer.prediction_type, SCHEDULE, prediction, xt, times)
        x0 = jnp.clip(x0, -CLIP, CLIP)
        return clean.at[index].add(x0 * weight[..., None])

      return jax.lax.cond(jnp.any(valid & (weight > 0)), with_group, lambda: clean), None

    clean, _ = jax.lax.scan(add, jnp.zeros_like(noise), (jnp.asarray(index), jnp.asarray(weight)))
    return clean[None]

  # 'x0' is what `estimate` returns, whatever the network predicts.
  return samplers.sample(
    estimate, SCHEDULE, noise[None], num_steps=num_steps, spacing=spacing, prediction_type='x0'
  )[0]


def window_index(length: int, window: int = WINDOW_FRAMES, overlap: int = OVERLAP) -> np.ndarray:
  """Frame indices of each window, int32 `[w, window]`.

  Raises:
    ValueError: the windows do not cover the length exactly, or they overlap by more than half.
  """
  step = window - overlap
  if not 0 <= overlap <= window // 2:
    raise ValueError(f'overlap must lie in 0 .. {window // 2} for windows of {window}, got {overlap}')
  if (length - overlap) % step or length < window:
    raise ValueError(f'{length} frames are not covered by windows of {window} that share {overlap}')
  starts = np.arange((length - overlap) // step) * step
  return (starts[:, None] + np.arange(window)).astype(np.int32)


def window_weights(length: int, window: int = WINDOW_FRAMES, overlap: int = OVERLAP) -> np.ndarray:
  """Blend weights of each window, float32 `[w, window]`: ramps in the overlaps, with sum 1 in every frame."""
  index = window_index(length, window, overlap)
  rising = (np.arange(overlap) + 1) / (overlap + 1)
  weight = np.ones(index.shape)
  if overlap:
    weight[1:, :overlap] = rising
    weight[:-1, -overlap:] = rising[::-1]
  return weight.astype(np.float32)


def jit_sampler(
  network: MotionTransformer,
  num_steps: int,
  names: tuple[str, ...],
  levels: tuple[int, ...],
  window: int,
  overlap: int,
  spacing: str | SigmaRange = SPACING,
) -> Callable[..., jax.Array]:
  """The jitted sampler of `sample_motion` and `sample_next` for one network.

  Its last argument is None, or the given frames of a single window: (standardized motion `[window, d]`, their number).

  Args:
    network: the motion transformer.
    num_steps, spacing: sampling steps and the spacing of their times.
    names: names of the used controls, in the order in which conditions are added; speech is added after them.
    levels: number of conditions of each prediction that guidance combines.
    window, overlap: frames per window, and frames that neighboring windows share.
  """
  tracks = [name for name in names if name in CONTROL_TRACKS]

  def run(params, tokens, m_0, noise, num_frames, controls, weights, past=None):
    # All per-frame inputs are concatenated, so that they are cut into windows together.
    widths = [tokens.shape[-1], *(CONTROL_TRACKS[name] for name in tracks)]
    aligned = jnp.concatenate([tokens, *(controls[name] for name in tracks)], axis=-1)

    def denoise(xt, t, pieces, valid):
      w, count = xt.shape[0], len(levels)
      given = None if past is None else jnp.arange(window) < past[1]
      if given is not None:
        xt = jnp.where(given[:, None], past[0], xt)

      def each(array):
        return jnp.concatenate([array] * count)

      portrait = jnp.broadcast_to(m_0, (w, m_0.shape[-1]))
      sound, *cut = jnp.split(pieces, np.cumsum(widths)[:-1], axis=-1)
      window_controls = {
        name: jnp.broadcast_to(value, (w, *value.shape[1:]))
        for name, value in controls.items()
        if name not in tracks
      } | dict(zip(tracks, cut, strict=True))
      level = jnp.repeat(jnp.asarray(levels), w)
      options = {}
      if names:
        options['controls'] = {name: each(value) for name, value in window_controls.items()}
        options['drop_controls'] = {name: level <= rank for rank, name in enumerate(names)}
      if levels != (len(names) + 1,):
        options['drop'] = level <= len(names)
      if given is not None:
        options['given'] = each(jnp.broadcast_to(given, valid.shape))
      predictions = network.apply(
        {'params': params}, each(xt), each(t), each(sound), each(portrait), each(valid), **options
      )
      found = jnp.einsum('l,lwnd->wnd', weights, predictions.reshape(count, *xt.shape))
      return found if given is None else jnp.where(given[:, None], past[0], found)

    how = dict(num_steps=num_steps, spacing=spacing, window=window, overlap=overlap)
    return sample_windows(denoise, aligned, noise, num_frames, **how)

  return jax.jit(run)


def jit_refiner(network: LipRefiner) -> Callable[..., jax.Array]:
  """The jitted network of `refine_lips`: (params, motion, tokens, valid) -> refined motion."""

  def run(params, motion, tokens, valid):
    return network.apply({'params': params}, motion, tokens, valid=valid)

  return jax.jit(run)
