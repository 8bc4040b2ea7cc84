"""Face encoder: aligned portrait to a unit vector e_f, the visual tower of ConRe."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import EMBEDDING_DIM
from seetalk_jax.models.face.iresnet import IResNet
from seetalk_jax.models.face.vision_transformer import VisionTransformer
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import ResBlock, conv, dense, group_norm, unit
from seetalk_jax.models.nn.image_ops import pixel_unshuffle, resize_image
from seetalk_jax.models.nn.layers import rematerialised

# Fields that are the same in all sizes.
_COMMON: dict[str, Any] = dict(
  embedding_dim=512,
  norm='group',
  patch_size=16,
  width=768,
  num_layers=12,
  num_heads=12,
  feed_forward_width=3072,
  remat=False,
)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(**_COMMON, image_size=32, channels=(16, 16), blocks=(1, 1), architecture='patch', groups=8),
  'demo': dict(
    **_COMMON,
    image_size=128,
    channels=(48, 80, 112, 112),
    blocks=(1, 1, 1, 0),
    architecture='patch',
    groups=8,
  ),
  # IResNet-50.
  'base': dict(
    **_COMMON,
    image_size=112,
    channels=(64, 128, 256, 512),
    blocks=(3, 4, 14, 3),
    architecture='iresnet',
    groups=32,
  ),
  # IResNet-100.
  'large': dict(
    **_COMMON,
    image_size=112,
    channels=(64, 128, 256, 512),
    blocks=(3, 13, 30, 3),
    architecture='iresnet',
    groups=32,
  ),
  # ViT-B/16.
  'vit': dict(
    **_COMMON, image_size=224, channels=(48, 80, 112, 112), blocks=(1, 1, 1, 0), architecture='vit', groups=8
  ),
}

# Fields passed to the backbones.
_IRESNET_FIELDS = ('channels', 'blocks', 'norm', 'groups', 'remat')
_VIT_FIELDS = ('patch_size', 'width', 'num_layers', 'num_heads', 'feed_forward_width', 'remat')


class FaceEncoder(nn.Module):
  """Portraits `[b, s, s, 3]` in [-1, 1], any size, to unit vectors `[b, 512]`.

  Published weights for 'iresnet' and 'vit' can be converted (`seetalk convert arcface`, `vit`). The
  backbone's parameters are at the same level as `to_embedding`, under their own names.

  Attributes:
    image_size: side that portraits are resized to.
    architecture: the backbone. 'patch': pixel unshuffle by 4, then residual stages with downsampling by 2 in
      between. 'iresnet': the backbone of ArcFace, see `IResNet`. 'vit': class token of a vision transformer.
    channels, blocks: channels and residual blocks per stage of 'patch' and 'iresnet'.
    groups: groups of the group norms of 'patch' and 'iresnet'.
    embedding_dim: width of the output.
    norm: norm of 'iresnet': 'group', or 'frozen' for published weights.
    patch_size, width, num_layers, num_heads, feed_forward_width: of 'vit', see `VisionTransformer`.
    remat: activations recomputed in the backward pass, see `layers.rematerialised`.
  """

  image_size: int = 128
  channels: tuple[int, ...] = (48, 80, 112, 112)
  blocks: tuple[int, ...] = (1, 1, 1, 0)
  embedding_dim: int = EMBEDDING_DIM
  architecture: str = 'patch'
  groups: int = 8
  norm: str = 'group'
  patch_size: int = 16
  width: int = 768
  num_layers: int = 12
  num_heads: int = 12
  feed_forward_width: int = 3072
  remat: bool | str = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    """Unit vectors float32 `[b, embedding_dim]`.

    Raises:
      ValueError: an unknown `architecture` or `norm`.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = resize_image(image, self.image_size)
    if self.architecture == 'patch':
      x = self._patch_body(x, types)
    elif self.architecture == 'iresnet':
      x = self._shared(IResNet, _IRESNET_FIELDS, types)(x)
    elif self.architecture == 'vit':
      x = self._shared(VisionTransformer, _VIT_FIELDS, types)(x)[:, 0]
    else:
      raise ValueError(f"architecture must be 'patch', 'iresnet' or 'vit', got {self.architecture!r}")
    x = x.reshape(x.shape[0], -1)
    return unit(dense(self.embedding_dim, 'to_embedding', axes=('embed', 'mlp'), **types)(x))

  def _shared(self, body: type[nn.Module], fields: tuple[str, ...], types: dict[str, Any]) -> nn.Module:
    """A backbone that shares the parameter scope of this module."""
    module = body(**{name: getattr(self, name) for name in fields}, **types)
    nn.share_scope(self, module)
    return module

  def _patch_body(self, x: jax.Array, types: dict[str, Any]) -> jax.Array:
    block = rematerialised(ResBlock, self.remat)
    x = conv(self.channels[0], 3, 'conv_in', **types)(pixel_unshuffle(x, 4))
    for i, (channels, blocks) in enumerate(zip(self.channels, self.blocks, strict=True)):
      if i:
        x = conv(channels, 3, f'down_{i}', strides=2, **types)(x)
      for j in range(blocks):
        x = block(channels, groups=self.groups, name=f'stage_{i}_{j}', **types)(x)
    x = jax.nn.silu(group_norm(x.shape[-1], 'norm_out', groups=self.groups, **types)(x))
    return conv(32, 1, 'squeeze', **types)(x)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.image(side),)
