"""Motion codec: identity encoder phi_id, motion encoder phi_m, motion warper and plain decoder."""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax import blendshapes
from seetalk_jax.constants import BLINK, LIPS, MOTION_DIM, MOTION_FIELDS
from seetalk_jax.models.motion.low_grid import LowGridDecoder, LowGridIdentityEncoder, LowGridModes
from seetalk_jax.models.motion.motion_encoders import IdentityEncoder, MotionEncoder, TruthEncoder
from seetalk_jax.models.motion.motion_warper import MotionBasis, MotionModes, MotionWarper
from seetalk_jax.models.motion.warped import Warped, blend_painted, keep_still
from seetalk_jax.models.motion.warping import warp
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import MLP, ResBlock, conv, group_norm, layer_norm
from seetalk_jax.models.nn.image_ops import pixel_shuffle, pixel_unshuffle, resize_image

# Typical magnitude of each motion field. Lips and eyelids have half of theirs, which doubles their share of
# m: they move few pixels, and a small component of m is hard to recover.
_LIPS_AND_LIDS = {*(MOTION_FIELDS[i] for i in LIPS), *MOTION_FIELDS[BLINK]}
_COEFFICIENT = 0.3  # of coefficients without a magnitude of their own
_SCALES = {
  **{name: 0.15 if name in _LIPS_AND_LIDS else _COEFFICIENT for name in blendshapes.NAMES},
  **{name: 0.5 for name in blendshapes.NAMES if name.startswith('eyeLook')},
  'yaw': 0.2,
  'pitch': 0.12,
  'roll': 0.1,
  'shift_x': 0.05,
  'shift_y': 0.05,
  'shift_z': 0.05,
}
_TRUTH_SCALES = tuple(_SCALES[name] for name in MOTION_FIELDS)

# Fields that are the same in all sizes.
_COMMON: dict[str, Any] = dict(
  motion_dim=256,
  motion_size=128,
  truth_scales=_TRUTH_SCALES,
)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(
    **_COMMON,
    inner_size=0,
    low_grid=False,
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
    inner_size=256,
    low_grid=True,
    appearance_widths=(48, 128, 160),
    motion_widths=(48, 96, 160),
    motion_bottleneck=24,
    warp_widths=(96, 128),
    decoder_widths=(48, 128),
    hidden=256,
    num_modes=64,
    num_gates=16,
    num_blocks=1,
  ),
  'base': dict(
    **_COMMON,
    inner_size=0,
    low_grid=False,
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
    inner_size=0,
    low_grid=False,
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
  """Identity features and flow basis of a portrait, computed once per portrait.

  Attributes:
    image: `[b, h, w, 3]` in [-1, 1], the portrait itself.
    features: downsampling factor (4, 8, 16) -> `[b, h / factor, w / factor, c]`, for `inner_size` of the picture that
      the codec reads, as all maps.
    basis: the flow basis, appearance gates and canonical coordinates per position.
  """

  image: jax.Array
  features: dict[int, jax.Array]
  basis: MotionBasis


class PlainDecoder(nn.Module):
  """Decoder without a codebook: blends the warped portrait with synthesized pixels.

  Returns the picture `[b, h, w, 3]` and the copy weight per pixel, `[b, h, w, 1]` in [0, 1].
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


class MotionCodec(nn.Module):
  """Motion codec: encodes identity and motion, warps the portrait, decodes the frame.

  Paper section "Holistic motion codec". The networks are not specified in the paper; we use a per-pixel flow
  basis, its fixed-point inversion and a refinement at 1/4 (`motion_warper`).

  Methods for `apply(..., method=...)`: `appearance`, `motion`, `encode_truth`, `read_truth`, `warp`,
  `decode`, `decode_parts`.

  Attributes:
    motion_dim: width of the motion latent m.
    motion_size: side that frames are resized to before `phi_m`.
    truth_scales: typical magnitude of each field of a motion vector, which is divided by it; () for all 1.
    inner_size: largest side at which the networks read portraits and paint, 256 for example; larger portraits are
      halved for them, and copied at their own resolution. 0: any size.
    low_grid: layers run at 1/8 and 1/16 alone, and flows are inverted by splatting (`low_grid.py`); the first of each
      of the widths for several grids is not used then. Else they run at 1/4 too.
    appearance_widths: channels of the identity features at 1/4, 1/8, 1/16.
    motion_widths: channels of `phi_m` at 1/4, 1/8, 1/16 of `motion_size`.
    motion_bottleneck: channels per position before the last dense layer of `phi_m`.
    warp_widths: channels of flow basis and warper at 1/8 (and 1/4), and at 1/16.
    decoder_widths: channels of the plain decoder at 1/4 and 1/8.
    hidden: width of the dense layers.
    num_modes: basis flows per portrait.
    num_gates: appearance gates per portrait.
    num_blocks: residual blocks per level.
  """

  motion_dim: int = 256
  motion_size: int = 128
  truth_scales: tuple[float, ...] = _TRUTH_SCALES
  inner_size: int = 256
  low_grid: bool = True
  appearance_widths: tuple[int, int, int] = (48, 128, 160)
  motion_widths: tuple[int, int, int] = (48, 96, 160)
  motion_bottleneck: int = 24
  warp_widths: tuple[int, int] = (96, 128)
  decoder_widths: tuple[int, int] = (48, 128)
  hidden: int = 256
  num_modes: int = 64
  num_gates: int = 16
  num_blocks: int = 1
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def setup(self):
    if self.truth_scales and len(self.truth_scales) != MOTION_DIM:
      raise ValueError(f'truth_scales has {len(self.truth_scales)} values for {MOTION_DIM} fields')
    if self.motion_size % 16:
      raise ValueError(f'motion_size must be a multiple of 16, got {self.motion_size}')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    if self.low_grid:
      self.identity_encoder = LowGridIdentityEncoder(self.appearance_widths[1:], self.num_blocks, **types)
      self.decoder = LowGridDecoder(self.decoder_widths[1], self.num_blocks, **types)
    else:
      self.identity_encoder = IdentityEncoder(self.appearance_widths, self.num_blocks, **types)
      self.decoder = PlainDecoder(self.decoder_widths, self.num_blocks, **types)
    self.motion_encoder = MotionEncoder(
      self.motion_dim, self.motion_widths, self.motion_bottleneck, self.num_blocks, **types
    )
    modes = LowGridModes if self.low_grid else MotionModes
    self.motion_modes = modes(self.num_modes, self.num_gates, self.warp_widths, self.num_blocks, **types)
    self.warper = MotionWarper(
      self.warp_widths, self.hidden, self.num_modes, self.num_gates, self.num_blocks, self.low_grid, **types
    )
    self.truth_encoder = TruthEncoder(self.motion_dim, self.hidden, **types)
    # Both encoders are normalized to one sphere, so that the scale of m can neither collapse nor grow.
    self.motion_norm = layer_norm(use_affine=False)
    self.truth_reader = MLP(self.hidden, MOTION_DIM, **types)

  def __call__(self, source: jax.Array, target: jax.Array) -> tuple[jax.Array, Warped, jax.Array, jax.Array]:
    """Reconstructs `target` from `source`, `[b, h, w, 3]` in [-1, 1].

    Returns:
      (picture, warped, m_source, m_target).
    """
    m_source, m_target = self.motion(source), self.motion(target)
    warped = self.warp(self.appearance(source), m_source, m_target)
    if self.is_initializing():
      self.read_truth(self.encode_truth(jnp.zeros((1, MOTION_DIM))))
    return self.decode(warped), warped, m_source, m_target

  def appearance(self, portrait: jax.Array) -> Appearance:
    """Portrait `[b, h, w, 3]` in [-1, 1], sides multiples of 16, to its `Appearance`.

    Raises:
      ValueError: a side is not a multiple of 16.
    """
    if portrait.shape[1] % 16 or portrait.shape[2] % 16:
      raise ValueError(f'portrait sides must be multiples of 16, got shape {portrait.shape}')
    read = resize_image(portrait, self.read_size(portrait.shape[1:3]))
    features = self.identity_encoder(read)
    if self.low_grid:  # the decoder paints in the colors of its surroundings
      features[4] = resize_image(read, (read.shape[1] // 4, read.shape[2] // 4))
    return Appearance(portrait, features, self.motion_modes(features))

  @nn.nowrap
  def read_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width at which the networks read portraits of a size: halved while above `inner_size`."""
    while self.inner_size and max(size) > self.inner_size and not any(side % 32 for side in size):
      size = tuple(side // 2 for side in size)
    return size

  def motion(self, frame: jax.Array) -> jax.Array:
    """Frame `[b, s, s, 3]` in [-1, 1] (any size) to its motion latent, float32 `[b, motion_dim]`."""
    return self.motion_norm(self.motion_encoder(resize_image(frame, self.motion_size)))

  def encode_truth(self, truth: jax.Array) -> jax.Array:
    """Motion vectors `[*b, MOTION_DIM]` to motion latents, `[*b, motion_dim]`."""
    return self.motion_norm(self.truth_encoder(truth / self.motion_scales))

  def read_truth(self, m: jax.Array) -> jax.Array:
    """Motion latents `[*b, motion_dim]` to an estimate of their motion vectors, float32 `[*b, MOTION_DIM]`."""
    return self.truth_reader(self.motion_norm(m)).astype(jnp.float32) * self.motion_scales

  def warp(self, appearance: Appearance, m_source: jax.Array, m_target: jax.Array) -> Warped:
    """Warps one portrait, or one per frame, from `m_source` to `m_target`.

    Args:
      appearance: of 1 or b portraits.
      m_source: `[1 | b, motion_dim]`, of the portraits.
      m_target: `[b, motion_dim]`.
    """
    b = m_target.shape[0]
    image, features, m_source = jax.tree.map(
      lambda x: jnp.broadcast_to(x, (b, *x.shape[1:])), (appearance.image, appearance.features, m_source)
    )
    made = self.warper(features[8], appearance.basis, m_source, m_target)
    moved = {factor: warp(features[factor], made.flow) for factor in (4, 8)}
    # No gradient to the picture, which is data: it would need a scatter at full resolution.
    image = jax.lax.stop_gradient(image)
    moved_image = warp(image, made.flow)
    if made.still_logits is not None:
      still = jax.nn.sigmoid(made.still_logits)
      moved = {factor: keep_still(features[factor], x, still) for factor, x in moved.items()}
      moved_image = keep_still(image, moved_image, still)
    moved[8] = moved[8] + made.feature_correction
    return Warped(
      moved_image,
      moved,
      made.flow,
      jax.nn.sigmoid(made.occlusion_logits),
      made.coarse_flow,
      made.occlusion_logits,
      made.canonical_coords,
    )

  def decode(self, warped: Warped) -> jax.Array:
    """Decodes to a picture without codebook: float32 `[b, h, w, 3]`, about [-1, 1] (not clipped)."""
    return self.decode_parts(warped)[0]

  def decode_parts(self, warped: Warped) -> tuple[jax.Array, jax.Array]:
    """Picture as in `decode`, and the copy weight per pixel, `[b, h, w, 1]` in [0, 1]."""
    return self.decoder(warped)

  @property
  def motion_scales(self) -> jax.Array:
    """Typical magnitude of each field of a motion vector, float32 `[MOTION_DIM]`; ones without `truth_scales`."""
    return jnp.asarray(self.truth_scales or (1.0,) * MOTION_DIM, jnp.float32)

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.image(side),) * 2


def warped_spec(codec: MotionCodec, side: int, batch_size: int = 1) -> Warped:
  """Shapes of what `codec.warp` returns for portraits of `side` pixels."""
  picture = jax.ShapeDtypeStruct((batch_size, side, side, 3), jnp.float32)

  def run(picture):
    variables = codec.init(jax.random.key(0), picture, picture)
    return codec.apply(variables, picture, picture)[1]

  return jax.eval_shape(run, picture)


def warped_example(others: examples.Modules | None, side: int) -> Warped:
  """Shapes of what the codec among `others`, or one of demo size, warps portraits of `side` pixels to."""
  fine, coarse, _ = examples.field(others, 'motion_codec', 'appearance_widths', (48, 96, 128))
  low_grid = examples.field(others, 'motion_codec', 'low_grid', False)
  codec: Any = (others or {}).get('motion_codec')
  inner = side if codec is None else codec.read_size((side, side))[0]
  quarter, eighth = inner // 4, inner // 8
  features = {
    4: examples.array(1, quarter, quarter, 3 if low_grid else fine),
    8: examples.array(1, eighth, eighth, coarse),
  }
  shapes: dict[str, Any] = dict(
    image=examples.image(side),
    features=features,
    flow=examples.array(1, quarter, quarter, 2),
    occlusion=examples.array(1, quarter, quarter, 1),
    coarse_flow=examples.array(1, quarter, quarter, 2),
    occlusion_logits=examples.array(1, quarter, quarter, 1),
    canonical_coords=examples.array(1, quarter, quarter, 3),
  )
  return Warped(**shapes)
