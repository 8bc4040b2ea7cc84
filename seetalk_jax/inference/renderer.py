"""Renderer: motion latents to frames in fixed-size chunks; warper, code transformer, codebook, HR decoder."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.inference import batching
from seetalk_jax.inference.background_compile import BackgroundCompiledFunction
from seetalk_jax.inference.devices import parallel_calls
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.models.motion.motion_codec import Warped
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.renderer.codebook import straight_through_lookup
from seetalk_jax.models.renderer.drawing import parts_from_codes

PyTree = Any

CHUNK = 4  # frames per call; on a CPU, 2 to 16 differ by less than 10 %, and small chunks need less padding

_CODEC = ('motion_codec',)
_HIGH_RESOLUTION = ('motion_codec', 'code_transformer', 'codebook', 'hr_decoder')


class EncodedPortrait(NamedTuple):
  """A portrait as encoded by the motion codec.

  Attributes:
    appearance: appearance features.
    m_0: motion latent of the portrait, `[1, motion_dim]`.
  """

  appearance: PyTree
  m_0: jax.Array


class Renderer:
  """Rendering networks of a release, each compiled once, in the background while earlier stages run.

  Args:
    release: the release; `prepare` and all later calls need its motion codec.
    plain: render with the codec's own decoder even if the release has the HR decoder.

  Attributes:
    kind: 'hr_decoder', or 'plain' (the codec's own decoder) with `plain` or for a release without these
      networks.
    ahead: chunks to start before the result of one is read, so that the device is busy.
  """

  def __init__(self, release: LoadedRelease, *, plain: bool = False):
    modules = release.networks.modules
    complete = not plain and is_complete(modules)
    names = networks_of(complete)
    self.kind = 'hr_decoder' if complete else 'plain'
    self._modules, self._device = modules, release.device
    self._params = {name: release.params[name] for name in names if name in release.params}
    self._collections = {name: release.collections[name] for name in names if name in release.collections}
    self._encode = BackgroundCompiledFunction(functools.partial(_encode, modules), release.device)
    self.ahead = parallel_calls(release.device)
    compiled = functools.partial(
      BackgroundCompiledFunction, device=release.device, single_thread=self.ahead > 1
    )
    # Two programs a chunk: XLA makes of both together one that takes a fifth longer on CPUs.
    self._warp = compiled(functools.partial(_warp, modules))
    self._warp_video = compiled(functools.partial(_warp_video, modules))
    self._draw = compiled(functools.partial(_draw, modules, complete))

  def with_params(self, params: Mapping[str, PyTree]) -> Renderer:
    """This renderer with other parameters of the same shapes, network -> tree; it shares the compiled functions."""
    other = copy.copy(self)
    other._params = {name: jax.device_put(params[name], self._device) for name in self._params}
    return other

  def prepare(self, side: int) -> None:
    """Starts compilation for portraits of `side` pixels without waiting; does nothing when called again."""
    pixels = jax.ShapeDtypeStruct((1, side, side, 3), jnp.uint8)
    motion = jax.ShapeDtypeStruct((CHUNK, self._modules['motion_codec'].motion_dim), jnp.float32)
    self._encode.start(lambda: (self._params, pixels))
    self._warp.start(lambda: (self._params, *self._encode.out_shapes(), motion))
    self._prepare_draw(self._warp)

  def prepare_video(self, side: int) -> None:
    """As `prepare`, for `bind_video`."""
    pixels = jax.ShapeDtypeStruct((CHUNK, side, side, 3), jnp.uint8)
    motion = jax.ShapeDtypeStruct((CHUNK, self._modules['motion_codec'].motion_dim), jnp.float32)
    self._warp_video.start(lambda: (self._params, pixels, motion))
    self._prepare_draw(self._warp_video)

  def _prepare_draw(self, warp: BackgroundCompiledFunction) -> None:
    fusion = jax.ShapeDtypeStruct((), jnp.float32)
    self._draw.start(lambda: (self._params, self._collections, warp.out_shapes(), fusion))

  def bind_video(
    self, crop: Callable[[int], np.ndarray], motion: np.ndarray, fusion: float
  ) -> Callable[[int], jax.Array]:
    """Returns a function that renders a chunk in which every frame is warped from its own portrait.

    Args:
      crop: index of a frame -> its portrait, uint8 `[side, side, 3]`; called in order of the index.
      motion, fusion, and the returned function: see `bind`.
    """
    self._draw.out_shapes()

    def render(start: int) -> jax.Array:
      latents = motion[start : start + CHUNK]
      pixels = np.stack([crop(start + i) for i in range(len(latents))])
      chunk = (batching.fill_rows(pixels, CHUNK), batching.fill_rows(latents, CHUNK))
      return self._drawn(self._warp_video(self._params, *chunk), fusion)

    return render

  def encode_portrait(self, pixels: np.ndarray) -> EncodedPortrait:
    """Encodes a portrait, uint8 `[h, w, 3]`."""
    return EncodedPortrait(*self._encode(self._params, pixels[None]))

  def bind(self, portrait: EncodedPortrait, motion: np.ndarray, fusion: float) -> Callable[[int], jax.Array]:
    """Returns a function that renders a chunk: index of its first frame -> uint8 `[CHUNK, h, w, 3]`.

    The function does not wait for the device. After the last frame, a chunk is padded with copies of it.

    Args:
      portrait: the encoded portrait.
      motion: one latent per frame, float32 `[t, motion_dim]`.
      fusion: weight of the warped portrait in the HR decoder, 0 to 1; no effect with kind 'plain'.
    """
    self._draw.out_shapes()  # raises errors of tracing, such as weights that do not match their networks

    def render(start: int) -> jax.Array:
      chunk = batching.fill_rows(motion[start : start + CHUNK], CHUNK)
      return self._drawn(self._warp(self._params, *portrait, chunk), fusion)

    return render

  def _drawn(self, warped: Warped, fusion: float) -> jax.Array:
    return self._draw(self._params, self._collections, warped, np.float32(fusion))

  def frames(self, pixels: np.ndarray, motion: np.ndarray, fusion: float) -> np.ndarray:
    """Renders all frames of a portrait with a motion: `prepare`, `encode_portrait` and `bind` in one call.

    Args:
      pixels: the portrait, uint8 `[h, w, 3]`; the same size in all calls.
      motion, fusion: see `bind`.

    Returns:
      Frames, uint8 `[t, h, w, 3]`.
    """
    self.prepare(pixels.shape[0])
    render = self.bind(self.encode_portrait(pixels), motion, fusion)
    chunks = batching.run_ahead(render, range(0, len(motion), CHUNK), ahead=self.ahead)
    return np.concatenate([np.asarray(chunk) for chunk in chunks])[: len(motion)]


def networks_of(complete: bool) -> tuple[str, ...]:
  """Names of the networks that draw frames, with the HR decoder or with the codec's own decoder."""
  return _HIGH_RESOLUTION if complete else _CODEC


def is_complete(modules: Mapping[str, Any]) -> bool:
  """Whether a release with these networks draws with the HR decoder."""
  return all(name in modules for name in _HIGH_RESOLUTION)


def draw(
  modules: Mapping[str, Any],
  complete: bool,
  params: Mapping[str, PyTree],
  collections: Mapping[str, Mapping[str, PyTree]],
  warped: Warped,
  fusion: jax.Array | float,
  *,
  differentiable: bool = False,
) -> jax.Array:
  """The pictures of warped portraits, float32 `[b, h, w, 3]`, about [-1, 1].

  Args:
    modules: network -> module.
    complete: draw with code transformer, codebook and HR decoder; False: with the codec's own decoder.
    params, collections: network -> its parameters, and its other variables.
    warped: from `MotionCodec.warp`.
    fusion: weight of the warped portrait in the HR decoder, 0 to 1.
    differentiable: choose codes by a straight-through lookup, with the same result and a gradient.
  """
  return draw_parts(modules, complete, params, collections, warped, fusion, differentiable=differentiable)[0]


def draw_parts(
  modules: Mapping[str, Any],
  complete: bool,
  params: Mapping[str, PyTree],
  collections: Mapping[str, Mapping[str, PyTree]],
  warped: Warped,
  fusion: jax.Array | float,
  *,
  differentiable: bool = False,
) -> tuple[jax.Array, jax.Array]:
  """The pictures as in `draw`, and the share of each pixel that is copied from `warped`, `[b, h, w, 1]`."""
  if not complete:
    return modules['motion_codec'].apply({'params': params['motion_codec']}, warped, method='decode_parts')
  codebook = {'params': params['codebook'], **collections.get('codebook', {})}

  def lookup(logits):
    if differentiable:
      return straight_through_lookup(logits, codebook['codebook_state']['embedding'])
    return modules['codebook'].apply(codebook, jnp.argmax(logits, axis=-1), method='lookup')

  return parts_from_codes(modules, params, warped, fusion, lookup)[0]


def _encode(modules, params, pixels):
  codec, variables = modules['motion_codec'], {'params': params['motion_codec']}
  image = image_ops.to_float(pixels)
  return codec.apply(variables, image, method='appearance'), codec.apply(variables, image, method='motion')


def _warp_video(modules, params, pixels, motion):
  """Warped portraits `[b, s, s, 3]`: every row is a portrait of its own, uint8, with its motion `[b, d]`."""
  return _warp(modules, params, *_encode(modules, params, pixels), motion)


def _warp(modules, params, appearance, m_0, motion):
  variables = {'params': params['motion_codec']}
  return modules['motion_codec'].apply(variables, appearance, m_0, motion, method='warp')


def _draw(modules, complete, params, collections, warped, fusion):
  """Frames, uint8 `[b, s, s, 3]`; see `draw`."""
  return image_ops.to_uint8(draw(modules, complete, params, collections, warped, fusion))
