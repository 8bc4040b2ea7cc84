"""Batches of videos in one command: split among processes by --part, and among devices by threads."""

from __future__ import annotations

import argparse
import concurrent.futures
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from seetalk_jax.cli import options
from seetalk_jax.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds --part and --devices."""
  parser.add_argument(
    '--part',
    type=options.part,
    default=(0, 1),
    metavar='I/N',
    help='make only every Nth video of --list, beginning with number I (from 0), as one of N processes (default 0/1)',
  )
  parser.add_argument(
    '--devices',
    type=options.whole(1, 4096),
    default=None,
    metavar='N',
    help='number of devices of this machine that share --list, one video each (default: all)',
  )


def jobs_of_part(jobs: Sequence[Any], part: tuple[int, int]) -> list[Any]:
  """The jobs of this process; every job belongs to exactly one part.

  Args:
    jobs: all jobs.
    part: (index from 0, number of parts).
  """
  index, count = part
  return list(jobs[index::count])


def pipelines(first: Any, num_jobs: int, devices: int | None) -> list[Any]:
  """Pipelines with the networks of `first`, one per device of the same kind, and at most one per job.

  Args:
    first: a loaded pipeline; the first of the result.
    num_jobs: number of jobs.
    devices: maximum number of devices; None: all devices of this process.

  Raises:
    InputError: this process has fewer devices than `devices`.
  """
  import jax

  from seetalk_jax.inference import loaded_release, pipeline

  there = jax.local_devices(backend=first.device.platform)
  if devices and devices > len(there):
    raise InputError(f'--devices {devices}, command line: this process has {len(there)}')
  others = there[1 : max(1, min(devices or len(there), num_jobs))]
  return [
    first,
    *(
      pipeline.SeeTalk(loaded_release.LoadedRelease(first.networks, first.checkpoint, device))
      for device in others
    ),
  ]


_STOP_SECONDS = 1.0


class _Stopped(KeyboardInterrupt):
  """Another thread failed or was interrupted; finished parts are kept, as after Ctrl-C."""


def run(
  jobs: Sequence[Any], pipes: Sequence[Any], make: Callable[[Any, Any, Callable], Any], progress: Callable
) -> list[Any]:
  """Calls `make(pipe, job, progress)` for every job; each pipe starts the next job as soon as it is free.

  After the first failure the other jobs stop at their next progress report, and the failure is raised.

  Args:
    jobs: the jobs.
    pipes: pipelines, one per thread.
    make: makes one video.
    progress: called with (stage, done, total). With one pipe it gets the stages of each video; with several,
      ('videos', finished videos, all videos).

  Returns:
    The results of `make`, in the order of `jobs`.
  """
  if len(pipes) == 1:
    return [make(pipes[0], job, progress) for job in jobs]
  waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
  for index in range(len(jobs)):
    waiting.put(index)
  results: dict[int, Any] = {}
  stopping, finishing = threading.Event(), threading.Lock()

  def step(stage, done, total):
    del stage, done, total
    if stopping.is_set():
      raise _Stopped

  def work(pipe):
    try:
      while not stopping.is_set():
        try:
          index = waiting.get_nowait()
        except queue.Empty:
          return
        made = make(pipe, jobs[index], step)
        with finishing:
          results[index] = made
          progress('videos', len(results), len(jobs))
    except BaseException:
      stopping.set()
      raise

  threads = concurrent.futures.ThreadPoolExecutor(len(pipes))
  working = [threads.submit(work, pipe) for pipe in pipes]
  try:
    concurrent.futures.wait(working)
  except BaseException:  # Ctrl-C; a thread inside a long computation does not notice until its end
    stopping.set()
    concurrent.futures.wait(working, _STOP_SECONDS)
    raise
  finally:
    threads.shutdown(wait=False, cancel_futures=True)
  failures = [failure for future in working if (failure := future.exception()) is not None]
  for failure in sorted(failures, key=lambda failure: isinstance(failure, _Stopped)):
    raise failure
  return [results[index] for index in range(len(jobs))]
