"""ConRe head: face decoder shared by both towers, contrastive temperature and auxiliary heads."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import NUM_LIP_FIELDS
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import MLP, ResBlock, conv, dense, group_norm
from seetalk_jax.models.nn.image_ops import pixel_shuffle, upsample_nearest
from seetalk_jax.models.nn.temperature import bounded_temperature, temperature_penalty

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    channels=(16, 16), hidden=16, initial_temperature=0.07, min_temperature=0.01, max_temperature=1.0
  ),
  'demo': dict(
    channels=(96, 64), hidden=128, initial_temperature=0.07, min_temperature=0.01, max_temperature=1.0
  ),
  'base': dict(
    channels=(512, 256), hidden=512, initial_temperature=0.07, min_temperature=0.01, max_temperature=1.0
  ),
  'large': dict(
    channels=(512, 512), hidden=512, initial_temperature=0.07, min_temperature=0.01, max_temperature=1.0
  ),
}
NUM_ATTRIBUTES = 3  # sex in [0, 1], age standardised, head size


class ConReHead(nn.Module):
  """The parts of contrastive and reconstruction pre-training (ConRe) beside the two towers.

  The paper names contrastive and reconstruction pre-training. Not specified in the paper; we use one face
  decoder for both embeddings, and auxiliary heads supervised where ground truth exists. The attribute head
  keeps identity in the voice vector, the articulation head keeps mouth shapes in the tokens.

  Methods for `apply(..., method=...)`: `draw`, `attributes`, `articulation`, `temperature`, `temperature_penalty`.
  """

  channels: tuple[int, int] = (96, 64)
  hidden: int = 128
  initial_temperature: float = 0.07
  min_temperature: float = 0.01
  max_temperature: float = 1.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def setup(self):
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    self.log_temperature = self.param(
      'log_temperature', nn.initializers.constant(jnp.log(self.initial_temperature)), (), jnp.float32
    )
    self.canvas = FaceDecoder(self.channels, self.hidden, **types)
    self.attribute_head = MLP(self.hidden, NUM_ATTRIBUTES, **types)
    self.articulation_head = MLP(self.hidden, NUM_LIP_FIELDS, **types)

  def __call__(self, embedding: jax.Array, tokens: jax.Array) -> tuple[jax.Array, ...]:
    """All outputs, for `init`: (face, attributes, articulation, temperature)."""
    return self.draw(embedding), self.attributes(embedding), self.articulation(tokens), self.temperature()

  def draw(self, embedding: jax.Array) -> jax.Array:
    """Decodes unit vectors `[b, 512]` to aligned faces `[b, 64, 64, 3]`, about in [-1, 1]."""
    return self.canvas(embedding)

  def attributes(self, embedding: jax.Array) -> jax.Array:
    """Unit vectors `[b, 512]` to `[b, 3]`: sex in [0, 1], standardized age, head size."""
    # The entries of a unit vector of 512 are about 0.04; scale them to order one.
    raw = self.attribute_head(embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype))
    return jnp.concatenate([jax.nn.sigmoid(raw[..., :1]), raw[..., 1:]], axis=-1)

  def articulation(self, tokens: jax.Array) -> jax.Array:
    """Speech tokens `[b, t, d]` to lip fields `[b, t, NUM_LIP_FIELDS]`."""
    return self.articulation_head(tokens)

  def temperature(self) -> jax.Array:
    """Learned temperature of the contrastive loss, a scalar in [min_temperature, max_temperature]."""
    return bounded_temperature(self.log_temperature, self.min_temperature, self.max_temperature)

  def temperature_penalty(self) -> jax.Array:
    """Term of the loss that keeps the temperature near its bounds, a scalar; see `temperature.temperature_penalty`."""
    return temperature_penalty(self.log_temperature, self.min_temperature, self.max_temperature)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del side
    return examples.embedding(), examples.tokens(others)


class FaceDecoder(nn.Module):
  """Unit vectors `[b, d]` to pictures `[b, 64, 64, 3]`: 4 x 4, 8 x 8, 16 x 16, then pixel shuffle by 4."""

  channels: tuple[int, int]
  hidden: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, embedding: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    wide, narrow = self.channels
    x = embedding * jnp.sqrt(embedding.shape[-1]).astype(embedding.dtype)
    x = jax.nn.silu(dense(self.hidden, 'fc_in', axes=('embed', 'mlp'), **types)(x))
    x = dense(4 * 4 * wide, 'fc_out', axes=('mlp', 'embed'), **types)(x).reshape(-1, 4, 4, wide)
    x = ResBlock(wide, name='res_8', groups=8, **types)(upsample_nearest(x))
    x = ResBlock(narrow, name='res_16', groups=8, **types)(upsample_nearest(x))
    x = jax.nn.silu(group_norm(narrow, 'norm_out', groups=8, **types)(x))
    return pixel_shuffle(conv(4 * 4 * 3, 3, 'conv_out', **types)(x), 4)
