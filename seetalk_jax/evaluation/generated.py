"""Generator interface of the evaluation: portraits, videos with and without refinement, rebuilt frames."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.inference import pipeline
from seetalk_jax.inference.batching import in_fixed_batches
from seetalk_jax.inference.clip import Clip
from seetalk_jax.inference.motion_sampler import READ_BATCH, MotionSampler
from seetalk_jax.inference.renderer import Renderer
from seetalk_jax.models.motion.mouth import mouth_center
from seetalk_jax.models.nn import image_ops


class Generator(Protocol):
  """The pipeline under test; tests implement it by an oracle."""

  def portraits(self, speech: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """Portraits uint8 `[len(seeds), S, S, 3]` of the voice in `speech` (mono, 16 kHz), one per seed."""

  def video(self, speech: np.ndarray, seed: int) -> np.ndarray:
    """Talking-face video, uint8 `[t, S, S, 3]`."""

  def late_frame(self, portrait: np.ndarray, speech: np.ndarray, seed: int) -> np.ndarray:
    """A frame uint8 `[S, S, 3]` from the last fifth of the video of `portrait` (same shape) with `speech`."""

  def unrefined(self, speech: np.ndarray, seed: int) -> tuple[Clip, Clip]:
    """The talking-face clip, and the same clip without lip refinement."""

  def rebuild(
    self, source: np.ndarray, target: np.ndarray, weights: Sequence[float] = (1.0,)
  ) -> Mapping[str, np.ndarray]:
    """{route: uint8 `[n, S, S, 3]`}: `source` with the motion of `target`; the released route comes first.

    Args:
      weights: fusion weights, one route of the HR decoder each; the first is the released one.
    """

  def mouth_centers(self, clip: Clip) -> np.ndarray:
    """Mouth center in every frame of a clip, `[n, 2]`, (x, y) in picture units."""

  def motion(self, frames: np.ndarray) -> np.ndarray:
    """Motion latents `[n, motion_dim]` of uint8 `frames [n, S, S, 3]`."""

  @property
  def lip_subspace(self) -> np.ndarray:
    """Lip subspace U, `[motion_dim, k]`."""

  def codes(self, frames: np.ndarray) -> tuple[np.ndarray, int]:
    """(code indices `[n, h, w]` of uint8 `frames`, codebook size)."""


REBUILD_BATCH = 4


class PipelineGenerator:
  """The released pipeline as a `Generator`."""

  def __init__(self, pipe: pipeline.SeeTalk):
    self.pipe = pipe

  def portraits(self, speech: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    return np.concatenate([self.pipe.portrait(speech, seed=seed) for seed in seeds])

  def video(self, speech: np.ndarray, seed: int) -> np.ndarray:
    return self.pipe(speech, seed=seed).frames

  def late_frame(self, portrait: np.ndarray, speech: np.ndarray, seed: int) -> np.ndarray:
    clip = self.pipe(speech, seed=seed, portrait=portrait)
    index = clip.num_frames - 1 - clip.num_frames // 10
    start = index // clip.chunk * clip.chunk
    return np.asarray(clip.render(start))[index - start]

  def rebuild(
    self, source: np.ndarray, target: np.ndarray, weights: Sequence[float] = (1.0,)
  ) -> Mapping[str, np.ndarray]:
    """See `Generator.rebuild`. Only the motion latent of the target picture is used.

    Frames are rendered by `Renderer.frames`, as in videos.
    """
    motion, made = self.motion(target), {}
    if self._renderer.kind == 'hr_decoder':
      for weight in weights:
        route = 'HR decoder' if weight == 1 else f'HR decoder at weight {weight:g}'
        made[route] = self._frames(self._renderer, source, motion, weight)
    made['plain decoder'] = self._frames(self._plain_renderer, source, motion, 1.0)
    return made

  def codes(self, frames: np.ndarray) -> tuple[np.ndarray, int]:
    book, variables = self.pipe.networks.modules['codebook'], self.pipe.networks.variables('codebook')

    @jax.jit
    def indices(variables, frames):
      return book.apply(
        variables, book.apply(variables, image_ops.to_float(frames), method='encode'), method='quantise'
      )[1]

    return in_fixed_batches(functools.partial(indices, variables), frames, size=REBUILD_BATCH), book.num_codes

  def motion(self, frames: np.ndarray) -> np.ndarray:
    pieces = [frames[i : i + READ_BATCH] for i in range(0, len(frames), READ_BATCH)]
    return np.concatenate([self._motion_sampler.read(piece) for piece in pieces])

  def mouth_centers(self, clip: Clip) -> np.ndarray:
    codec, variables = (
      self.pipe.networks.modules['motion_codec'],
      self.pipe.networks.variables('motion_codec'),
    )
    apply = functools.partial(codec.apply, variables)

    @jax.jit
    def centers(appearance, m_source, motion):
      return mouth_center(apply(appearance, m_source, motion, method='warp').flow)

    portrait = image_ops.to_float(jnp.asarray(clip.portrait)[None])
    appearance, m_source = apply(portrait, method='appearance'), apply(portrait, method='motion')
    return in_fixed_batches(functools.partial(centers, appearance, m_source), clip.motion, size=REBUILD_BATCH)

  @property
  def lip_subspace(self) -> np.ndarray:
    return np.asarray(self.pipe.networks.params['lip_refiner']['subspace'])

  def unrefined(self, speech: np.ndarray, seed: int) -> tuple[Clip, Clip]:
    refined = self.pipe(speech, seed=seed)
    return refined, self._without_refiner(speech, seed=seed, portrait=refined.portrait)

  @functools.cached_property
  def _without_refiner(self) -> pipeline.SeeTalk:
    return pipeline.SeeTalk(self.pipe.release.without('lip_refiner'))

  @functools.cached_property
  def _motion_sampler(self) -> MotionSampler:
    return MotionSampler(self.pipe.release)

  @functools.cached_property
  def _renderer(self) -> Renderer:
    return Renderer(self.pipe.release)

  @functools.cached_property
  def _plain_renderer(self) -> Renderer:
    """Renderer with the decoder of the codec instead of the HR decoder."""
    return Renderer(self.pipe.release, plain=True)

  def _frames(self, renderer: Renderer, source: np.ndarray, motion: np.ndarray, fusion: float) -> np.ndarray:
    """Frames of portraits `[n, S, S, 3]` with one motion latent each.

    Consecutive equal portraits are rendered as one clip.
    """
    others = [i for i in range(1, len(source)) if not np.array_equal(source[i], source[i - 1])]
    spans = itertools.pairwise([0, *others, len(source)])
    return np.concatenate([renderer.frames(source[i], motion[i:j], fusion) for i, j in spans])
