"""The parts of one training run that the loop, the evaluation and single passes share."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from jax.sharding import Mesh

from seetalk_jax.stages import base
from seetalk_jax.training.checkpoint import Checkpoints
from seetalk_jax.training.signals import Signals
from seetalk_jax.training.stage_data import StageData


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of a stage in a directory.

  Attributes:
    config: see configs/.
    workdir: gets everything that the run writes.
    stage: as it is trained, with low-rank factors where the configuration asks for them.
    mesh: of all devices.
    data: batches of the stage.
    checkpoints: open for the run.
    signals: that ask the run to end.
  """

  config: Any
  workdir: pathlib.Path
  stage: base.Stage | base.PassStage
  mesh: Mesh
  data: StageData
  checkpoints: Checkpoints
  signals: Signals
