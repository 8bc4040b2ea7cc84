"""What the evaluation asks of a pipeline: portraits, videos, a late frame, rebuilt frames."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax import pipeline
from seetalk_jax.models import blocks


class Generator(Protocol):
  """The pipeline under test; tests put an oracle in."""

  def portraits(self, speech: np.ndarray, seeds: Sequence[int]) -> np.ndarray:
    """uint8 `[len(seeds), S, S, 3]`: a portrait of the voice in `speech` (mono, 16 kHz) for each seed."""

  def video(self, speech: np.ndarray, seed: int) -> np.ndarray:
    """uint8 `[t, S, S, 3]`: the talking face."""

  def late_frame(self, portrait: np.ndarray, speech: np.ndarray, seed: int) -> np.ndarray:
    """uint8 `[S, S, 3]`: a frame from the last fifth of `portrait` (uint8 `[S, S, 3]`) saying `speech`."""

  def rebuild(self, source: np.ndarray, target: np.ndarray) -> Mapping[str, np.ndarray]:
    """{route: uint8 `[n, S, S, 3]`}: `source` moved as `target`; the released route first."""


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

  def rebuild(self, source: np.ndarray, target: np.ndarray) -> Mapping[str, np.ndarray]:
    """As `Generator`: the motion latent is read from the target's picture; nothing else of it is used."""
    made: dict[str, list[np.ndarray]] = {}
    for i in range(0, len(source), REBUILD_BATCH):
      rows = np.minimum(np.arange(i, i + REBUILD_BATCH), len(source) - 1)
      for route, frames in self._rebuild(source[rows], target[rows]).items():
        made.setdefault(route, []).append(np.asarray(frames))
    return {route: np.concatenate(frames)[: len(source)] for route, frames in made.items()}

  @functools.cached_property
  def _rebuild(self):
    networks = self.pipe.networks
    codec = networks.modules['motion_codec']
    sharp = all(name in networks.modules for name in ('code_transformer', 'codebook', 'hr_decoder'))

    @jax.jit
    def rebuild(variables, source, target):
      source, target = blocks.to_float(source), blocks.to_float(target)
      apply = functools.partial(codec.apply, variables['motion_codec'])
      m_source, m_target = (apply(image, method='motion') for image in (source, target))
      warped = apply(apply(source, method='appearance'), m_source, m_target, method='warp')
      routes = {}
      if sharp:
        logits = networks.modules['code_transformer'].apply(variables['code_transformer'], warped.features)
        codes = jnp.argmax(logits, axis=-1)
        codes = networks.modules['codebook'].apply(variables['codebook'], codes, method='lookup')
        decoder = networks.modules['hr_decoder']
        routes['HR decoder'] = decoder.apply(variables['hr_decoder'], codes, warped, 1.0)
      routes['plain decoder'] = apply(warped, method='decode')
      return {route: blocks.to_uint8(image) for route, image in routes.items()}

    variables = {name: networks.variables(name) for name in networks.modules}
    return functools.partial(rebuild, variables)
