"""Preparation runner: prepares recordings in parallel, then writes shards, report and manifest; resumable."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
import pathlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import tqdm

from seetalk_jax import files
from seetalk_jax.data import sources, workers
from seetalk_jax.media import face
from seetalk_jax.prepare import layouts, recording, report, staging, tracks
from seetalk_jax.prepare.layouts import Item

SHARD_RECORDS = 1024


def prepare(
  raw_dir: str | os.PathLike,
  out_dir: str | os.PathLike,
  *,
  layout: str = 'folder',
  settings: recording.Settings = recording.Settings(),  # noqa: B008 (frozen)
  landmarker: str | os.PathLike,
  processes: int = 1,
  progress: bool = True,
  shard_records: int = SHARD_RECORDS,
) -> report.Summary:
  """Prepares a folder of raw recordings as a corpus for `data.pipeline`.

  An interrupted preparation resumes when run again. The output bytes do not depend on interruptions or on the
  number of processes. A recording that cannot be used is reported and skipped.

  Args:
    raw_dir: folder of raw recordings.
    out_dir: folder of the corpus; created if missing.
    layout: key of `layouts.LAYOUTS`.
    settings: sizes and thresholds.
    landmarker: MediaPipe's `face_landmarker.task`.
    processes: number of worker processes; 0 works in this process.
    progress: whether to show a progress bar on stderr.
    shard_records: number of records in a shard.

  Raises:
    InputError: a folder or setting is invalid.
    OSError: the disk is full; finished work is kept.
  """
  raw_dir, out_dir = pathlib.Path(raw_dir), pathlib.Path(out_dir)
  landmarker = face.landmarker_file(landmarker, can_be_aligned=False)
  staged, finished = begin(raw_dir, out_dir, layout, settings)
  if finished is not None:
    return finished
  todo = staged.todo()
  with tqdm.tqdm(
    total=len(staged.items), initial=len(staged.items) - len(todo), unit='file', disable=not progress
  ) as bar:
    for item in _work_all(todo, raw_dir, staged, settings, landmarker, processes):
      bar.set_postfix_str(item.file[-40:], refresh=False)
      bar.update()
  entries = staged.entries()
  for shard in plan_shards(staged.items, entries, shard_records):
    write_shard(out_dir, staged, shard)
    for item, _, end in shard.members:
      if end <= shard.stop:
        staged.forget_records(item)
  summary = report.write(out_dir, staged, entries, settings, layout)
  staged.remove()
  return summary


def begin(
  raw_dir: pathlib.Path, out_dir: pathlib.Path, layout: str, settings: recording.Settings
) -> tuple[staging.Staging, report.Summary | None]:
  """Returns (staged results so far, summary if the preparation is complete already, else None).

  Raises:
    InputError: as `prepare`.
  """
  items = layouts.find_items(raw_dir, layout)
  files.make_folder(out_dir)
  finished = report.read_finished(out_dir, items, settings, layout)
  if finished is not None:
    staged = staging.Staging(out_dir, items)
    staged.remove()  # left over if a run was killed between its last two steps
    return staged, finished
  staged = staging.Staging.begin(out_dir, items, settings, layout)
  staged.sweep()
  return staged, None


def _work_all(todo, raw_dir, staged, settings, landmarker: str, processes: int) -> Iterator[Item]:
  """Prepares and stages every item, in any order."""
  if processes == 0 and todo:
    with face.open_face_reader(landmarker) as read:
      for item in todo:
        prepare_one(raw_dir, item, settings, read, staged)
        yield item
    return
  waiting = collections.deque(todo)
  suspects: collections.deque[Item] = collections.deque()
  arguments = (raw_dir, staged, settings, landmarker, os.getpid())
  while waiting or suspects:
    # A crash of a decoder breaks the whole pool: the recordings in progress are retried one at a time.
    alone = not waiting
    batch, count = (suspects, 1) if alone else (waiting, min(processes, len(waiting)))
    crashed = yield from _work_in_pool(batch, count, arguments)
    if alone and crashed:
      reason = 'its decoder crashed the process: convert the file, or leave it out'
      head = {name: value for name, value in vars(crashed[0]).items()}
      staged.keep(crashed[0], recording.Outcome(entry={**head, 'status': 'failed', 'reason': reason}))
      yield crashed[0]
    else:
      suspects += crashed


def _work_in_pool(waiting: collections.deque[Item], count: int, arguments) -> Iterator[Item]:
  """Works on `waiting` until it is empty or a worker dies; returns the items in progress at that moment."""
  context = multiprocessing.get_context('spawn')  # forking a multithreaded process can hang
  others = set(multiprocessing.active_children())
  executor = concurrent.futures.ProcessPoolExecutor(count, context, _start_worker, arguments)
  at_work: dict[concurrent.futures.Future, Item] = {}
  try:
    while waiting or at_work:
      while waiting and len(at_work) < count:
        item = waiting.popleft()
        at_work[executor.submit(_work, item)] = item
      ready, _ = concurrent.futures.wait(at_work, return_when=concurrent.futures.FIRST_COMPLETED)
      for future in ready:
        future.result()
        yield at_work.pop(future)
  except BrokenProcessPool:
    return list(at_work.values())
  except (KeyboardInterrupt, SystemExit):  # a recording can take minutes; it is prepared again later
    for process in set(multiprocessing.active_children()) - others:
      process.terminate()
    raise
  finally:
    executor.shutdown(wait=True, cancel_futures=True)
  return []


_worker: dict = {}
_resources = contextlib.ExitStack()  # landmarker of a worker process, open until the process exits


def _start_worker(raw_dir, staged, settings, landmarker: str, parent: int) -> None:
  read = _resources.enter_context(face.open_face_reader(landmarker))
  _worker.update(raw_dir=raw_dir, staged=staged, settings=settings, read=read)
  workers.leave_with(parent)


def _work(item: Item) -> None:
  prepare_one(_worker['raw_dir'], item, _worker['settings'], _worker['read'], _worker['staged'])


def prepare_one(
  raw_dir: pathlib.Path,
  item: Item,
  settings: recording.Settings,
  read: tracks.Reader,
  staged: staging.Staging,
) -> None:
  """Prepares a recording and stages its outcome; raises only machine errors."""
  try:
    outcome = recording.prepare_recording(raw_dir, item, settings, read)
  except (OSError, MemoryError):
    raise  # machine errors stop the run; it can resume later
  except Exception as error:  # a bug must not stop a long run; it is printed and reported
    print(f'\n{item.file}:\n{traceback.format_exc()}', file=sys.stderr)
    reason = f'a fault in seetalk-jax, please report it: {type(error).__name__}: {error}'
    outcome = recording.Outcome(entry={**vars(item), 'status': 'failed', 'reason': ' '.join(reason.split())})
  staged.keep(item, outcome)


class Shard(NamedTuple):
  """Plan of one shard: records `first` to `stop` of a split.

  Attributes:
    name: file name.
    members: (item, index of its first record in the split, index after its last record).
  """

  name: str
  first: int
  stop: int
  members: tuple[tuple[Item, int, int], ...]


def plan_shards(items: Sequence[Item], entries: Sequence[dict], shard_records: int) -> list[Shard]:
  """Assigns the records of all recordings to shards, for each split and in order."""
  shards = []
  for split in layouts.SPLITS:
    total = 0
    of_shard = collections.defaultdict(list)  # a recording is in one shard or in neighboring ones
    for item, entry in zip(items, entries, strict=True):
      if item.split == split and entry['status'] == 'kept':
        begin, total = total, total + entry['records']
        for index in range(begin // shard_records, -(-total // shard_records)):
          of_shard[index].append((item, begin, total))
    count = -(-total // shard_records)
    for index in range(count):
      first, stop = index * shard_records, min((index + 1) * shard_records, total)
      name = sources.shard_name(report.KIND, split, index, count)
      shards.append(Shard(name, first, stop, tuple(of_shard[index])))
  return shards


def write_shard(out_dir: pathlib.Path, staged: staging.Staging, shard: Shard) -> None:
  """Writes a shard from staged records, unless it exists."""
  path = out_dir / shard.name
  if path.exists():
    return
  files.remove_leftovers(path)
  sources.write_shard(path, _cut(staged, shard))


def _cut(staged: staging.Staging, shard: Shard) -> Iterator[bytes]:
  for item, begin, _ in shard.members:
    for number, data in enumerate(staged.records(item), begin):
      if shard.first <= number < shard.stop:
        yield data
