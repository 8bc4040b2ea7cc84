"""Perceptual distances: LPIPS (arXiv 1801.03924), the perceptual loss of VGG-19 (arXiv 1603.08155), EfficientNet."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from seetalk_jax.models.critics.efficientnet_lite import EfficientNetLite
from seetalk_jax.models.nn import examples
from seetalk_jax.models.nn.blocks import conv, partitioned, scaled_channels

# Layers: convolutions (channels, kernel, strides, padding) and 'pool'. Features are taken after the ReLU of
# the convolutions that `layout` lists. VGG: convolutions per level.
_VGG = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_VGG_CHANNELS = (64, 128, 256, 512, 512)
_ALEX = (
  (64, 11, 4, 2),
  'pool',
  (192, 5, 1, 2),
  'pool',
  (384, 3, 1, 1),
  (256, 3, 1, 1),
  (256, 3, 1, 1),
)
_POOL = {'vgg16': (2, 2), 'vgg19': (2, 2), 'alex': (3, 2)}  # window, strides
_EFFICIENTNET = 'efficientnet-lite0'
ARCHITECTURES = (*_POOL, _EFFICIENTNET)
# (mean, std) of ImageNet pictures in [0, 1], and those of LPIPS for pictures in [-1, 1].
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LPIPS = ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450))
# EfficientNet-Lite was trained on (pixel - 127) / 128. Here for pictures in [-1, 1].
_EFFICIENTNET_PIXELS = (127 / 127.5 - 1, 128 / 127.5)
# Weights of relu1_1 to relu5_1 in the distance of VGG-19 (as pix2pixHD's, arXiv 1711.11585).
_VGG19_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)

SIZES: dict[str, dict[str, Any]] = {
  'tiny': dict(architecture='alex', calibrated=True, width=0.125),
  'demo': dict(architecture='alex', calibrated=True, width=1.0),
  'base': dict(architecture='vgg16', calibrated=True, width=1.0),
  'large': dict(architecture='vgg19', calibrated=False, width=1.0),
}


class PerceptualTower(nn.Module):
  """Perceptual distance of pictures in the features of a pretrained classifier.

  The default fields are those of size 'base'.
  Needs converted weights (`convert/perceptual.py`, `convert/efficientnet_lite.py`); distances of an untrained
  network are meaningless.

  Attributes:
    architecture: 'vgg16' and 'alex' as in LPIPS, 'vgg19' as in perceptual losses. 'efficientnet-lite0': features
      after the last blocks of the strides 2 to 32; only with `calibrated=False`.
    calibrated: LPIPS, with its learned weight per channel. False, for 'vgg16', 'vgg19' and 'alex': the weighted
      sum over levels of the mean absolute difference of the features (weights of pix2pixHD for 'vgg19',
      otherwise 1). False, for 'efficientnet-lite0': features are normalized to unit length over the channels;
      their squared difference is summed over channels, averaged over positions and summed over levels. This is
      not LPIPS: no weights were learned from judgments of people, and values do not compare with LPIPS.
    width: multiplier of the channels of all layers.

  Raises:
    ValueError: unknown `architecture`, or `calibrated` with 'efficientnet-lite0'.
  """

  architecture: str = 'vgg16'
  calibrated: bool = True
  width: float = 1.0
  dtype: Any = jnp.float32
  param_dtype: Any = jnp.float32

  def setup(self):
    if self.architecture not in ARCHITECTURES:
      raise ValueError(f'architecture must be one of {", ".join(ARCHITECTURES)}, got {self.architecture!r}')
    types = dict(dtype=self.dtype, param_dtype=self.param_dtype)
    if self.architecture == _EFFICIENTNET:
      if self.calibrated:
        raise ValueError(f'{_EFFICIENTNET} has no weights of LPIPS: set calibrated=False')
      self.trunk = EfficientNetLite(self.width, **types)
      return
    layers, self.taps = layout(self.architecture)
    self.steps = tuple('pool' if layer == 'pool' else 'conv' for layer in layers)
    convolutions = [layer for layer in layers if layer != 'pool']
    self.convs = [
      conv(
        scaled_channels(channels, self.width),
        kernel,
        strides=strides,
        padding=[(padding, padding)] * 2,
        **types,
      )
      for channels, kernel, strides, padding in convolutions
    ]
    if self.calibrated:
      start = partitioned(nn.initializers.ones, ('norm',))
      self.levels = [
        self.param(
          f'level_{i}', start, (scaled_channels(convolutions[tap][0], self.width),), self.param_dtype
        )
        for i, tap in enumerate(self.taps)
      ]

  def __call__(self, image: jax.Array, other: jax.Array) -> jax.Array:
    """Distance of pictures `[b, h, w, 3]` in [-1, 1], float32 `[b]`; LPIPS if `calibrated`, see there.

    Raises:
      ValueError: pictures of different shapes.
    """
    if image.shape != other.shape:
      raise ValueError(f'pictures of different shapes, {image.shape} and {other.shape}')
    pairs = zip(self.features(image), self.features(other), strict=True)
    if self.architecture == _EFFICIENTNET:
      distances = [jnp.mean(jnp.sum(_unit_differences(a, b), axis=-1), axis=(1, 2)) for a, b in pairs]
      return sum(distances)  # pyright: ignore[reportReturnType]
    if not self.calibrated:
      weights = _VGG19_WEIGHTS if self.architecture == 'vgg19' else (1.0,) * len(self.taps)
      differences = [jnp.mean(jnp.abs(a - b), axis=(1, 2, 3)) for a, b in pairs]
      weighted = (weight * difference for weight, difference in zip(weights, differences, strict=True))
      return sum(weighted)  # pyright: ignore[reportReturnType]
    total = 0.0
    for level, (a, b) in zip(self.levels, pairs, strict=True):
      total += jnp.mean(_unit_differences(a, b) @ jnp.asarray(level, jnp.float32), axis=(1, 2))
    return total  # pyright: ignore[reportReturnType]

  def features(self, image: jax.Array) -> list[jax.Array]:
    """Feature maps float32 `[b, h', w', c]`, finest first, of pictures `[b, h, w, 3]` in [-1, 1]."""
    if self.architecture == _EFFICIENTNET:
      mean, spread = _EFFICIENTNET_PIXELS
      return [level.astype(jnp.float32) for level in self.trunk(((image - mean) / spread).astype(self.dtype))]
    if self.calibrated:
      mean, spread = _LPIPS
    else:
      mean, spread = _IMAGENET
      image = (image + 1.0) / 2.0
    x = ((image - jnp.array(mean)) / jnp.array(spread)).astype(self.dtype)
    window, strides = _POOL[self.architecture]
    maps, index = [], 0
    for step in self.steps:
      if step == 'pool':
        x = nn.max_pool(x, (window, window), (strides, strides))
        continue
      x = jax.nn.relu(self.convs[index](x))
      if index in self.taps:
        maps.append(x.astype(jnp.float32))
      index += 1
    return maps

  @nn.nowrap
  def example_inputs(
    self, others: examples.Modules | None = None, side: int = examples.SIDE
  ) -> tuple[Any, ...]:
    """Arguments of `__call__` as shapes; see `models.nn.examples`."""
    del others
    return (examples.image(side),) * 2


def layout(architecture: str) -> tuple[list[Any], tuple[int, ...]]:
  """(layers up to the last one used, indices of the convolutions whose features are used) of VGG and AlexNet."""
  if architecture == 'alex':
    return list(_ALEX), (0, 1, 2, 3, 4)
  counts = _VGG[int(architecture.removeprefix('vgg'))]
  layers: list[Any] = []
  ends, starts, index = [], [], 0
  for level, (channels, count) in enumerate(zip(_VGG_CHANNELS, counts, strict=True)):
    if level:
      layers.append('pool')
    starts.append(index)
    layers += [(channels, 3, 1, 1)] * count
    index += count
    ends.append(index - 1)
  if architecture == 'vgg16':
    return layers, tuple(ends)
  # Features after the first convolution of each level; later convolutions of the last level are not needed.
  return layers[: len(layers) - counts[-1] + 1], tuple(starts)


def _unit_differences(a: jax.Array, b: jax.Array) -> jax.Array:
  """Squared difference of feature maps `[b, h, w, c]` after normalization over channels, of the same shape."""
  return jnp.square(_unit_channels(a) - _unit_channels(b))


def _unit_channels(x: jax.Array, epsilon: float = 1e-10) -> jax.Array:
  # The gradient of sqrt is infinite at zero; the floor keeps it finite.
  length = jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(x), axis=-1, keepdims=True), epsilon**2))
  return x / (length + epsilon)
