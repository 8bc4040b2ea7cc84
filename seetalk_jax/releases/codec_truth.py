"""Truth encoder of a motion codec: whether it was trained, by the statistic `truth_known` or by the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seetalk_jax.constants import TRUTH_KNOWN


def is_known(statistics: Mapping[str, Any], stages: Mapping[str, Mapping[str, Any]]) -> bool:
  """Whether the truth encoder of a release's or a run's motion codec was trained.

  Args:
    statistics: name -> array. Releases and runs of earlier versions lack `truth_known`.
    stages: stage name -> {'config': its configuration}, as in the provenance of a release. Without the statistic, the
      encoder counts as untrained if that stage had no motion vectors: `with_truth` off, and `keep_motion` off.
  """
  if TRUTH_KNOWN in statistics:
    return float(statistics[TRUTH_KNOWN]) > 0
  options = stages.get('motion_codec', {}).get('config', {}).get('options', {})
  return any((options.get('with_truth', True), options.get('with_estimates'), options.get('keep_motion')))
