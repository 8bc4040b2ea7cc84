"""Clip lengths of a prepared corpus: an array beside its shards, or read from the report of the preparation."""

from __future__ import annotations

import array
import json
import pathlib
import re
from collections.abc import Iterable, Iterator

import numpy as np

from seetalk_jax import files
from seetalk_jax.constants import FPS

_CHARACTERS = 2**16  # of the report that are read at once
_MOST_CHARACTERS = 2**26  # of one entry; a longer one is not of a preparation
_SEPARATORS = re.compile(r'[\s,]*')


def of_entries(entries: Iterable[dict], split: str) -> np.ndarray:
  """Lengths of the kept clips of a split, int32 `[c, 2]`: (records, frames), in the order of the records.

  Args:
    entries: entries of the report; they are read one at a time.
    split: split of the clips.

  Raises:
    KeyError, TypeError, ValueError: the entries are not those of a preparation.
  """
  lengths = array.array('i')
  for entry in entries:
    if entry['status'] == 'kept' and entry['split'] == split:
      for clip in entry['clips']:
        lengths.append(int(clip['records']))
        lengths.append(round((clip['stop'] - clip['start']) * FPS))
  return np.frombuffer(lengths, np.int32).reshape(-1, 2) if lengths else np.zeros([0, 2], np.int32)


def of_report(entries: Iterable[dict], split: str, num_records: int) -> np.ndarray | None:
  """As `of_entries`; None if the entries are not those of a preparation, or of another number of records."""
  try:
    return _checked(of_entries(entries, split), num_records)
  except (OSError, KeyError, TypeError, ValueError):
    return None


def _checked(lengths: np.ndarray, num_records: int) -> np.ndarray | None:
  return lengths if int(lengths[:, 0].sum()) == num_records else None


def write(path: pathlib.Path, lengths: np.ndarray) -> None:
  """Writes lengths as `of_entries` returns them, atomically.

  Raises:
    OutputError: the file cannot be written.
  """
  with files.replacing(path) as part:
    np.save(part, lengths, allow_pickle=False)


def read(path: pathlib.Path, report: pathlib.Path, split: str, num_records: int) -> np.ndarray | None:
  """Lengths of the clips of a split, int32 `[c, 2]`; None if no file gives those of `num_records` records.

  Args:
    path: array that `write` made; corpora of earlier versions have none.
    report: report of the preparation, for corpora without the array; its entries are read one at a time.
    split: split of the clips.
    num_records: number of records of the split.
  """
  try:
    lengths = np.load(path, allow_pickle=False)
  except (OSError, ValueError, EOFError):
    lengths = np.zeros([0, 0])
  if lengths.dtype == np.int32 and lengths.ndim == 2 and lengths.shape[1] == 2:
    stored = _checked(lengths, num_records)
    if stored is not None:
      return stored
  return of_report(_entries_of(report), split, num_records)


def _entries_of(report: pathlib.Path) -> Iterator[dict]:
  """Entries of a JSON file that is a list of objects, without the whole list in memory.

  Raises:
    OSError: it cannot be read.
    ValueError: it is no such list.
  """
  decode = json.JSONDecoder().raw_decode
  with report.open(encoding='utf-8') as file:
    text, at = file.read(_CHARACTERS).lstrip(), 1
    if not text.startswith('['):
      raise ValueError('no list')
    while True:
      at = _SEPARATORS.match(text, at).end()
      if text.startswith(']', at):
        return
      try:
        entry, at = decode(text, at)
      except ValueError:  # damaged, or its end is not read yet
        more = file.read(max(_CHARACTERS, len(text) - at))
        if not more or len(text) - at > _MOST_CHARACTERS:
          raise
        text, at = text[at:] + more, 0
        continue
      yield entry
