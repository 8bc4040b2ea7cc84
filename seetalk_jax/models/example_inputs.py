"""Example inputs of every network, as shapes, for `init`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from seetalk_jax.constants import (
  EMBEDDING_DIM,
  FACE_SIZE,
  FPS,
  MOUTH_SIZE,
  SAMPLE_RATE_HZ,
  SYNC_FRAMES,
  SYNC_SAMPLES,
)

TOKENS = FPS  # one second; no parameter depends on it
SIDE = 256  # side of pictures; parameters depend on it only in networks with learned positions


def of(
  name: str, module: Any, others: Mapping[str, Any] | None = None, *, side: int = SIDE
) -> tuple[tuple[Any, ...], str | None]:
  """Arguments of `module.init` that create every parameter, as `jax.ShapeDtypeStruct`.

  Args:
    name: network name.
    module: the network.
    others: further networks by name. Input widths of `module` that are not among its fields are taken from
      them; a missing network has the width of its demo size.
    side: side of pictures, in pixels.

  Returns:
    (arguments, method name or None for `__call__`).

  Raises:
    KeyError: unknown network name.
  """
  others = {**(others or {}), name: module}
  token_dim = _field(others, 'speech_encoder', 'token_dim', 192)
  motion_dim = _field(others, 'motion_codec', 'motion_dim', 256)
  embedding = _array(1, EMBEDDING_DIM)
  tokens = _array(1, TOKENS, token_dim)
  image = _array(1, side, side, 3)
  motion = _array(1, TOKENS, motion_dim)
  valid = jax.ShapeDtypeStruct((1, TOKENS), bool)
  latent = _array(1, side // 8, side // 8, _field(others, 'autoencoder', 'latent_channels', 4))
  time = _array(1)
  match name:
    case 'speech_encoder':
      return (_array(1, SAMPLE_RATE_HZ),), None
    case 'face_encoder' | 'autoencoder' | 'codebook' | 'codeformer' | 'discriminator':
      return (image,), None
    case 'perceptual':
      return (image, image), None
    case 'syncnet':
      return (_array(1, 20, 13), _array(1, SYNC_FRAMES, FACE_SIZE, FACE_SIZE, 3)), None
    case 'conre':
      return (embedding, tokens), None
    case 'portrait_unet':
      inputs = (latent, time, tokens, valid, embedding)
      return (
        *inputs,
        _linear_guess(latent, module.num_directions),
      ) if module.num_directions else inputs, None
    case 'sample_adaptive_weighting':
      return (embedding, _array(1, latent.shape[-1])), None
    case 'motion_codec':
      return (image, image), None
    case 'motion_transformer':
      return (motion, time, tokens, _array(1, motion_dim), valid), None
    case 'lip_refiner':
      return (motion, tokens), None
    case 'sync_expert':
      return (_array(1, SYNC_SAMPLES), _array(1, SYNC_FRAMES, *MOUTH_SIZE, 3)), None
    case 'code_transformer':
      return (_warped(others, side).features,), None
    case 'hr_decoder':
      code_dim = _field(others, 'codebook', 'code_dim', 64)
      return (_array(1, side // 16, side // 16, code_dim), _warped(others, side)), None
    case _:
      raise KeyError(name)


def _linear_guess(latent: jax.ShapeDtypeStruct, count: int) -> Any:
  from seetalk_jax.models.portrait.portrait_unet import LinearGuess

  return jax.eval_shape(lambda: LinearGuess.zeros(latent.shape, count))


def _warped(others: Mapping[str, Any], side: int) -> Any:
  from seetalk_jax.models.motion.motion_codec import Warped

  fine, coarse, _ = _field(others, 'motion_codec', 'appearance_widths', (48, 96, 128))
  quarter, eighth = side // 4, side // 8
  shapes: dict[str, Any] = {
    'image': _array(1, side, side, 3),
    'features': {4: _array(1, quarter, quarter, fine), 8: _array(1, eighth, eighth, coarse)},
    'flow': _array(1, quarter, quarter, 2),
    'occlusion': _array(1, quarter, quarter, 1),
    'coarse_flow': _array(1, quarter, quarter, 2),
    'occlusion_logits': _array(1, quarter, quarter, 1),
  }
  return Warped(**shapes)


def _array(*shape: int) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(shape, jnp.float32)


def _field(modules: Mapping[str, Any], name: str, field: str, default: Any) -> Any:
  return getattr(modules.get(name), field, default)
