"""Hours, budgets and sizes that the page on real recordings states are those of configurations and plans."""

import pathlib
import re

import pytest

from seetalk_jax.constants import MOTION_DIM
from seetalk_jax.media.landmark_indices import NUM_LANDMARKS
from seetalk_jax.training import config_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs/real_recordings.md').read_text()
FLOPS = 8 * 989e12 * 0.3  # eight H100 at 30 %


def rows(text, heading):
  """Cells of the rows of the first table whose head begins with `heading`."""
  table = text[text.index(heading) :].split('\n\n')[0].splitlines()[2:]
  return [[cell.strip(' `') for cell in row.strip('|').split('|')] for row in table]


def number(cell):
  return float(re.match(r'[\d,.]+', cell)[0].replace(',', ''))


def planned():
  """Stage -> TFLOP of a sample, from the plans for 256 chips."""
  found = {}
  for stage, batch, chips, _, tflop, *_ in rows(
    (ROOT / 'docs/scaling.md').read_text(), '| stage | batch | slice |'
  ):
    if chips == 'v5e:16x16':
      windows = 4 if stage == 'motion' else 1  # planned with 25 frames of 100
      found[stage] = number(tflop) * 256 / number(batch) * windows
  return found


def test_hours_are_computed_from_plans_and_configurations():
  plans, config = planned(), config_files.load(ROOT / 'configs/all.py', 'real')
  stated = rows(PAGE, '| stage | batch | steps | TFLOP')
  assert [row[0] for row in stated] == [stage for stage in config.stages if stage != 'face_prior']
  for stage, batch, steps, tflop, hours in stated:
    own = config.overrides[stage]
    assert (number(batch), number(steps)) == (own.data.batch_size, own.num_steps), stage
    assert number(tflop) == pytest.approx(plans[stage], rel=0.05), stage
    exact = own.data.batch_size * own.num_steps * plans[stage] * 1e12 / FLOPS / 3600
    assert number(hours) == pytest.approx(exact, abs=0.51), stage


def test_budgets_are_those_of_the_variants():
  (budget,) = [row for row in rows(PAGE, '| | `real` |') if row[0] == 'budget of training']
  for variant, cell in zip(('real-demo', 'real-person'), budget[2:4], strict=True):
    config = config_files.load(ROOT / 'configs/all.py', variant)
    minutes = sum(config.max_minutes[stage] for stage in config.stages)
    assert cell.endswith(f'{minutes:g} in all')


def test_disk_is_computed_from_the_sizes_of_frames():
  rest = 90_000 * 4 * (2 * NUM_LANDMARKS + MOTION_DIM) + 1.4 * 3600 * 16_000 * 2  # bytes an hour
  for _, hours, small, large in rows(PAGE, '| corpus | hours kept'):
    for cell, frame in ((small, 25e3), (large, 74e3)):
      if cell[0].isdigit():
        assert number(cell) == pytest.approx(number(hours) * (90_000 * frame + rest) / 1e9, rel=0.02)
