"""Building blocks of all networks: layers with logical axis names, residual blocks, and their parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import einops
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.models.nn import cpu_conv
from seetalk_jax.models.nn.image_ops import pixel_unshuffle
from seetalk_jax.sharding.constraints import all_gather_kernel, constrain_batch_axis, refuse_explicit

# Logical axis names. Sharding rules map them to mesh axes. An unknown name would be replicated silently, so a
# test checks the names of every network against this table.
LOGICAL_AXES: dict[str, str] = {
  'embed': 'the width of a residual stream: what a dense layer reads, or writes back to',
  'mlp': 'the hidden width of a feed-forward layer, or the output of any widening projection',
  'heads': 'all attention heads side by side (num_heads * head_dim)',
  'conv_in': 'input channels of a convolution',
  'conv_out': 'output channels of a convolution',
  'norm': 'scale and offset of a normalisation',
  'codes': 'entries of a codebook or classes of a classifier',
  'code_dim': 'width of one codebook entry',
  'positions': 'places of a learned position table',
  'statistics': 'stored statistics that no gradient reaches (subspaces, means)',
  'layers': 'layers stacked by a scan',
}

Initializer = Callable[..., jax.Array]
Dtype = Any

_default_init = nn.initializers.variance_scaling(1.0, 'fan_in', 'truncated_normal')


def _checked(axes: tuple[str | None, ...]) -> tuple[str | None, ...]:
  for axis in axes:
    if axis is not None and axis not in LOGICAL_AXES:
      raise ValueError(f'logical axis {axis!r} is not in LOGICAL_AXES')
  return axes


def partitioned(init: Initializer, axes: tuple[str | None, ...]) -> Initializer:
  """`init` with logical axis names attached; every name must be in `LOGICAL_AXES`."""
  return nn.with_logical_partitioning(init, _checked(axes))  # pyright: ignore[reportReturnType]


def dense(
  features: int,
  name: str | None = None,
  *,
  axes: tuple[str | None, str | None] = ('embed', 'mlp'),
  use_bias: bool = True,
  zero_init: bool = False,
  kernel_init: Initializer | None = None,
  bias_init: Initializer | None = None,
  dtype: Dtype = jnp.float32,
  param_dtype: Dtype = jnp.float32,
) -> nn.Dense:
  """A dense layer `[..., d] -> [..., features]` whose kernel is named `axes` (input, output).

  Args:
    zero_init: start at zero, for the last layer of a residual branch or of a prediction.
  """
  kernel_init = nn.initializers.zeros if zero_init else kernel_init or _default_init
  return nn.Dense(
    features,
    use_bias=use_bias,
    kernel_init=partitioned(kernel_init, axes),
    # A bias is small, and sharded over the batch's mesh axis it would cause the activations to be resharded.
    bias_init=partitioned(bias_init or nn.initializers.zeros, (None if axes[-1] == 'embed' else axes[-1],)),
    dot_general=functools.partial(_product, axes),
    dtype=jnp.dtype(dtype),
    param_dtype=jnp.dtype(param_dtype),
    name=name,
  )


def _product(axes, x, kernel, *args, **kwargs):
  return jax.lax.dot_general(constrain_batch_axis(x), all_gather_kernel(kernel, axes), *args, **kwargs)


def conv(
  features: int,
  kernel: int | tuple[int, ...],
  name: str | None = None,
  *,
  strides: int | tuple[int, ...] = 1,
  padding: Any = 'SAME',
  dilation: int | tuple[int, ...] = 1,
  groups: int = 1,
  use_bias: bool = True,
  zero_init: bool = False,
  kernel_init: Initializer | None = None,
  bias_init: Initializer | None = None,
  dtype: Dtype = jnp.float32,
  param_dtype: Dtype = jnp.float32,
) -> nn.Conv:
  """A convolution, channels last. An int `kernel` is a 2-D square, a tuple has one size per dimension."""
  kernel = (kernel, kernel) if isinstance(kernel, int) else tuple(kernel)
  rank = len(kernel)
  kernel_init = nn.initializers.zeros if zero_init else kernel_init or _default_init
  # A depthwise kernel has one input channel.
  axes = (None,) * rank + (None if groups == features > 1 else 'conv_in', 'conv_out')
  return nn.Conv(
    features,
    kernel_size=kernel,
    strides=(strides,) * rank if isinstance(strides, int) else strides,
    padding=padding,
    kernel_dilation=(dilation,) * rank if isinstance(dilation, int) else dilation,
    feature_group_count=groups,
    use_bias=use_bias,
    kernel_init=partitioned(kernel_init, axes),
    bias_init=partitioned(bias_init or nn.initializers.zeros, ('conv_out',)),
    conv_general_dilated=functools.partial(_convolution, axes),
    dtype=jnp.dtype(dtype),
    param_dtype=jnp.dtype(param_dtype),
    name=name,
  )


def _convolution(axes, x, kernel, *args, **kwargs):
  return cpu_conv.conv_general_dilated(
    constrain_batch_axis(x), all_gather_kernel(kernel, axes), *args, **kwargs
  )


def scaled_channels(channels: int, width: float) -> int:
  """Channels of a layer whose network has a width multiplier, at least 1."""
  return max(1, round(width * channels))


def num_groups_for(channels: int, groups: int = 32, least: int = 4) -> int:
  """The largest divisor of `channels` up to `groups` with at least `least` channels per group."""
  limit = max(1, min(groups, channels // least))
  return next(g for g in range(limit, 0, -1) if channels % g == 0)


class GroupNorm(nn.Module):
  """Group normalization of `[b, *space, c]` from per-channel means: three times as fast on a CPU.

  Parameters (`scale` and `bias`, `[c]`) and results are those of `nn.GroupNorm`.
  """

  num_groups: int
  epsilon: float = 1e-6
  dtype: Dtype = jnp.float32
  param_dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    refuse_explicit(x)
    channels = x.shape[-1]
    scale = self.param('scale', partitioned(nn.initializers.ones, ('norm',)), (channels,), self.param_dtype)
    bias = self.param('bias', partitioned(nn.initializers.zeros, ('norm',)), (channels,), self.param_dtype)
    wide = x.astype(jnp.float32)
    space = tuple(range(1, x.ndim - 1))

    def by_group(sums):  # [b, c] -> the mean of each channel's group, [b, c]
      groups = einops.reduce(sums, 'b (g n) -> b g', 'mean', g=self.num_groups)
      return jnp.repeat(groups, channels // self.num_groups, axis=-1)

    mean = by_group(jnp.mean(wide, axis=space))
    square = by_group(jnp.mean(jnp.square(wide), axis=space))
    factor = jax.lax.rsqrt(jnp.maximum(square - jnp.square(mean), 0.0) + self.epsilon) * scale
    shift = bias - mean * factor
    expand = (slice(None), *(None,) * len(space), slice(None))
    return (wide * factor[expand] + shift[expand]).astype(self.dtype)


def group_norm(
  channels: int,
  name: str | None = None,
  *,
  groups: int = 32,
  least: int = 4,
  epsilon: float = 1e-6,
  dtype: Dtype = jnp.float32,
  param_dtype: Dtype = jnp.float32,
) -> GroupNorm:
  """Group normalization over `channels`; narrow layers get fewer groups (see `num_groups_for`)."""
  return GroupNorm(
    num_groups=num_groups_for(channels, groups, least),
    epsilon=epsilon,
    dtype=jnp.dtype(dtype),
    param_dtype=jnp.dtype(param_dtype),
    name=name,
  )


def layer_norm(
  name: str | None = None,
  *,
  epsilon: float = 1e-5,
  use_affine: bool = True,
  dtype: Dtype = jnp.float32,
  param_dtype: Dtype = jnp.float32,
) -> nn.LayerNorm:
  """Layer normalization over the last axis; `use_affine=False` has no scale and bias (for adaptive norms)."""
  return nn.LayerNorm(
    epsilon=epsilon,
    use_scale=use_affine,
    use_bias=use_affine,
    scale_init=partitioned(nn.initializers.ones, ('norm',)),
    bias_init=partitioned(nn.initializers.zeros, ('norm',)),
    dtype=jnp.dtype(dtype),
    param_dtype=jnp.dtype(param_dtype),
    name=name,
  )


ACTIVATIONS = ('silu', 'gelu', 'relu', 'tanh', 'sigmoid')


def activation_of(name: str) -> Callable[[jax.Array], jax.Array]:
  """The function of `jax.nn` of this name.

  Raises:
    ValueError: the name is not in `ACTIVATIONS`.
  """
  if name not in ACTIVATIONS:
    raise ValueError(f'activation must be one of {ACTIVATIONS}, got {name!r}')
  return getattr(jax.nn, name)


class MLP(nn.Module):
  """Two dense layers with an activation in between: `[..., d] -> [..., features]`."""

  hidden: int
  features: int
  activation: str = 'silu'
  zero_init: bool = False
  dtype: Dtype = jnp.float32
  param_dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    x = dense(self.hidden, 'fc1', axes=('embed', 'mlp'), **types)(x)
    x = activation_of(self.activation)(x)
    return dense(self.features, 'fc2', axes=('mlp', 'embed'), zero_init=self.zero_init, **types)(x)


class ResBlock(nn.Module):
  """Residual block: norm, silu, conv, (condition), norm, silu, conv: `[b, h, w, c] -> [b, h, w, features]`.

  Parameter names are those of diffusers' ResnetBlock2D.

  Attributes:
    features: channels of the output.
    conditioning: 'add' adds a projection of the condition after the first convolution (as Stable Diffusion
      does); 'film' scales and shifts by a projection of it after the second norm; 'none' has no condition.
    kernel: side of the convolutions.
    groups, least: groups of the norms, and the minimum of channels per group (see `num_groups_for`).
    epsilon: of the norms.
    zero_init: the second convolution starts at zero.
  """

  features: int
  conditioning: str = 'none'
  kernel: int = 3
  groups: int = 32
  least: int = 4
  epsilon: float = 1e-6
  zero_init: bool = True
  dtype: Dtype = jnp.float32
  param_dtype: Dtype = jnp.float32

  @nn.compact
  def __call__(self, x: jax.Array, condition: jax.Array | None = None) -> jax.Array:
    """`condition [b, d]` is required unless `conditioning` is 'none'.

    Raises:
      ValueError: unknown `conditioning`, or a condition is missing.
    """
    if self.conditioning not in ('none', 'add', 'film'):
      raise ValueError(f"conditioning must be 'none', 'add' or 'film', got {self.conditioning!r}")
    if self.conditioning != 'none' and condition is None:
      raise ValueError(f'conditioning is {self.conditioning!r}, so condition [b, d] must be given')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    norm: dict[str, Any] = dict(groups=self.groups, least=self.least, epsilon=self.epsilon, **types)
    residual = x
    x = jax.nn.silu(group_norm(x.shape[-1], 'norm1', **norm)(x))
    x = conv(self.features, self.kernel, 'conv1', **types)(x)
    scale = shift = None
    if self.conditioning != 'none':
      width = self.features * (2 if self.conditioning == 'film' else 1)
      embedded = dense(width, 'time_emb_proj', axes=('embed', 'conv_out'), **types)(jax.nn.silu(condition))  # pyright: ignore[reportArgumentType]
      embedded = embedded[:, None, None, :]
      if self.conditioning == 'add':
        x = x + embedded
      else:
        scale, shift = jnp.split(embedded, 2, axis=-1)
    x = group_norm(self.features, 'norm2', **norm)(x)
    if scale is not None and shift is not None:
      x = x * (1 + scale) + shift
    x = jax.nn.silu(x)
    x = conv(self.features, self.kernel, 'conv2', zero_init=self.zero_init, **types)(x)
    if residual.shape[-1] != self.features:
      residual = conv(self.features, 1, 'conv_shortcut', **types)(residual)
    return residual + x


def down_levels(
  image: jax.Array, widths: Sequence[int], num_blocks: int, *, dtype: Dtype, param_dtype: Dtype
) -> list[jax.Array]:
  """Features of an image at 1/4, 1/8, ... of its size, one map for each of `widths`.

  Call it inside of a compact method: the layers `conv_in`, `down_{level}` and `block_{level}_{i}` belong to the module
  of the caller.

  Args:
    image: `[b, h, w, 3]`.
    widths: channels of every map.
    num_blocks: residual blocks of every level but the first, which has none.
    dtype, param_dtype: of the layers.
  """
  types = dict(dtype=dtype, param_dtype=param_dtype)
  levels = [conv(widths[0], 3, 'conv_in', **types)(pixel_unshuffle(image, 4))]
  for level, width in enumerate(widths[1:]):
    x = conv(width, 3, f'down_{level}', strides=2, **types)(jax.nn.silu(levels[-1]))
    for i in range(num_blocks):
      x = ResBlock(width, zero_init=False, name=f'block_{level}_{i}', **types)(x)
    levels.append(x)
  return levels


def exact_gelu(x: jax.Array) -> jax.Array:
  """GELU by erf, without approximation; faster on a CPU than `jax.nn.gelu`, which uses erfc."""
  return 0.5 * x * (1.0 + jax.lax.erf(x * np.sqrt(0.5).astype(x.dtype)))


def unit(x: jax.Array, epsilon: float = 1e-6) -> jax.Array:
  """L2 normalization `x / |x|` along the last axis, in float32, with a finite gradient at zero."""
  x = x.astype(jnp.float32)
  return x * jax.lax.rsqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True) + epsilon**2)


def init_variables(module: nn.Module, rng: jax.Array, *args, method=None, **kwargs) -> dict[str, Any]:
  """Initializes all collections of `module`, as nested dicts without boxes; no forward pass runs."""

  def init(rng):
    return nn.unbox(module.init(rng, *args, method=method, **kwargs))

  return jax.jit(init)(rng)


def init_params(module: nn.Module, rng: jax.Array, *args, method=None, **kwargs) -> dict[str, Any]:
  """Initializes the parameters of `module`, as a nested dict of arrays.

  Args:
    *args: example inputs of `__call__` (or of `method`); only shapes matter.

  Example:
    >>> params = init_params(nn.Dense(3), jax.random.key(0), jnp.zeros((1, 2)))
    >>> {name: value.shape for name, value in params.items()}
    {'bias': (3,), 'kernel': (2, 3)}
  """
  return init_variables(module, rng, *args, method=method, **kwargs)['params']


def count_params(params: Any) -> int:
  """Number of scalars in a tree of arrays or shapes (boxed or not)."""
  return int(sum(np.prod(leaf.shape, dtype=np.int64) for leaf in jax.tree.leaves(nn.unbox(params))))
