"""Check that the truth encoder of a motion codec was trained, by the codec's statistic `truth_known`."""

from __future__ import annotations

from seetalk_jax.constants import TRUTH_KNOWN
from seetalk_jax.errors import ConfigError
from seetalk_jax.stages import base

OWNER = 'motion_codec'


def is_known(statistics: base.Statistics) -> bool:
  """Whether the truth encoder of a codec with these statistics, by owner, was trained.

  Codecs of earlier versions have no such statistic and are taken as trained; `training.initial_weights` adds it where
  their configuration says otherwise.
  """
  return float(statistics.get(OWNER, {}).get(TRUTH_KNOWN, 1.0)) > 0


def check(frozen: base.Frozen, stage: str, otherwise: str = '') -> None:
  """Checks that there is a codec, and that its truth encoder was trained.

  Args:
    frozen: initial networks and statistics of the stage.
    stage: name of the stage, for the message.
    otherwise: what the user can do instead of training the codec with motion vectors.

  Raises:
    ConfigError: it was not.
  """
  if OWNER not in frozen.params or not is_known(frozen.statistics):
    raise ConfigError(
      f'stage {stage} needs a motion codec whose truth encoder was trained, config.init.{OWNER}: train {OWNER} with '
      f'--config.options.with_estimates=True (recordings) or with_truth=True (synthetic data){otherwise}'
    )
