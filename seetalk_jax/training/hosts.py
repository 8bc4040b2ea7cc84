"""Several processes as one run: how they meet, that they run the same program, and which rows each one reads."""

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
from seetalk_jax.errors import ConfigError, InputError

# Seconds without a sign of life after which a process counts as lost; the others then end.
HEARTBEAT_SECONDS = 30
# Exit status of a process whose run lost another one: all of them can be started again (EX_TEMPFAIL of sysexits.h).
LOST_STATUS = 75
# What gloo, NCCL, JAX's coordination service and Orbax's barriers say when a process is gone.
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
  """Joins the run. Without arguments TPU pods, SLURM, Open MPI and Kubernetes jobs are found by JAX itself.

  Args:
    coordinator: HOST:PORT of process 0, where nothing is found by itself.
    num_processes, process_id: how many there are, and which this one is.

  Raises:
    ConfigError: some of the three are missing, or the processes do not meet.
  """
  if jax.config.jax_platforms == 'cpu':
    jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  given = {}
  if coordinator or num_processes or process_id >= 0:
    if not (coordinator and num_processes > 0 and 0 <= process_id < num_processes):
      raise ConfigError(
        f'coordinator {coordinator!r}, {num_processes} processes, number {process_id}, command line: give '
        '--coordinator=HOST:PORT, --num_processes=N and --process_id from 0 to N - 1 together, or none of them'
      )
    given = dict(coordinator_address=coordinator, num_processes=num_processes, process_id=process_id)
  try:
    jax.distributed.initialize(**given, heartbeat_timeout_seconds=HEARTBEAT_SECONDS)
  except (RuntimeError, ValueError) as e:
    reason = str(e).strip().splitlines()[0]
    raise ConfigError(
      f'the processes of this run do not meet, --distributed: {reason} (where no TPU pod, SLURM, Open MPI or '
      'Kubernetes is found, give --coordinator, --num_processes and --process_id)'
    ) from e


def describe_run(config) -> dict[str, str]:
  """What must be the same in every process of a run: name -> checksum or version."""
  content = json.dumps(json.loads(config.to_json_best_effort()), sort_keys=True)
  return {
    'configuration': hashlib.sha256(content.encode()).hexdigest(),
    'code of seetalk_jax': files.code_checksum(),
    'version of JAX': hashlib.sha256(jax.__version__.encode()).hexdigest(),
  }


def check_alike(config) -> None:
  """All processes compare what `describe_run` says of them; together, so all of them must call it.

  Raises:
    ConfigError: the first that differs from process 0, with its host.
  """
  if jax.process_count() == 1:
    return
  own = describe_run(config)
  digests = b''.join(bytes.fromhex(value) for value in own.values())
  name = socket.gethostname().encode()[:_NAME_BYTES].ljust(_NAME_BYTES)
  row = np.frombuffer(digests + name, np.uint8)
  rows = np.asarray(multihost_utils.process_allgather(row))
  for process, found in enumerate(rows):
    for i, what in enumerate(own):
      if not np.array_equal(found[32 * i : 32 * i + 32], rows[0][32 * i : 32 * i + 32]):
        host, first = (bytes(r[len(digests) :]).decode().strip() for r in (found, rows[0]))
        raise ConfigError(
          f'the {what} of process {process} on {host} is not that of process 0 on {first}: '
          'start all processes with the same files and flags'
        )


def leave(error: Exception) -> NoReturn:
  """Ends this process of several at once, and tells why on stderr: the others wait for it in a collective, and learn of
  it by its silence, not by its waiting for them. Where there is one process alone, the error goes on as it came.

  Status 2 after a mistake of the user, 75 where the error is that another process is gone, otherwise 1.
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
    for worker in multiprocessing.active_children():  # of the data; nobody else would end them
      worker.kill()
    os._exit(status)


def lost_another(error: BaseException | None) -> bool:
  """Whether an error, or one that it came from, is what JAX or Orbax raise when another process is gone."""
  seen = set()
  while error is not None and id(error) not in seen:
    seen.add(id(error))
    code, text = str(error).partition(':')[0], str(error).lower()
    # Not any OSError with such words: pipes and sockets of our own break too. (JAX raises ValueErrors as well.)
    from_jax = isinstance(error, jax.errors.JaxRuntimeError | TimeoutError) or code.isupper()
    if from_jax and any(sign in text for sign in _SIGNS_OF_LOSS):
      return True
    error = error.__cause__ or error.__context__
  return False


def local_rows(sharding: jax.sharding.Sharding, batch_size: int) -> np.ndarray:
  """The rows of a global batch that devices of this process hold, in order.

  A mesh may order devices otherwise than processes are numbered, and axes that do not split the batch may reach
  over several hosts, which then read the same rows.
  """
  rows = np.arange(batch_size)
  indices = sharding.addressable_devices_indices_map((batch_size,)).values()
  return np.unique(np.concatenate([rows[index] for index in indices]))
