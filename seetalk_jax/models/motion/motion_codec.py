"""The holistic motion codec: who is seen (phi_id), how they move (phi_m), and the warp between."""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.constants import BLINK, LIPS, MOTION_DIM, MOTION_FIELDS
from seetalk_jax.models.motion.motion_warper import MotionModes, MotionWarper, Ways
from seetalk_jax.models.motion.warping import upsample_bilinear, warp
from seetalk_jax.models.nn.blocks import (
  MLP,
  ResBlock,
  conv,
  dense,
  group_norm,
  layer_norm,
  pixel_shuffle,
  pixel_unshuffle,
  resize_image,
)

# Typical size of each motion field. Lips and lids count double: they move few pixels, and what fills little of m is
# hard to find in it.
_TRUTH_SCALES = {
  **dict.fromkeys((*MOTION_FIELDS[LIPS], *MOTION_FIELDS[BLINK]), 0.15),
  'squint': 0.3,
  'gaze_yaw': 0.15,
  'gaze_pitch': 0.1,
  'brow_raise': 0.3,
  'brow_furrow': 0.3,
  'yaw': 0.2,
  'pitch': 0.12,
  'roll': 0.1,
  'shift_x': 0.1,
  'shift_y': 0.1,
}

# Fields that are the same in all sizes.
_COMMON: dict[str, Any] = dict(
  motion_dim=256,
  motion_size=128,
  truth_dim=20,
  truth_scales=tuple(_TRUTH_SCALES[name] for name in MOTION_FIELDS),
)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    **_COMMON,
    appearance_widths=(16, 16, 16),
    motion_widths=(16, 16, 16),
    motion_bottleneck=4,
    warp_widths=(16, 16),
    decoder_widths=(16, 16),
    hidden=32,
    num_modes=8,
    num_gates=4,
    num_blocks=1,
  ),
  'demo': dict(
    **_COMMON,
    appearance_widths=(48, 96, 128),
    motion_widths=(48, 96, 160),
    motion_bottleneck=24,
    warp_widths=(64, 128),
    decoder_widths=(48, 64),
    hidden=256,
    num_modes=64,
    num_gates=16,
    num_blocks=1,
  ),
  'base': dict(
    **_COMMON,
    appearance_widths=(128, 256, 512),
    motion_widths=(128, 256, 512),
    motion_bottleneck=64,
    warp_widths=(256, 512),
    decoder_widths=(128, 256),
    hidden=1024,
    num_modes=128,
    num_gates=32,
    num_blocks=2,
  ),
  'large': dict(
    **_COMMON,
    appearance_widths=(160, 320, 640),
    motion_widths=(160, 320, 640),
    motion_bottleneck=80,
    warp_widths=(320, 640),
    decoder_widths=(160, 320),
    hidden=2048,
    num_modes=192,
    num_gates=48,
    num_blocks=3,
  ),
}


class Appearance(NamedTuple):
  """What `phi_id` keeps of a portrait, made once per portrait.

  Attributes:
    image: `[b, h, w, 3]` in [-1, 1], the portrait itself.
    features: downsampling factor (4, 8, 16) -> `[b, h / factor, w / factor, c]`.
    ways: how each of its places may move and change.
  """

  image: jax.Array
  features: dict[int, jax.Array]
  ways: Ways


class Warped(NamedTuple):
  """The source as the target motion would have it, with holes.

  Attributes:
    image: `[b, h, w, 3]`, the portrait warped at full resolution.
    features: factor (4, 8) -> warped features `[b, h / factor, w / factor, c]`; those at 8 also hold what the
      warper says is new (an opened mouth).
    flow: `[b, h / 4, w / 4, 2]`, (x, y) offsets target -> source in picture units; 0 is the identity.
    occlusion: `[b, h / 4, w / 4, 1]` in [0, 1]: 1 where the source shows what the target needs, 0 where it
      must be invented.
    coarse_flow: `[b, h / 4, w / 4, 2]`, the modes' flow, which `flow` refines; taught alongside.
    occlusion_logits: `occlusion` before the sigmoid.
  """

  image: jax.Array
  features: dict[int, jax.Array]
  flow: jax.Array
  occlusion: jax.Array
  coarse_flow: jax.Array
  occlusion_logits: jax.Array


class IdentityEncoder(nn.Module):
  """`phi_id`: portrait `[b, h, w, 3]` -> features at 1/4, 1/8 and 1/16."""

  widths: tuple[int, int, int]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> dict[int, jax.Array]:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    features = {}
    x = conv(self.widths[0], 3, 'conv_in', **types)(pixel_unshuffle(image, 4))
    features[4] = x
    for level, (factor, width) in enumerate(zip((8, 16), self.widths[1:], strict=True)):
      x = conv(width, 3, f'down_{level}', strides=2, **types)(jax.nn.silu(x))
      for i in range(self.num_blocks):
        x = ResBlock(width, zero_init=False, name=f'block_{level}_{i}', **types)(x)
      features[factor] = x
    return features


class MotionEncoder(nn.Module):
  """`phi_m`: frame `[b, size, size, 3]` -> motion latent `[b, motion_dim]`.

  The last map keeps its 8 x 8 places (no pooling): where things are is what moves.
  """

  motion_dim: int
  widths: tuple[int, int, int]
  bottleneck: int
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, image: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = conv(self.widths[0], 3, 'conv_in', **types)(pixel_unshuffle(image, 4))
    for level, width in enumerate(self.widths[1:]):
      x = conv(width, 3, f'down_{level}', strides=2, **types)(jax.nn.silu(x))
      for i in range(self.num_blocks):
        x = ResBlock(width, zero_init=False, name=f'block_{level}_{i}', **types)(x)
    x = jax.nn.silu(group_norm(x.shape[-1], 'norm_out', **types)(x))
    x = conv(self.bottleneck, 1, 'squeeze', **types)(x)
    return dense(self.motion_dim, 'to_motion', axes=('mlp', 'embed'), **types)(
      x.reshape(x.shape[0], -1)
    ).astype(jnp.float32)


class PlainDecoder(nn.Module):
  """Warped features -> picture: copies the warped portrait and paints where copying fails.

  Returns the picture and, `[b, h, w, 1]` in [0, 1], how far each pixel is a copy.
  """

  widths: tuple[int, int]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, warped: Warped) -> tuple[jax.Array, jax.Array]:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    fine, coarse = self.widths
    x = jnp.concatenate(
      [warped.features[8], resize_image(warped.occlusion, warped.features[8].shape[1:3])], axis=-1
    )
    x = conv(coarse, 1, 'coarse_in', **types)(x)
    for i in range(self.num_blocks):
      x = ResBlock(coarse, name=f'coarse_block_{i}', zero_init=False, **types)(x)
    x = pixel_shuffle(conv(2 * fine, 1, 'up', **types)(jax.nn.silu(x)), 2)  # fine / 2 channels at 1/4
    warped_rgb = pixel_unshuffle(warped.image, 4).astype(x.dtype)
    x = jnp.concatenate([x, warped.features[4], warped_rgb, warped.occlusion.astype(x.dtype)], axis=-1)
    x = conv(fine, 1, 'fine_in', **types)(x)
    for i in range(self.num_blocks):
      x = ResBlock(fine, name=f'fine_block_{i}', zero_init=False, **types)(x)
    x = jax.nn.silu(group_norm(fine, 'norm_out', **types)(x))
    x = conv(64, 1, 'conv_out', **types)(x).astype(jnp.float32)
    painted, mask = pixel_shuffle(x[..., :48], 4), pixel_shuffle(x[..., 48:], 4)
    return blend_painted(warped, painted, mask)


def blend_painted(
  warped: Warped, painted: jax.Array, mask_logits: jax.Array, weight: jax.Array | float = 1.0
) -> tuple[jax.Array, jax.Array]:
  """Warped portrait where it can be trusted, `painted` elsewhere; copying well costs the network nothing.

  Args:
    painted: `[b, h, w, 3]`.
    mask_logits: `[b, h, w, 1]`; they add to the warper's occlusion, so that zero logits already blend
      sensibly.
    weight: 0 takes `painted` alone.

  Returns:
    The picture, and how far each pixel is a copy, `[b, h, w, 1]`.
  """
  size = warped.image.shape[1:3]
  occlusion = upsample_bilinear(jnp.clip(warped.occlusion_logits, -6.0, 6.0), size)
  copied = weight * jax.nn.sigmoid(occlusion + mask_logits)
  return copied * warped.image.astype(jnp.float32) + (1.0 - copied) * painted, copied


class TruthEncoder(nn.Module):
  """Known motion of a synthetic head `[b, truth_dim]` -> what `phi_m` would read off its frame."""

  motion_dim: int
  hidden: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, truth: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = dense(self.hidden, 'linear_in', **types)(truth)
    x = jax.nn.silu(x)
    gate, value = jnp.split(dense(2 * self.hidden, 'gated', **types)(x), 2, axis=-1)
    x = x + jax.nn.silu(gate) * value
    return dense(self.motion_dim, 'linear_out', axes=('mlp', 'embed'), **types)(x).astype(jnp.float32)


class MotionCodec(nn.Module):
  """phi_id, phi_m, warper and plain decoder (section "Holistic motion codec"; networks are our reading).

  Methods for `apply(..., method=...)`: `appearance`, `motion`, `encode_truth`, `read_truth`, `warp`,
  `decode`, `decode_parts`.

  Attributes:
    motion_dim: width of the motion latent m.
    motion_size: side that frames are resized to before `phi_m`.
    truth_dim: known motion values of the embedded world (`constants.MOTION_FIELDS`).
    truth_scales: typical size of each of them, so that all count alike; () for all 1.
    appearance_widths: channels of the identity features at 1/4, 1/8, 1/16.
    motion_widths: channels of `phi_m` at 1/4, 1/8, 1/16 of `motion_size`.
    motion_bottleneck: channels per place before the last dense layer of `phi_m`.
    warp_widths: channels of modes and warper at 1/8 (and 1/4), and at 1/16.
    decoder_widths: channels of the plain decoder at 1/4 and 1/8.
    hidden: width of the dense parts.
    num_modes: ways of moving that a portrait has.
    num_gates: ways in which its places change their looks.
    num_blocks: residual blocks per level.
  """

  motion_dim: int = 256
  motion_size: int = 128
  truth_dim: int = MOTION_DIM
  truth_scales: tuple[float, ...] = tuple(_TRUTH_SCALES[name] for name in MOTION_FIELDS)
  appearance_widths: tuple[int, int, int] = (48, 96, 128)
  motion_widths: tuple[int, int, int] = (48, 96, 160)
  motion_bottleneck: int = 24
  warp_widths: tuple[int, int] = (64, 128)
  decoder_widths: tuple[int, int] = (48, 64)
  hidden: int = 256
  num_modes: int = 64
  num_gates: int = 16
  num_blocks: int = 1
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def setup(self):
    if self.truth_scales and len(self.truth_scales) != self.truth_dim:
      raise ValueError(f'truth_scales has {len(self.truth_scales)} values for truth_dim {self.truth_dim}')
    if self.motion_size % 16:
      raise ValueError(f'motion_size must be a multiple of 16, got {self.motion_size}')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    self.identity_encoder = IdentityEncoder(self.appearance_widths, self.num_blocks, **types)
    self.motion_encoder = MotionEncoder(
      self.motion_dim, self.motion_widths, self.motion_bottleneck, self.num_blocks, **types
    )
    self.motion_modes = MotionModes(
      self.num_modes, self.num_gates, self.warp_widths, self.num_blocks, **types
    )
    self.warper = MotionWarper(
      self.warp_widths, self.hidden, self.num_modes, self.num_gates, self.num_blocks, **types
    )
    self.decoder = PlainDecoder(self.decoder_widths, self.num_blocks, **types)
    self.truth_encoder = TruthEncoder(self.motion_dim, self.hidden, **types)
    # Both encoders end on one sphere: m can neither shrink nor grow.
    self.motion_norm = layer_norm(use_affine=False)
    self.truth_reader = MLP(self.hidden, self.truth_dim, **types)

  def __call__(self, source: jax.Array, target: jax.Array) -> tuple[jax.Array, Warped, jax.Array, jax.Array]:
    """Redraws `target` from `source` `[b, h, w, 3]` in [-1, 1]: (picture, warped, m_source, m_target)."""
    m_source, m_target = self.motion(source), self.motion(target)
    warped = self.warp(self.appearance(source), m_source, m_target)
    if self.is_initializing():
      self.read_truth(self.encode_truth(jnp.zeros((1, self.truth_dim))))
    return self.decode(warped), warped, m_source, m_target

  def appearance(self, portrait: jax.Array) -> Appearance:
    """Portrait `[b, h, w, 3]` in [-1, 1], sides multiples of 16, to what is kept of it."""
    if portrait.shape[1] % 16 or portrait.shape[2] % 16:
      raise ValueError(f'portrait sides must be multiples of 16, got shape {portrait.shape}')
    features = self.identity_encoder(portrait)
    return Appearance(portrait, features, self.motion_modes(features))

  def motion(self, frame: jax.Array) -> jax.Array:
    """Frame `[b, s, s, 3]` in [-1, 1] (any size) to its motion latent, float32 `[b, motion_dim]`."""
    return self.motion_norm(self.motion_encoder(resize_image(frame, self.motion_size)))

  def encode_truth(self, truth: jax.Array) -> jax.Array:
    """Known motion `[*b, truth_dim]` to the latent that `motion` reads off its frame, `[*b, motion_dim]`."""
    return self.motion_norm(self.truth_encoder(truth / self.motion_scales))

  def read_truth(self, m: jax.Array) -> jax.Array:
    """Motion latent `[*b, motion_dim]` to an estimate of the known motion `[*b, truth_dim]`."""
    return self.truth_reader(self.motion_norm(m)).astype(jnp.float32) * self.motion_scales

  def warp(self, appearance: Appearance, m_source: jax.Array, m_target: jax.Array) -> Warped:
    """Moves one portrait, or one per frame, from `m_source` to `m_target`.

    Args:
      appearance: of 1 or b portraits.
      m_source: `[1 | b, motion_dim]`, of the portraits.
      m_target: `[b, motion_dim]`.
    """
    b = m_target.shape[0]
    image, features, m_source = jax.tree.map(
      lambda x: jnp.broadcast_to(x, (b, *x.shape[1:])), (appearance.image, appearance.features, m_source)
    )
    flow, occlusion_logits, coarse_flow, lacking = self.warper(features, appearance.ways, m_source, m_target)
    moved = {factor: warp(features[factor], flow) for factor in (4, 8)}
    moved[8] = moved[8] + lacking
    # The picture is data: without a gradient to it the backward pass of the largest warp needs no scatter.
    moved_image = warp(jax.lax.stop_gradient(image), flow)
    return Warped(moved_image, moved, flow, jax.nn.sigmoid(occlusion_logits), coarse_flow, occlusion_logits)

  def decode(self, warped: Warped) -> jax.Array:
    """The plain decoder: float32 `[b, h, w, 3]`, about [-1, 1] (not clipped)."""
    return self.decoder(warped)[0]

  def decode_parts(self, warped: Warped) -> tuple[jax.Array, jax.Array]:
    """The same, and how far each pixel is a copy of the warped portrait, `[b, h, w, 1]`."""
    return self.decoder(warped)

  @property
  def motion_scales(self) -> jax.Array:
    """Typical size of each known motion value, float32 `[truth_dim]`: `truth_scales`, or ones."""
    return jnp.asarray(self.truth_scales or (1.0,) * self.truth_dim, jnp.float32)


def warped_spec(codec: MotionCodec, side: int, batch_size: int = 1) -> Warped:
  """Shapes of what `codec.warp` returns for portraits of `side` pixels."""
  picture = jax.ShapeDtypeStruct((batch_size, side, side, 3), jnp.float32)

  def run(picture):
    variables = codec.init(jax.random.key(0), picture, picture)
    return codec.apply(variables, picture, picture)[1]

  return jax.eval_shape(run, picture)
