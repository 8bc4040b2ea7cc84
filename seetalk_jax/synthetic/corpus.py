"""Rendering of synthetic corpora to disk: resumable, the same bytes for any number of processes."""

from __future__ import annotations

import concurrent.futures
import functools
import multiprocessing
import os
import pathlib
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import process as process_pool

import tqdm

from seetalk_jax import constants, files
from seetalk_jax.data import schema, sources, workers
from seetalk_jax.errors import InputError, OutputError
from seetalk_jax.synthetic import source as synthetic_source
from seetalk_jax.synthetic.kinds import FRAMES, SHARD_SIZE

DEFAULT_SIZES = {'faces': 512, 'clips': constants.CLIP_SIZE, 'talks': 0}


def render_corpus(
  out_dir: sources.PathLike,
  kind: str,
  split: str,
  num: int,
  *,
  size: int | None = None,
  seed: int = 0,
  shard_size: int = SHARD_SIZE,
  processes: int = 1,
  progress: bool = True,
  records_per_speaker: int = 1,
  first_speaker: int = 0,
  frames: int | None = None,
  part: tuple[int, int] = (0, 1),
  world: Callable[[], synthetic_source.World] | None = None,
) -> list[pathlib.Path]:
  """Renders `num` records into shards KIND-SPLIT-00000-of-000NN.array_record of `out_dir`.

  Shards are written atomically and finished shards are skipped. So a killed run can resume, and the output
  bytes are the same as without the interruption. Training can read the finished shards during rendering.

  Args:
    out_dir: directory, created if missing; it may contain other kinds and splits.
    kind: `faces`, `clips` or `talks`, see `WorldSource`.
    split: `train`, `validation` or `test`.
    num: number of records.
    size: side of the frames in pixels; None for 512 (`faces`) or 128 (`clips`).
    seed: seed of everything except the speakers.
    shard_size: number of records in a shard, an even number.
    processes: number of worker processes, each on its own core; 0 renders in this process.
    progress: whether to show a progress bar on stderr.
    records_per_speaker: number of records per speaker.
    first_speaker: number of speakers of the split to skip, to extend a corpus with a second one.
    frames: frames of a record, see `WorldSource`; None for `kinds.FRAMES`.
    part: `(i, n)` renders every n-th shard, beginning with shard i (from 0), so that n calls, also on several
      machines with a shared disk, render the whole.
    world: callable that returns the `World`, None for that of people; importable by name if `processes` > 0.

  Returns:
    The paths of the shards of the part, in order.

  Raises:
    InputError: an argument is out of range, `out_dir` contains this kind and split with other settings, or the
      system killed a worker process.
  """
  if shard_size < 2 or shard_size % 2:
    raise InputError(f'shard_size {shard_size}: use an even number of records, so that pairs stay together')
  if not 0 <= part[0] < part[1]:
    raise InputError(f'part {part[0]}/{part[1]}: use 0/N to (N - 1)/N for N processes')
  if size is None:
    size = DEFAULT_SIZES.get(kind, 0)
  arguments = {
    'kind': kind,
    'split': split,
    'num': num,
    'size': size or 16,  # talks have no frames
    'seed': seed,
    'records_per_speaker': records_per_speaker,
    'first_speaker': first_speaker,
  }
  records = synthetic_source.WorldSource(**arguments, frames=frames, world=world)
  out_dir = pathlib.Path(out_dir)
  settings = {name: value for name, value in arguments.items() if name not in ('kind', 'split')}
  if frames not in (None, FRAMES[kind]):
    settings['frames'] = frames  # the others have none, so that corpora of earlier versions can be continued
  drawn = records.world
  settings |= {
    'size': size,
    'shard_size': shard_size,
    'crop_version': drawn.crop_version,
    'world': drawn.name,
  }
  sources.add_part(out_dir, kind, split, settings)

  count = -(-num // shard_size)
  shards = {
    out_dir / sources.shard_name(kind, split, i, count): range(i * shard_size, min((i + 1) * shard_size, num))
    for i in range(part[0], count, part[1])
  }
  todo = [(path, indices) for path, indices in shards.items() if not path.exists()]
  for path, _ in todo:
    files.remove_leftovers(path)
  total = sum(map(len, shards.values()))
  done = total - sum(len(indices) for _, indices in todo)
  with tqdm.tqdm(
    total=total, initial=done, unit='record', desc=f'{kind}-{split}', disable=not progress, smoothing=0.05
  ) as bar:
    if processes == 0:
      for path, indices in todo:
        write_shard(records, path, indices, bar.update)
    elif todo:
      made = functools.partial(synthetic_source.WorldSource, **arguments, frames=frames, world=world)
      _render_in_processes(made, todo, min(processes, len(todo)), bar.update)
  return list(shards)


def write_shard(
  records, path: pathlib.Path, indices: range, report: Callable[[int], object] = lambda n: None
) -> None:
  """Writes `records[i]` for `i` in `indices` as one ArrayRecord shard, atomically; calls `report(1)` per record."""

  def encoded():
    for index in indices:
      yield schema.encode(records[index])
      report(1)

  sources.write_shard(path, encoded())


# ------------------------------------------------------------------------------------------ processes
_worker: dict = {}


def _render_in_processes(make_records, todo, processes: int, report) -> None:
  context = multiprocessing.get_context('spawn')  # forking a process with JAX threads can hang
  others = set(multiprocessing.active_children())
  progress, order = context.Queue(), context.Queue()
  for number in range(processes):
    order.put(number)
  # One thread per process: single-threaded processes on all cores render faster than threads in one process.
  set_here = {'XLA_FLAGS': _single_thread_flags(), 'OMP_NUM_THREADS': '1'}
  set_here |= _compilation_cache()
  before = {name: os.environ.get(name) for name in set_here}
  executor = concurrent.futures.ProcessPoolExecutor(
    processes, context, _start_worker, (make_records, os.getpid(), progress, order)
  )
  finished = threading.Event()
  reporter = threading.Thread(target=_pass_on, args=(progress, finished, report), daemon=True)
  try:
    os.environ.update(set_here)  # inherited by the child processes
    futures = [executor.submit(_work, path, indices) for path, indices in todo]
    reporter.start()
    for future in concurrent.futures.as_completed(futures):
      future.result()
  except (KeyboardInterrupt, SystemExit):  # unfinished shards take minutes; they are rendered again later
    for process in set(multiprocessing.active_children()) - others:
      process.terminate()
    executor.shutdown(wait=True, cancel_futures=True)
    for path, _ in todo:
      files.remove_leftovers(path)
    raise
  except process_pool.BrokenProcessPool:
    executor.shutdown(wait=True)
    for path, _ in todo:
      files.remove_leftovers(path)
    raise InputError(
      f'the system killed one of {processes} worker processes, {todo[0][0].parent}: it may need more memory; '
      'run again with fewer processes, finished shards are kept'
    ) from None
  finally:
    for name, value in before.items():
      if value is None:
        os.environ.pop(name, None)
      else:
        os.environ[name] = value
    executor.shutdown(wait=True, cancel_futures=True)
    finished.set()
    if reporter.is_alive():
      reporter.join()


def _compilation_cache() -> dict[str, str]:
  """Environment that keeps compiled programs in the user's cache folder: a run that goes on need not compile again."""
  cache = files.cache_dir()
  if 'JAX_COMPILATION_CACHE_DIR' in os.environ or cache is None:
    return {}
  try:
    files.check_writable(cache / 'xla')
  except OutputError:  # JAX would warn once per program
    return {}
  return {'JAX_COMPILATION_CACHE_DIR': str(cache / 'xla')}


def _single_thread_flags() -> str:
  return f'{os.environ.get("XLA_FLAGS", "")} --xla_cpu_multi_thread_eigen=false'.strip()


def _pass_on(progress, finished: threading.Event, report) -> None:
  while True:
    try:
      report(progress.get(timeout=0.2))
    except queue.Empty:
      if finished.is_set():
        return


def _start_worker(make_records, parent: int, progress, order) -> None:
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent also receives Ctrl-C and stops its workers
  number = order.get()
  if hasattr(os, 'sched_setaffinity'):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[number % len(cores)]})
  workers.leave_with(parent)
  _worker.update(records=make_records(), report=progress.put)


def _work(path: pathlib.Path, indices: range) -> None:
  write_shard(_worker['records'], path, indices, _worker['report'])
