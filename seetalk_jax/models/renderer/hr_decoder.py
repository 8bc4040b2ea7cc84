"""High-resolution decoder: codebook codes to a picture, with controllable fusion of warped features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.motion_codec import Warped, blend_painted, warped_example
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import conv, group_norm
from seetalk_jax.models.nn.image_ops import pixel_shuffle, pixel_unshuffle, resize_image
from seetalk_jax.models.renderer.codebook import CodeDecoder
from seetalk_jax.models.renderer.regions import region_example

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(widths=(16, 16, 16), num_blocks=1),
  'demo': dict(widths=(48, 80, 128), num_blocks=1),
  'base': dict(widths=(128, 256, 512), num_blocks=2),
  'large': dict(widths=(192, 384, 768), num_blocks=3),
}


class Fusion(nn.Module):
  """Controllable fusion `x + weight (x scale + shift)`, with scale and shift from (x, warped features).

  The last layer starts at zero: an untrained fusion does not change the codebook's decoder.
  """

  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, warped: jax.Array, weight: jax.Array | float) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    width = x.shape[-1]
    both = jnp.concatenate([x, warped.astype(x.dtype)], axis=-1)
    hidden = conv(width, 1, 'mix', **types)(both)
    hidden = jax.nn.silu(group_norm(width, 'norm', **types)(hidden))
    scale, shift = jnp.split(conv(2 * width, 3, 'scale_shift', zero_init=True, **types)(hidden), 2, axis=-1)
    return x + jnp.asarray(weight, x.dtype) * (x * scale + shift)


class HRDecoder(nn.Module):
  """Codes and warped features -> picture (CodeFormer's controllable fusion, arXiv 2206.11253).

  `params['decoder']` has the structure of `Codebook`'s `params['decoder']` and starts as a copy of it
  (`from_codebook`).

  Attributes:
    widths: channels at 1/4, 1/8, 1/16, those of the codebook's decoder.
    num_blocks: residual blocks per level, likewise.
  """

  widths: tuple[int, int, int] = (48, 80, 128)
  num_blocks: int = 1
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def __call__(self, codes: jax.Array, warped: Warped, weight: jax.Array | float = 1.0) -> jax.Array:
    """Decodes codes and warped features to a picture.

    Args:
      codes: `[b, h / 16, w / 16, code_dim]`.
      warped: from `MotionCodec.warp`.
      weight: fusion weight in [0, 1], a number or `[b, 1, 1, 1]`: 0 uses the codes only and ignores `warped`,
        1 fuses the warped features fully.

    Returns:
      float32 `[b, h, w, 3]`, about [-1, 1] (not clipped).
    """
    return self.decode_parts(codes, warped, weight)[0]

  @nn.compact
  def decode_parts(
    self, codes: jax.Array, warped: Warped, weight: jax.Array | float = 1.0
  ) -> tuple[jax.Array, jax.Array]:
    """Picture as in `__call__`, and the copy weight per pixel, `[b, h, w, 1]` in [0, 1]."""
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    eighth = warped.features[8]
    occlusion = warped.occlusion.astype(eighth.dtype)
    picture = pixel_unshuffle(warped.image, 4).astype(eighth.dtype)
    sources = {
      16: resize_image(eighth, (eighth.shape[1] // 2, eighth.shape[2] // 2)),
      8: jnp.concatenate([eighth, resize_image(occlusion, eighth.shape[1:3])], axis=-1),
      4: jnp.concatenate([warped.features[4], picture, occlusion], axis=-1),
    }

    # Created here: inside `fuse` they would become submodules of the decoder.
    fusions = {factor: Fusion(name=f'fusion_{factor}', **types) for factor in sources}

    def fuse(factor, x):
      return fusions[factor](x, sources[factor], weight)

    painted, last = CodeDecoder(self.widths, self.num_blocks, name='decoder', **types)(codes, fuse)
    mask = pixel_shuffle(conv(16, 1, 'mask', **types)(last), 4).astype(jnp.float32)
    return blend_painted(warped, painted, mask, weight)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    code_dim = examples.field(others, 'codebook', 'code_dim', 64)
    of_regions = examples.field(others, 'code_transformer', 'num_regions', 0)
    warped = region_example(others, side) if of_regions else warped_example(others, side)
    h, w = warped.image.shape[1:3]
    return examples.array(1, h // 16, w // 16, code_dim), warped


def from_codebook(params: Mapping[str, Any], codebook_params: Mapping[str, Any]) -> dict[str, Any]:
  """HRDecoder parameters with the decoder copied from the codebook's parameters.

  Raises:
    ValueError: the two decoders differ in shape.
  """
  ours, theirs = (
    jax.tree.map(jnp.shape, nn.unbox(params['decoder'])),
    jax.tree.map(jnp.shape, nn.unbox(codebook_params['decoder'])),
  )
  if ours != theirs:
    raise ValueError(
      'the HR decoder and the codebook decoder have other widths or depths: give both the same'
    )

  def copy(mine, value):
    return mine.replace_boxed(value) if isinstance(mine, nn.meta.AxisMetadata) else value

  copied = jax.tree.map(
    copy,
    params['decoder'],
    nn.unbox(codebook_params['decoder']),
    is_leaf=lambda leaf: isinstance(leaf, nn.meta.AxisMetadata),
  )
  return {**params, 'decoder': copied}
