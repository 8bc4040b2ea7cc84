"""Motion warper: a flow basis per pixel, inverted to a backward flow and refined at 1/4 resolution.

1. `MotionModes` computes, once per portrait, a basis of K flow fields `B_k(x)`, appearance gates and
   canonical coordinates.
2. `MotionWarper` computes mode amplitudes `a_k(m_source, m_target)`, which are zero when both motions are
   equal. The forward flow of the portrait is `F(x) = 0.02 sum_k a_k B_k(x)`.
3. `warping.invert_flow` inverts it to a backward flow: `G(y) = -F(y + G(y))`, by fixed-point iteration; or
   `splatting.splat_inverse`, in codecs of a low grid.
4. A network on the warped features at 1/8 predicts a correction of the flow and the occlusion at 1/4, and a
   correction of the features at 1/8. The correction of the flow stays below 1 % of the picture's side. In codecs of
   a low grid it also predicts which pixels stay where they are: a flow is smooth, and at the edge of a moving head it
   would drag the background along.

Not specified in the paper; we use this decomposition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.smooth_upsample import SmoothUpsample
from seetalk_jax.models.motion.splatting import splat_inverse
from seetalk_jax.models.motion.warping import invert_flow, upsample_bilinear, warp
from seetalk_jax.models.nn.blocks import MLP, ResBlock, conv, dense, group_norm, partitioned
from seetalk_jax.models.nn.exportable import exportable
from seetalk_jax.models.nn.image_ops import pixel_shuffle, pixel_unshuffle

# Displacement, in picture units, of a basis flow of magnitude 1 at amplitude 1.
_REACH = 0.02
# Largest correction of the flow, in picture units. A network that corrects without a limit tears portraits that
# differ from its training data: drawings, paintings, photographs of unusual light or pose.
_MAX_CORRECTION = 0.01
_NUM_WAVES = 4
# Added to the logits of what stays: an untrained codec moves everything.
_STILL_BIAS = -3.0


def waves(coords: jax.Array, count: int = _NUM_WAVES) -> jax.Array:
  """Fourier features of coordinates `[*b, c]` about -1 to 1, frequencies `pi 2^i / 2`: `[*b, 2 c count]`."""
  angles = coords[..., None] * (jnp.pi * 2.0 ** jnp.arange(count) / 2.0)
  angles = angles.reshape(*coords.shape[:-1], -1)
  return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)


@exportable
class MotionBasis(NamedTuple):
  """Flow basis, appearance gates and canonical coordinates of a portrait, computed once; all float32.

  Attributes:
    flow_modes: `[b, h / 4, w / 4, num_modes, 2]`, displacement (x, y) of each position per mode, in units of
      0.02 of the picture; `[..., 3]` in a codec that splats, with the change of the importance.
    appearance_gates: `[b, h / 4, w / 4, num_gates]`, change in appearance of each position per gate.
    canonical_coords: `[b, h / 4, w / 4, 3]`, coordinates on the head in its rest pose. They are latent
      coordinates where no ground truth supervises them.
    importance: `[b, h / 4, w / 4, 1]`, of each position without motion, in a codec that splats; None in others.
  """

  flow_modes: jax.Array
  appearance_gates: jax.Array
  canonical_coords: jax.Array
  importance: jax.Array | None = None


class MotionModes(nn.Module):
  """Identity features -> flow basis, appearance gates and canonical coordinates at 1/4 (`MotionBasis`).

  The displacement of a point is linear in the entries of the head's rotation matrix, and likewise for a jaw
  rotation. A flow field is therefore a linear combination of basis flows. Changes that no flow can express
  (an eyelid over the eye, teeth that appear) are products as well: a gate per position times an amplitude.
  The output does not depend on the motion.
  """

  num_modes: int
  num_gates: int
  widths: tuple[int, int]
  num_blocks: int
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(self, features: Mapping[int, jax.Array]) -> MotionBasis:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    fine, coarse = self.widths
    x = features[16]
    b, h, w, _ = x.shape
    position = self.param(
      'position', partitioned(nn.initializers.normal(0.1), (None, None, 'positions')), (16, 16, 16)
    )
    position = upsample_bilinear(jnp.asarray(position, x.dtype)[None], (h, w))
    x = jnp.concatenate([x, jnp.broadcast_to(position, (b, h, w, 16))], axis=-1)
    x = conv(coarse, 1, 'coarse_in', **types)(x)
    for i in range(2 * self.num_blocks):
      x = ResBlock(coarse, zero_init=False, name=f'coarse_block_{i}', **types)(x)
    x = jnp.concatenate([upsample_bilinear(x, (2 * h, 2 * w)), features[8]], axis=-1)
    x = conv(fine, 1, 'fine_in', **types)(x)
    for i in range(self.num_blocks):
      x = ResBlock(fine, zero_init=False, name=f'fine_block_{i}', **types)(x)
    x = jnp.concatenate([upsample_bilinear(x, (4 * h, 4 * w)), features[4]], axis=-1)
    x = jax.nn.silu(group_norm(x.shape[-1], 'norm', **types)(x))
    x = jax.nn.silu(conv(fine, 3, 'quarter_in', **types)(x))
    canonical_coords = conv(3, 1, 'places', **types)(x).astype(jnp.float32)
    x = jnp.concatenate([x, waves(canonical_coords).astype(x.dtype)], axis=-1)
    x = jax.nn.silu(conv(2 * fine, 1, 'mode_in', **types)(x))
    x = jax.nn.silu(conv(2 * fine, 1, 'mode_hidden', **types)(x))
    flow_modes = conv(2 * self.num_modes, 1, 'modes', **types)(x).astype(jnp.float32)
    appearance_gates = conv(self.num_gates, 1, 'gates', **types)(x).astype(jnp.float32)
    return MotionBasis(
      flow_modes.reshape(b, 4 * h, 4 * w, self.num_modes, 2), appearance_gates, canonical_coords
    )


class Warping(NamedTuple):
  """What `MotionWarper` gives for each frame; `h` and `w` are those of the picture that the codec reads.

  Attributes:
    flow: `[b, h / 4, w / 4, 2]`, backward flow in picture units.
    occlusion_logits: `[b, h / 4, w / 4, 1]`, positive where the portrait shows what the frame needs.
    coarse_flow: `[b, h / 4, w / 4, 2]`, the inverted flow of the basis.
    feature_correction: `[b, h / 8, w / 8, c]`, added to the warped features.
    canonical_coords: `[b, h / 4, w / 4, 3]`, those of the portrait, warped by the coarse flow.
    still_logits: `[b, h, w, 1]`, positive where the frame shows the portrait's pixel of the same position; None in
      codecs without a low grid.
  """

  flow: jax.Array
  occlusion_logits: jax.Array
  coarse_flow: jax.Array
  feature_correction: jax.Array
  canonical_coords: jax.Array
  still_logits: jax.Array | None = None


class MotionWarper(nn.Module):
  """(features, basis, m_source, m_target) -> `Warping`.

  The weighted sum of the basis flows is the forward flow of the portrait. Its inverse is the coarse backward
  flow. Inputs of a network at 1/8, conditioned on the motion by FiLM, are the features warped by the coarse
  flow, the warped canonical coordinates and the warped gates times their amplitudes. It predicts a flow
  correction and occlusion logits at 1/4, and a feature correction at 1/8.
  """

  widths: tuple[int, int]
  hidden: int
  num_modes: int
  num_gates: int
  num_blocks: int
  splat: bool = False
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  @nn.compact
  def __call__(
    self,
    features: jax.Array,
    basis: MotionBasis,
    m_source: jax.Array,
    m_target: jax.Array,
  ) -> Warping:
    """One warp per row of `m_target`.

    Args:
      features: identity features `[b, h / 8, w / 8, c]`.
      basis: of 1 or b portraits.
      m_source: motion of the portraits, `[b, motion_dim]`.
      m_target: motion of the frames, `[b, motion_dim]`.
    """
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    motion_mlp = MLP(self.hidden, self.hidden, name='motion_mlp', **types)
    no_bias = dict(axes=('embed', None), use_bias=False)
    linear = dense(self.num_modes + self.num_gates, 'linear', **no_bias, **types)
    nonlinear = dense(self.num_modes + self.num_gates, 'bend', zero_init=True, **no_bias, **types)

    def motion_code(m):
      return motion_mlp(jnp.concatenate([m - m_source, m_source, m], axis=-1))

    motion = motion_code(m_target)
    # Zero for equal motions: the nonlinear term is a difference as well.
    mode_amplitudes = linear(m_target - m_source) + nonlinear(
      jax.nn.silu(motion) - jax.nn.silu(motion_code(m_source))
    )
    mode_amplitudes, gate_amplitudes = jnp.split(
      mode_amplitudes.astype(jnp.float32), [self.num_modes], axis=-1
    )
    if basis.flow_modes.shape[0] == 1:  # one portrait, many frames: one matrix product
      forward_flow = jnp.einsum('hwkc,bk->bhwc', basis.flow_modes[0], mode_amplitudes, precision='highest')
    else:
      forward_flow = jnp.einsum('bhwkc,bk->bhwc', basis.flow_modes, mode_amplitudes, precision='highest')
    if self.splat:
      resting = jnp.zeros(()) if basis.importance is None else basis.importance
      importance = resting + forward_flow[..., 2:]
      coarse_flow, coverage = splat_inverse(_REACH * forward_flow[..., :2], importance)
      inverse_maps = [coverage]
    else:
      coarse_flow, inverse_maps = invert_flow(_REACH * forward_flow), []

    b = m_target.shape[0]
    source_maps = [basis.canonical_coords, basis.appearance_gates]
    if self.splat:  # sines of the portrait's coordinates, once, instead of those of every frame
      source_maps.append(waves(basis.canonical_coords, 2))
    source_maps = jnp.concatenate(source_maps, axis=-1)
    warped_features, source_maps = (
      warp(features, coarse_flow),
      warp(jnp.broadcast_to(source_maps, (b, *source_maps.shape[1:])), coarse_flow),
    )
    warped_coords, gates, warped_waves = jnp.split(source_maps, [3, 3 + self.num_gates], axis=-1)
    gate_changes = gates * gate_amplitudes[:, None, None]
    if not self.splat:
      warped_waves = waves(warped_coords, 2)
    motion_maps = [warped_waves, coarse_flow / _REACH, gate_changes, *inverse_maps]
    if self.splat:  # what the portrait shows at the same position
      motion_maps.append(jnp.broadcast_to(basis.canonical_coords, warped_coords.shape))
    motion_maps = jnp.concatenate(motion_maps, axis=-1)
    x = jnp.concatenate(
      [warped_features, pixel_unshuffle(motion_maps, 2).astype(warped_features.dtype)], axis=-1
    )
    fine = self.widths[0]
    x = conv(fine, 1, 'fine_in', **types)(x)
    for i in range(2 * self.num_blocks):
      x = ResBlock(fine, conditioning='film', zero_init=False, name=f'fine_block_{i}', **types)(x, motion)
    x = jax.nn.silu(group_norm(fine, 'fine_norm', **types)(x))
    feature_correction = conv(warped_features.shape[-1], 1, 'lacking', zero_init=True, **types)(x)
    still_logits = None
    if self.splat:
      still_logits = SmoothUpsample(1, 8, zero_init=True, name='still', **types)(x) + _STILL_BIAS
      x = SmoothUpsample(3, 2, kernel=3, zero_init=True, name='fine_out', **types)(x)
    else:
      x = pixel_shuffle(conv(12, 3, 'fine_out', zero_init=True, **types)(x), 2).astype(jnp.float32)
    occlusion = x[..., 2:] + conv(1, 1, 'gate_occlusion', **types)(gate_changes.astype(warped_features.dtype))
    correction = _MAX_CORRECTION * jnp.tanh(x[..., :2] / _MAX_CORRECTION)
    occlusion = occlusion.astype(jnp.float32)
    flow = coarse_flow + correction
    return Warping(flow, occlusion, coarse_flow, feature_correction, warped_coords, still_logits)
