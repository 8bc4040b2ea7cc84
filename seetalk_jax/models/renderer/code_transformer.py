"""Code transformer: predicts codebook indices of the clean picture from warped features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.motion_codec import warped_example
from seetalk_jax.models.motion.warping import upsample_bilinear
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.attention import TransformerBlock
from seetalk_jax.models.nn.blocks import conv, dense, layer_norm, partitioned
from seetalk_jax.models.renderer.regions import region_example

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(num_codes=16, width=32, num_heads=2, num_layers=1, stem_width=16, grid=16, num_regions=0),
  'demo': dict(num_codes=512, width=192, num_heads=6, num_layers=4, stem_width=64, grid=16, num_regions=3),
  'base': dict(num_codes=1024, width=512, num_heads=8, num_layers=9, stem_width=256, grid=16, num_regions=0),
  'large': dict(
    num_codes=1024, width=768, num_heads=12, num_layers=12, stem_width=384, grid=16, num_regions=0
  ),
}


class CodeTransformer(nn.Module):
  """Warped features -> code logits (code prediction as in CodeFormer, arXiv 2206.11253).

  Attributes:
    num_codes: entries of the codebook.
    width, num_heads, num_layers: of the transformer.
    stem_width: channels of the convolutions before the transformer.
    grid: side of the learned position table, which is interpolated for other sizes.
    num_regions: 0: the renderer draws whole frames. Otherwise it draws the regions of `regions.REGIONS`, each as a
      picture of its own, and the codec's own decoder draws the rest of the frame; this is their number. Each has a
      learned vector, added at all positions.
  """

  num_codes: int = 512
  width: int = 192
  num_heads: int = 6
  num_layers: int = 4
  stem_width: int = 64
  grid: int = 16
  num_regions: int = 3
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, features: Mapping[int, jax.Array], region: jax.Array | None = None) -> jax.Array:
    """Predicts the code at each position.

    Args:
      features: `Warped.features`: 4 -> `[b, h / 4, w / 4, c]`, 8 -> `[b, h / 8, w / 8, d]`.
      region: int `[b]`, index of the region of each picture; required with `num_regions`.

    Returns:
      logits float32 `[b, h / 16, w / 16, num_codes]`.

    Raises:
      ValueError: `features` is no mapping with levels 4 and 8.
    """
    if not isinstance(features, Mapping) or not {4, 8} <= set(features):
      raise ValueError(
        f'features must map 4 and 8 to arrays, as Warped.features does, got {type(features).__name__}'
      )
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    fine = conv(self.stem_width, 3, 'fine_in', strides=2, **types)(features[4])
    x = jnp.concatenate([fine, features[8].astype(fine.dtype)], axis=-1)
    x = conv(2 * self.stem_width, 3, 'stem', strides=2, **types)(jax.nn.silu(x))
    x = dense(self.width, 'proj_in', axes=('conv_in', 'embed'), **types)(jax.nn.silu(x))

    b, h, w, _ = x.shape
    table = self.param(
      'positions',
      partitioned(nn.initializers.normal(0.02), (None, 'positions', 'embed')),
      (self.grid, self.grid, self.width),
      self.param_dtype,
    )
    x = x + upsample_bilinear(jnp.asarray(table, x.dtype)[None], (h, w))
    if self.num_regions:
      vectors = self.param(
        'regions',
        partitioned(nn.initializers.normal(0.02), (None, 'embed')),
        (self.num_regions, self.width),
        self.param_dtype,
      )
      x = x + jnp.asarray(vectors, x.dtype)[region][:, None, None]
    x = x.reshape(b, h * w, self.width)
    for i in range(self.num_layers):
      x = TransformerBlock(self.num_heads, self.width // self.num_heads, name=f'block_{i}', **types)(x)
    x = layer_norm('norm_out', **types)(x)
    logits = dense(self.num_codes, 'logits', axes=('embed', 'codes'), **types)(x)
    return logits.astype(jnp.float32).reshape(b, h, w, self.num_codes)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    if self.num_regions:
      return region_example(others, side).features, jax.ShapeDtypeStruct((1,), jnp.int32)
    return (warped_example(others, side).features,)
