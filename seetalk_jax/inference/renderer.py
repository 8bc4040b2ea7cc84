"""Motion latents to frames in chunks of one shape: warper, code transformer, codebook, HR decoder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.inference import batching
from seetalk_jax.inference.background_compile import BackgroundCompiledFunction
from seetalk_jax.models.nn import blocks

PyTree = Any

CHUNK = 4  # frames of one call; on a CPU 2 to 16 are within a tenth, and the smaller leave less padding
READ_BATCH = 16  # frames of a driving video whose motion is read in one call

_CODEC = ('motion_codec',)
_HIGH_RESOLUTION = ('motion_codec', 'code_transformer', 'codebook', 'hr_decoder')


class Renderer:
  """The programs that draw, compiled once each, in the background while earlier stages run.

  Attributes:
    kind: 'hr_decoder', or 'plain' (the codec's own decoder) for a checkpoint without those networks.
  """

  def __init__(self, modules: Mapping[str, Any], device: jax.Device):
    complete = all(name in modules for name in _HIGH_RESOLUTION)
    self.kind = 'hr_decoder' if complete else 'plain'
    self._names = _HIGH_RESOLUTION if complete else _CODEC
    self._look = BackgroundCompiledFunction(functools.partial(_look, modules), device)
    self._read = BackgroundCompiledFunction(functools.partial(_read, modules), device)
    self._draw = BackgroundCompiledFunction(functools.partial(_draw, modules, complete), device)

  def prepare(self, params: PyTree, collections: PyTree, side: int, motion_dim: int) -> None:
    """Starts compiling for portraits of `side`; returns at once, does nothing the second time."""
    pixels = jax.ShapeDtypeStruct((1, side, side, 3), jnp.uint8)
    motion = jax.ShapeDtypeStruct((CHUNK, motion_dim), jnp.float32)
    fusion = jax.ShapeDtypeStruct((), jnp.float32)
    params, collections = self._subset(params), self._subset(collections)
    self._look.start(lambda: (params, pixels))
    self._draw.start(lambda: (params, collections, *self._look.out_shapes(), motion, fusion))

  def look(self, params: PyTree, pixels: np.ndarray) -> tuple[PyTree, jax.Array]:
    """Portrait uint8 `[h, w, 3]` to what is kept of it, and its motion latent `[1, motion_dim]`."""
    return self._look(self._subset(params), pixels[None])

  def read(self, params: PyTree, frames: np.ndarray) -> np.ndarray:
    """Motion latents `[t, motion_dim]` of uint8 frames `[t, h, w, 3]`."""
    params = {'motion_codec': params['motion_codec']}
    self._read.start(lambda: (params, jax.ShapeDtypeStruct((READ_BATCH, *frames.shape[1:]), jnp.uint8)))
    return batching.in_fixed_batches(functools.partial(self._read, params), frames, size=READ_BATCH)

  def bind(
    self,
    params: PyTree,
    collections: PyTree,
    appearance: PyTree,
    m_0: jax.Array,
    motion: np.ndarray,
    fusion: float,
  ) -> Callable[[int], jax.Array]:
    """A function from a first frame to the uint8 chunk `[CHUNK, h, w, 3]` from there on, not waited for."""
    params, collections = self._subset(params), self._subset(collections)
    self._draw.out_shapes()  # has been traced: what is wrong with the weights is known by now

    def render(start: int) -> jax.Array:
      piece = batching.fill_rows(motion[start : start + CHUNK], CHUNK)
      return self._draw(params, collections, appearance, m_0, piece, np.float32(fusion))

    return render

  def frames(
    self, params: PyTree, collections: PyTree, pixels: np.ndarray, motion: np.ndarray, fusion: float
  ) -> np.ndarray:
    """A portrait given motion latents, from beginning to end: `prepare`, `look` and `bind`, waited for.

    Args:
      pixels: the portrait, uint8 `[h, w, 3]`; every one must have the side of the first.
      motion: a latent for each frame, float32 `[t, motion_dim]`.
      fusion: weight of the warped portrait in the HR decoder, 0 to 1; of no effect with kind 'plain'.

    Returns:
      frames uint8 `[t, h, w, 3]`.
    """
    self.prepare(params, collections, pixels.shape[0], motion.shape[1])
    render = self.bind(params, collections, *self.look(params, pixels), motion, fusion)
    chunks = [np.asarray(render(start)) for start in range(0, len(motion), CHUNK)]
    return np.concatenate(chunks)[: len(motion)]

  def _subset(self, trees: PyTree) -> PyTree:
    return {name: trees[name] for name in self._names if name in trees}


def _look(modules, params, pixels):
  codec, variables = modules['motion_codec'], {'params': params['motion_codec']}
  image = blocks.to_float(pixels)
  return codec.apply(variables, image, method='appearance'), codec.apply(variables, image, method='motion')


def _read(modules, params, pixels):
  codec, variables = modules['motion_codec'], {'params': params['motion_codec']}
  return codec.apply(variables, blocks.to_float(pixels), method='motion')


def _draw(modules, complete, params, collections, appearance, m_0, motion, fusion):
  codec, variables = modules['motion_codec'], {'params': params['motion_codec']}
  warped = codec.apply(variables, appearance, m_0, motion, method='warp')
  if not complete:
    return blocks.to_uint8(codec.apply(variables, warped, method='decode'))
  logits = modules['code_transformer'].apply({'params': params['code_transformer']}, warped.features)
  codebook = {'params': params['codebook'], **collections.get('codebook', {})}
  codes = modules['codebook'].apply(codebook, jnp.argmax(logits, axis=-1), method='lookup')
  image = modules['hr_decoder'].apply({'params': params['hr_decoder']}, codes, warped, fusion)
  return blocks.to_uint8(image)
