"""Ranges of the numbers in a training configuration, checked before anything is computed."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from seetalk_jax.errors import ConfigError


class Range(NamedTuple):
  """Allowed values of a number: `low <= value <= high`, without `low` if `above`; integers if `whole`."""

  low: float
  high: float = math.inf
  above: bool = False
  whole: bool = False

  def allows(self, value: Any) -> bool:
    """Whether a value is in the range; NaN and infinity are in none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
      return False
    if self.whole and value != int(value):
      return False
    return (value > self.low if self.above else value >= self.low) and value <= self.high

  def __str__(self) -> str:
    low = f'above {self.low:g}' if self.above else f'{self.low:g} or more'
    if self.high != math.inf:
      low = f'{"above " if self.above else ""}{self.low:g} to {self.high:g}'
    return f'a whole number, {low}' if self.whole else f'a number, {low}'


_COUNT, _OPTIONAL_COUNT = Range(1, whole=True), Range(0, whole=True)

# Field of configs/common.py -> its range.
RANGES: dict[str, Range] = {
  'seed': Range(-(2**31), 2**31 - 1, whole=True),
  'data.seed': Range(-1, 2**31 - 1, whole=True),
  'data.batch_size': _COUNT,
  'data.cached_samples': _OPTIONAL_COUNT,
  'data.camera_effects': Range(0, 1),
  'data.flips': Range(0, 1),
  'data.color_jitter': Range(0, 1),
  'data.min_side': _OPTIONAL_COUNT,
  'data.max_outside': Range(0, 1),
  'data.num_workers': _OPTIONAL_COUNT,
  'optimizer.learning_rate': Range(0),  # 0 in stages without gradient steps
  'optimizer.warmup_steps': _OPTIONAL_COUNT,
  'optimizer.final_fraction': Range(0, 1),
  'optimizer.b1': Range(0, 1 - 1e-9),
  'optimizer.b2': Range(0, 1 - 1e-9),
  'optimizer.weight_decay': Range(0),
  'optimizer.max_grad_norm': Range(0, above=True),
  'optimizer.ema_decay': Range(0, 1),
  'num_steps': _COUNT,
  'max_minutes': Range(0),
  'log_every': _COUNT,
  'sample_every': _COUNT,
  'checkpoint_every': _COUNT,
  'keep_checkpoints': _COUNT,
  'keep_every': _OPTIONAL_COUNT,
  'eval_batches': _OPTIONAL_COUNT,
  'accumulate': _COUNT,
}


def check(config) -> None:
  """Checks the numbers of a stage's configuration; fields that it lacks are skipped.

  Raises:
    ConfigError: a number is out of its range, or not finite; names the field, the value and the range.
  """
  for field, allowed in RANGES.items():
    value = config
    for name in field.split('.'):
      value = value.get(name) if name in value else None
      if value is None:
        break
    if value is not None and not allowed.allows(value):
      raise ConfigError(f'config.{field}={value} is out of range: use {allowed}')
