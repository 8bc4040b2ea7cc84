"""Ranges of the numbers in a training configuration."""

import math
import pathlib

import pytest
import toy_stage

from seetalk_jax import constants
from seetalk_jax.configs import recordings
from seetalk_jax.errors import ConfigError
from seetalk_jax.training import config_files, config_ranges, loop

CONFIGS = sorted(
  path for path in pathlib.Path('configs').glob('*.py') if path.stem not in ('__init__', 'common')
)


@pytest.mark.parametrize(
  ('field', 'value'),
  [
    ('optimizer.learning_rate', math.nan),
    ('optimizer.learning_rate', math.inf),
    ('optimizer.learning_rate', -1e-3),
    ('optimizer.max_grad_norm', math.nan),
    ('optimizer.b1', 1.0),
    ('optimizer.ema_decay', 1.5),
    ('max_minutes', -1.0),
    ('num_steps', 0),
    ('log_every', 0),
    ('checkpoint_every', -5),
    ('keep_checkpoints', 0),
    ('data.batch_size', 0),
    ('accumulate', 0),
  ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_written(tmp_path, field, value):
  toy_stage.register()
  config = toy_stage.get_config(**{field: value})
  with pytest.raises(ConfigError, match=f'config.{field}={value} is out of range: use a'):
    loop.train(config, tmp_path / 'run', make_batches=toy_stage.make_batches)
  assert not (tmp_path / 'run').exists()


def test_every_configuration_is_in_range():
  checked = 0
  for path in CONFIGS:
    for variant in ('tiny', 'demo', 'base', 'large'):
      try:
        config = config_files.load(path, variant)
      except ConfigError:
        continue
      if 'optimizer' in config:
        config_ranges.check(config)
        checked += 1
  assert checked > 20
  for variant in constants.RECORDING_VARIANTS:
    for stage in recordings.get_config(variant).overrides.values():
      stage.data.min_side = max(stage.data.min_side, 0)  # -1 stands for the number of all stages
      config_ranges.check(stage)


def test_messages():
  assert str(config_ranges.RANGES['num_steps']) == 'a whole number, 1 or more'
  assert str(config_ranges.RANGES['optimizer.max_grad_norm']) == 'a number, above 0'
  assert str(config_ranges.RANGES['optimizer.final_fraction']) == 'a number, 0 to 1'
  assert not config_ranges.RANGES['num_steps'].allows(2.5)
  assert not config_ranges.RANGES['num_steps'].allows(True)
