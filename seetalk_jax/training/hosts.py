"""Multi-process training: initialization, consistency checks, lost processes, and rows per process."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import socket
import sys
import traceback
from typing import NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from seetalk_jax import files
from seetalk_jax.errors import ConfigError, InputError, chain

# Seconds without a heartbeat after which a process counts as lost; the other processes then end.
HEARTBEAT_SECONDS = 30
# Exit status after another process was lost: the run can be started again (EX_TEMPFAIL of sysexits.h).
LOST_STATUS = 75
# Parts of error messages of gloo, NCCL, JAX's coordination service and Orbax's barriers for a lost process.
_SIGNS_OF_LOSS = (
  'connection reset',
  'connection closed',
  'connection refused',
  'socket closed',
  'broken pipe',
  'heartbeat',
  'coordination service',
  'remote process exited',
  'timed out',
  'timeout',
  'barrier',
)
_NAME_BYTES = 64


def initialize(coordinator: str = '', num_processes: int = 0, process_id: int = -1) -> None:
  """Joins the processes of a run. Without arguments, JAX detects TPU pods, SLURM, Open MPI and Kubernetes.

  Args:
    coordinator: HOST:PORT of process 0, for environments that JAX does not detect.
    num_processes: number of processes.
    process_id: number of this process, from 0.

  Raises:
    ConfigError: only some of the three are set, or the processes cannot connect.
  """
  if jax.config.jax_platforms == 'cpu':
    jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  arguments = {}
  if coordinator or num_processes or process_id >= 0:
    if not (coordinator and num_processes > 0 and 0 <= process_id < num_processes):
      raise ConfigError(
        f'coordinator {coordinator!r}, {num_processes} processes, number {process_id}, command line: give '
        '--coordinator=HOST:PORT, --num_processes=N and --process_id from 0 to N - 1 together, or none of them'
      )
    arguments = dict(coordinator_address=coordinator, num_processes=num_processes, process_id=process_id)
  try:
    jax.distributed.initialize(**arguments, heartbeat_timeout_seconds=HEARTBEAT_SECONDS)
  except (RuntimeError, ValueError) as e:
    reason = str(e).strip().splitlines()[0]
    raise ConfigError(
      f'the processes of this run do not meet, --distributed: {reason} (where no TPU pod, SLURM, Open MPI or '
      'Kubernetes is found, give --coordinator, --num_processes and --process_id)'
    ) from e


def describe_run(config) -> dict[str, str]:
  """Everything that must be the same in all processes of a run: name -> SHA-256 hex digest."""
  content = json.dumps(json.loads(config.to_json_best_effort()), sort_keys=True)
  return {
    'configuration': hashlib.sha256(content.encode()).hexdigest(),
    'code of seetalk_jax': files.code_checksum(),
    'version of JAX': hashlib.sha256(jax.__version__.encode()).hexdigest(),
  }


def check_alike(config) -> None:
  """Checks that `describe_run` is the same in all processes. Collective: every process must call it.

  Raises:
    ConfigError: a process differs from process 0; names the first such process and its host.
  """
  if jax.process_count() == 1:
    return
  own = describe_run(config)
  digests = b''.join(bytes.fromhex(value) for value in own.values())
  name = socket.gethostname().encode()[:_NAME_BYTES].ljust(_NAME_BYTES)
  row = np.frombuffer(digests + name, np.uint8)
  rows = np.asarray(multihost_utils.process_allgather(row))
  for process, other in enumerate(rows):
    for i, what in enumerate(own):
      if not np.array_equal(other[32 * i : 32 * i + 32], rows[0][32 * i : 32 * i + 32]):
        host, first = (bytes(r[len(digests) :]).decode().strip() for r in (other, rows[0]))
        raise ConfigError(
          f'the {what} of process {process} on {host} is not that of process 0 on {first}: '
          'start all processes with the same files and flags'
        )


def leave(error: Exception) -> NoReturn:
  """Prints an error to stderr and ends this process immediately; with one process, re-raises the error.

  A normal exit would wait for the other processes, which wait for this one in a collective. They detect the
  loss when its heartbeats stop.

  Exit status: 2 after a user error, 75 if another process was lost, otherwise 1.
  """
  if jax.process_count() == 1:
    raise error
  first = next(iter(str(error).strip().splitlines()), type(error).__name__)
  if isinstance(error, InputError):
    status, text = 2, f'error: {first}'
  elif lost_another(error):
    own, count = jax.process_index(), jax.process_count()
    status = LOST_STATUS
    text = (
      f'error: process {own} of {count} on {socket.gethostname()} lost another one ({first[:160]}): see what that one '
      'says, and start all of them again; the run goes on from its latest checkpoint'
    )
  else:
    status, text = 1, ''.join(traceback.format_exception(error)).rstrip()
  try:
    print(text, file=sys.stderr, flush=True)
    sys.stdout.flush()
  finally:
    for worker in multiprocessing.active_children():  # data workers: os._exit does not end them
      worker.kill()
    os._exit(status)


def lost_another(error: BaseException | None) -> bool:
  """Whether an error, or one in its chain of causes, is how JAX or Orbax report a lost process."""
  for cause in chain(error):
    code, text = str(cause).partition(':')[0], str(cause).lower()
    # An OSError with such a message may come from a local pipe or socket. JAX's own errors, some of which are
    # ValueErrors, begin with a status code in capitals.
    from_jax = isinstance(cause, jax.errors.JaxRuntimeError | TimeoutError) or code.isupper()
    if from_jax and any(sign in text for sign in _SIGNS_OF_LOSS):
      return True
  return False


def local_rows(sharding: jax.sharding.Sharding, batch_size: int) -> np.ndarray:
  """The rows of a global batch that devices of this process hold, sorted; int `[n]`.

  The order of devices in a mesh may differ from the order of processes. Hosts along a mesh axis that does not
  split the batch read the same rows.
  """
  rows = np.arange(batch_size)
  indices = sharding.addressable_devices_indices_map((batch_size,)).values()
  return np.unique(np.concatenate([rows[index] for index in indices]))
