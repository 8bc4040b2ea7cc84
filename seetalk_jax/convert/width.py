"""Width multiplier of a network, from the channels of its layers."""

from __future__ import annotations

from collections.abc import Iterable

from seetalk_jax.models.nn.blocks import scaled_channels


def common_width(channels: Iterable[tuple[int, int]]) -> float:
  """The width that `scaled_channels` makes the channels of all layers from.

  If there is none, because a layer has other channels, it is the width of the layer with the most channels.

  Args:
    channels: of every layer: its channels, and those at width 1.

  Raises:
    ValueError: no layer.
  """
  pairs = sorted(channels, key=lambda pair: pair[1])
  if not pairs:
    raise ValueError('the channels of a layer are needed, got none')
  found, published = pairs[-1]
  width = found / published
  if all(scaled_channels(c, width) == n for n, c in pairs):
    return width
  # Rounding leaves an interval of widths to each layer; the middle of what they share.
  low = max((n - 0.5) / c if n > 1 else 0.0 for n, c in pairs)
  high = min((n + 0.5) / c for n, c in pairs)
  return (low + high) / 2 if low < high else width
