"""Windows of a motion transformer: their length by the statistic `motion_window`, or else by the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.constants import WINDOW_FRAMES

NAME = 'motion_window'
_CLIP_FRAMES = 25  # windows of frames in earlier versions, unless options.num_frames says another length


def with_window(statistics: Mapping[str, Any], stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
  """Statistics of a motion transformer, with `motion_window` where the configuration says another length than 100.

  Args:
    statistics: name -> array. Releases and runs of earlier versions lack `motion_window`. Statistics without
      `motion_mean`, which are not those of a motion transformer, are returned as they are.
    stages: stage name -> {'config': its configuration}, as in the provenance of a release. Without the statistic, the
      windows are those of stage `motion`: `num_frames` of its options. Where nothing is stated they are of 100 frames.
  """
  options = stages.get('motion', {}).get('config', {}).get('options', {})
  of_source = _CLIP_FRAMES if options.get('motion_source') == 'frames' else WINDOW_FRAMES
  frames = options.get('num_frames', of_source)
  if NAME in statistics or 'motion_mean' not in statistics or frames == WINDOW_FRAMES:
    return dict(statistics)
  return {**statistics, NAME: np.float32(frames)}
