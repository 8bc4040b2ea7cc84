"""Training run: the objects shared by the training loop, the evaluation and single passes."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from jax.sharding import Mesh

from seetalk_jax.stages import base
from seetalk_jax.training.checkpoint import Checkpoints
from seetalk_jax.training.run_sources import Source
from seetalk_jax.training.signals import Signals
from seetalk_jax.training.stage_data import StageData


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of a stage in a directory.

  Attributes:
    config: see configs/.
    workdir: directory for all files of the run.
    stage: the trained stage, with low-rank factors if the configuration enables them.
    mesh: mesh of all devices.
    data: batches of the stage.
    checkpoints: the open checkpoints of the run.
    signals: recorded signals that stop the run.
    sources: what this start of the run loads and trains on, with licences.
  """

  config: Any
  workdir: pathlib.Path
  stage: base.Stage | base.PassStage
  mesh: Mesh
  data: StageData
  checkpoints: Checkpoints
  signals: Signals
  sources: Sequence[Source] = ()
