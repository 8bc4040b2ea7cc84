"""Results of a training run: its outcome, and the error for values that are not finite."""

from __future__ import annotations

import dataclasses


class NonFiniteError(FloatingPointError):
  """A metric or tensor is NaN or infinite; the message names it, the step and the last good checkpoint."""


@dataclasses.dataclass(frozen=True)
class Outcome:
  """Outcome of a run.

  Attributes:
    step: total gradient steps taken (batches, for a pass over the data).
    minutes: total training time, over resumed runs.
    reason: 'num_steps', 'max_minutes', 'signal' (interrupted; the run can be resumed) or 'dry run'.
    signal: signal number, or None.
    metrics: means over the last logging interval.
  """

  step: int
  minutes: float
  reason: str
  signal: int | None
  metrics: dict[str, float]
