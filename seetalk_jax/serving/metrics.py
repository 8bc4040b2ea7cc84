"""Metrics in the format of Prometheus."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterator

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from seetalk_jax.serving import messages
from seetalk_jax.serving.job_queue import JobQueue
from seetalk_jax.serving.jobs import JobState
from seetalk_jax.serving.sessions import Sessions
from seetalk_jax.serving.supervisor import Supervisor, WorkerState, memory_of

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
_CHUNK_SECONDS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 4.0)


class Metrics:
  """Metrics of one server; values are read when they are asked for."""

  def __init__(self):
    self.registry = prometheus_client.CollectorRegistry()
    self._chunks = prometheus_client.Histogram(
      'seetalk_chunk_seconds',
      'Seconds that computing and encoding a chunk of a live session took.',
      buckets=_CHUNK_SECONDS,
      registry=self.registry,
    )
    self._delay = prometheus_client.Gauge(
      'seetalk_session_delay_seconds',
      "Seconds from a sample's push to its frame, of the session that was computed last.",
      registry=self.registry,
    )

  def on_chunk(self, chunk: messages.Video) -> None:
    """Counts a chunk of a live session."""
    self._chunks.observe(chunk.seconds)
    self._delay.set(chunk.delay)

  def watch(self, jobs: JobQueue, sessions: Sessions, supervisor: Supervisor) -> None:
    """Adds the state of the server, which is read at every request for the metrics."""
    self.registry.register(_Collector(lambda: _families(jobs, sessions, supervisor)))

  def text(self) -> bytes:
    """All metrics, in the format of Prometheus."""
    return prometheus_client.generate_latest(self.registry)


class _Collector:
  def __init__(self, collect: Callable[[], Iterator]):
    self.collect = collect


def _families(jobs: JobQueue, sessions: Sessions, supervisor: Supervisor) -> Iterator:
  states = collections.Counter(job.state for job in jobs.jobs.values())
  by_state = GaugeMetricFamily('seetalk_jobs', 'Jobs that are kept, by state.', labels=['state'])
  for state in JobState:
    by_state.add_metric([state.value], states[state])
  yield by_state
  yield GaugeMetricFamily('seetalk_queue_length', 'Jobs that wait.', value=jobs.num_waiting)
  yield GaugeMetricFamily('seetalk_sessions', 'Live sessions.', value=len(sessions))
  yield CounterMetricFamily(
    'seetalk_worker_restarts', 'Worker processes that died.', value=supervisor.restarts
  )
  ready = supervisor.state == WorkerState.READY
  yield GaugeMetricFamily('seetalk_worker_ready', 'Whether the worker can compute.', value=float(ready))
  memory = GaugeMetricFamily(
    'seetalk_resident_bytes', 'Resident memory of the processes.', labels=['process']
  )
  memory.add_metric(['server'], memory_of(os.getpid()))
  memory.add_metric(['worker'], memory_of(supervisor.pid))
  yield memory
