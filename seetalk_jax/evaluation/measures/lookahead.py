"""Lips against look-ahead: how well the lips of the next frames follow speech that ends soon after them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.constants import LIPS, MOTION_DIM, MOTION_FIELDS, MOTION_STEPS, SAMPLES_PER_FRAME
from seetalk_jax.evaluation.measures import series
from seetalk_jax.sampling import motion as sampling

CHUNK = 5  # frames
_JAW = MOTION_FIELDS.index('jawOpen')


class LookaheadLips(NamedTuple):
  """Lips of all chunks with one look-ahead.

  Attributes:
    lookahead: frames of speech after a chunk.
    error: mean absolute error of the lip fields, in units of their scales.
    opening: Pearson's r of the jaw's opening with the true one, over the frames of all chunks; NaN if one is constant.
    frames: number of frames.
  """

  lookahead: int
  error: float
  opening: float
  frames: int


def lips_by_lookahead(
  modules: Mapping[str, Any],
  params: Mapping[str, Any],
  statistics: Mapping[str, Any],
  talks: Iterable[tuple[np.ndarray, np.ndarray]],
  lookaheads: Sequence[int] = (5, 10, 25, 50),
  *,
  chunk: int = CHUNK,
  stride: int = 25,
  num_steps: int = MOTION_STEPS,
  guidance_scale: float = 1.5,
  seed: int = 0,
) -> list[LookaheadLips]:
  """Measures single chunks of talks with several look-aheads; all of them on the same frames.

  The speech is cut at the look-ahead before it is encoded, as in a live session. The past is the true motion; a motion
  transformer that takes none samples the frames before the chunk too. Lips are read from the latents, refined if there
  is a lip refiner.

  Args:
    modules, params: name -> module and name -> parameters of a release: speech encoder, motion codec, motion
      transformer and, if there is one, lip refiner.
    statistics: see `sampling.motion.sample_motion`.
    talks: (speech `[640 n]` at 16 kHz, motion vectors `[n, 58]`); n is at least `2 chunk + max(lookaheads)`.
    lookaheads: numbers of frames.
    chunk: frames of a chunk.
    stride: frames from one measured chunk of a talk to the next.
    num_steps, guidance_scale: of the sampling.
    seed: every talk has another noise.

  Raises:
    ValueError: a talk is too short, or a chunk with its look-ahead does not fit into a window of the network.
  """
  window, furthest = sampling.trained_window(statistics), max(lookaheads)
  if chunk + furthest > window:
    raise ValueError(f'a chunk of {chunk} and a look-ahead of {furthest} frames exceed a window of {window}')
  codec = functools.partial(_apply(modules['motion_codec']), params['motion_codec'])
  encode = functools.partial(_apply(modules['speech_encoder']), params['speech_encoder'])
  make_sampler = functools.cache(sampling.jit_sampler)
  refine = sampling.jit_refiner(modules['lip_refiner']) if 'lip_refiner' in modules else None
  m_0 = codec('encode_truth', np.zeros((1, MOTION_DIM), np.float32))
  found: dict[int, list[np.ndarray]] = {lookahead: [] for lookahead in lookaheads}
  true: list[np.ndarray] = []
  for number, (speech, motion) in enumerate(talks):
    n = len(motion)
    if n < 2 * chunk + furthest:
      raise ValueError(f'talk {number} has {n} frames: give {2 * chunk + furthest} or more')
    own = codec('encode_truth', np.asarray(motion, np.float32)[None])
    for boundary in range(2 * chunk, n - furthest + 1, stride):
      true.append(motion[boundary - chunk : boundary])
      for lookahead in lookaheads:
        end = boundary + lookahead
        first = max(0, end - window)
        samples = jnp.int32([end * SAMPLES_PER_FRAME])
        tokens = encode('encode_tokens', speech[None], samples)[0][:, first:end]
        with_past = modules['motion_transformer'].with_past
        past = own[:, first : boundary - chunk] if with_past else own[:, :0]
        track = sampling.sample_next(
          modules,
          params,
          statistics,
          tokens,
          past,
          m_0,
          jax.random.fold_in(jax.random.key(seed), number),
          num_steps=num_steps,
          lookahead=lookahead,
          first_frame=first,
          guidance_scale=guidance_scale,
          make_sampler=make_sampler,
        ).track
        if refine is not None:
          track = sampling.refine_lips(modules, params, track, tokens, run=refine)
        next_frames = track[:, boundary - chunk - first : boundary - first]
        found[lookahead].append(np.asarray(codec('read_truth', next_frames))[0])
  truth, scales = np.concatenate(true), np.asarray(modules['motion_codec'].motion_scales)
  return [_lips(lookahead, np.concatenate(read), truth, scales) for lookahead, read in found.items()]


def _lips(lookahead: int, read: np.ndarray, truth: np.ndarray, scales: np.ndarray) -> LookaheadLips:
  lips = np.array(LIPS)
  error = np.abs(read - truth)[:, lips] / scales[lips]
  opening = series.correlation(read[:, _JAW], truth[:, _JAW])
  return LookaheadLips(lookahead, float(error.mean()), opening, len(read))


def _apply(module: Any) -> Callable[..., Any]:
  """Jitted methods of a module: (params, name of the method, arguments) -> result."""

  @functools.partial(jax.jit, static_argnums=1)
  def run(params, method, *args):
    return module.apply({'params': params}, *args, method=method)

  return run
