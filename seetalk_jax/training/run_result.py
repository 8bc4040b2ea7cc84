"""How a run of training ends."""

from __future__ import annotations

import dataclasses


class NonFiniteError(FloatingPointError):
  """A metric became NaN or infinite; the message names it, the step, and the last good checkpoint."""


@dataclasses.dataclass(frozen=True)
class Outcome:
  """How a run ended.

  Attributes:
    step: gradient steps taken in all (batches, for a pass over the data).
    minutes: training time in all, over resumed runs.
    reason: 'num_steps', 'max_minutes', or 'signal' (interrupted: the run can be resumed).
    signal: number of the signal, or None.
    metrics: means over the last logging interval.
  """

  step: int
  minutes: float
  reason: str
  signal: int | None
  metrics: dict[str, float]
