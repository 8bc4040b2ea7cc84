"""Patch discriminator (PatchGAN) for adversarial training of renderers and autoencoders."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import conv, group_norm
from seetalk_jax.models.nn.image_ops import pixel_unshuffle

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(widths=(16, 16), patch_size=4),
  'demo': dict(widths=(64, 96), patch_size=4),
  'base': dict(widths=(64, 128, 256, 512), patch_size=2),
  'large': dict(widths=(96, 192, 384, 768), patch_size=2),
}


class PatchDiscriminator(nn.Module):
  """Pictures to a map of logits, positive for real (PatchGAN, arXiv 1611.07004).

  The default fields are those of the demo size.

  Attributes:
    widths: channels per level; each level but the first halves the size.
    patch_size: factor of the pixel unshuffle before the first level: no layer with few channels runs at full
      resolution.
  """

  widths: tuple[int, ...] = (64, 96)
  patch_size: int = 4
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    """`[b, h, w, 3]` in [-1, 1] to logits float32 `[b, h', w', 1]`.

    h' is about h / (patch_size 2^(levels - 1)).
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = conv(self.widths[0], 3, 'conv_0', **types)(pixel_unshuffle(image, self.patch_size).astype(self.dtype))
    x = jax.nn.leaky_relu(x, 0.2)
    for level, width in enumerate(self.widths[1:], 1):
      x = conv(width, 4, f'conv_{level}', strides=2, **types)(x)
      x = jax.nn.leaky_relu(group_norm(width, f'norm_{level}', **types)(x), 0.2)
    return conv(1, 3, 'to_logits', **types)(x).astype(jnp.float32)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.image(side),)
