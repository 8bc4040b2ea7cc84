"""Training log: metrics of training steps, checked for finite values, averaged and written at intervals."""

from __future__ import annotations

import jax

from seetalk_jax.stages.base import Batch, Metrics
from seetalk_jax.training import health, throughput
from seetalk_jax.training.clock import Clock
from seetalk_jax.training.metrics_writer import MetricsWriter
from seetalk_jax.training.progress import ProgressBar
from seetalk_jax.training.run import Run
from seetalk_jax.training.stage_data import DeviceBatches
from seetalk_jax.training.state import TrainState
from seetalk_jax.training.step import CompiledStep

_STEPS_AHEAD = 2  # steps that are dispatched before earlier ones are done


class TrainingLog:
  """Collects metrics and writes a line of metrics.jsonl and of the progress bar at every interval.

  Attributes:
    means: metric name -> mean over the last interval; {} before the first one.
  """

  def __init__(self, run: Run, clock: Clock, batches: DeviceBatches, writer: MetricsWriter, bar: ProgressBar):
    self.means: dict[str, float] = {}
    self._run, self._clock, self._batches, self._writer, self._bar = run, clock, batches, writer, bar
    self._recent: list[Metrics] = []
    self._flops, self._bad_names = 0.0, []

  def compiled(self, step_fn: CompiledStep, batch: Batch, state: TrainState) -> None:
    """Stores the operations of the compiled step and the names of its tensors; call before `add`."""
    self._flops, self._bad_names = step_fn.flops, health.names(batch, state.params, state.params)

  def add(self, metrics: Metrics) -> None:
    """Adds the metrics of a step.

    Waits for earlier steps: if the loop ran far ahead of the device, signals and the clock would be out of
    date.
    """
    self._recent.append(metrics)
    if len(self._recent) > _STEPS_AHEAD:
      jax.block_until_ready(self._recent[-_STEPS_AHEAD - 1])
    self._bar.advance()

  def write(self, step: int) -> None:
    """Writes the mean metrics of the steps since the last call, if there are any.

    Raises:
      NonFiniteError: a metric or a tensor of one of these steps is not finite.
    """
    if not self._recent:
      return
    count = len(self._recent)
    means = health.finite_means(self._recent, step, self._run.checkpoints.latest, self._bad_names)
    rate = self._clock.rate(count)
    means['steps_per_second'] = rate
    means['waiting_for_input'] = self._batches.seconds_waited() * rate / count  # fraction of the time
    means |= throughput.step_rates(rate, self._run.config.data.batch_size, self._flops)
    self._writer.scalars(step, {**means, 'minutes': self._clock.minutes})
    self._bar.log(step, means)
    self.means, self._recent = means, []
