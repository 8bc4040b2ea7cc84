"""Staging folder of a preparation: a file of records and a report entry on disk for every finished recording.

A recording is done when its entry exists. The entry is written after the records, and both are written
atomically. So a run that is killed at any moment can resume.
"""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import shutil
from collections.abc import Iterator, Sequence

import msgpack

from seetalk_jax import files
from seetalk_jax.data import schema
from seetalk_jax.errors import InputError
from seetalk_jax.prepare.layouts import Item
from seetalk_jax.prepare.recording import Outcome, Settings

STAGING_DIR = '.preparing'
_PLAN = 'plan.json'


class Staging:
  """Staged results of one preparation, under OUT_DIR/.preparing.

  Attributes:
    directory: staging folder.
    items: recordings of the preparation, in order.
  """

  def __init__(self, out_dir: pathlib.Path, items: Sequence[Item]):
    self.directory, self.items = out_dir / STAGING_DIR, tuple(items)

  @classmethod
  def begin(cls, out_dir: pathlib.Path, items: Sequence[Item], settings: Settings, layout: str) -> Staging:
    """Starts or continues a preparation.

    A recording of an earlier run whose file is missing now stays in the plan, and fails if it was not done.
    New recordings are added to the plan.

    Raises:
      InputError: `out_dir` contains a preparation with other settings.
    """
    staging = cls(out_dir, items)
    files.make_folder(staging.directory)
    path = staging.directory / _PLAN
    wanted = {'settings': settings.to_json(), 'layout': layout, 'schema': schema.SCHEMA_VERSION}
    wanted = json.loads(json.dumps(wanted))
    if path.exists():
      stored = json.loads(path.read_text())
      if {name: stored.get(name) for name in wanted} != wanted:
        changed = _differing({name: stored.get(name) for name in wanted}, wanted)
        raise InputError(
          f'{out_dir} holds an unfinished preparation with another {", ".join(changed)}: '
          'use the same settings to go on with it, or another folder'
        )
      planned = {entry['file']: Item(**entry) for entry in stored['items']}
      planned |= {item.file: item for item in items}
      staging.items = tuple(planned[file] for file in sorted(planned))
    plan = {**wanted, 'items': [vars(item) for item in staging.items]}
    files.write_text(path, json.dumps(plan, indent=1))
    return staging

  def done(self, item: Item) -> bool:
    """Whether a recording is done."""
    return self._line(item).exists()

  def todo(self) -> list[Item]:
    """Returns the recordings that are not done."""
    return [item for item in self.items if not self.done(item)]

  def keep(self, item: Item, outcome: Outcome) -> None:
    """Stages the outcome of one recording, atomically."""
    if outcome.records:
      files.write_bytes(self._records(item), msgpack.packb(list(outcome.records)))
    line = {'entry': outcome.entry, 'thumbnail': base64.b64encode(outcome.thumbnail).decode()}
    files.write_text(self._line(item), json.dumps(line))

  def entry(self, item: Item) -> dict:
    """Returns the report entry of a finished recording."""
    return json.loads(self._line(item).read_text())['entry']

  def entries(self) -> list[dict]:
    """Returns the report entries of all recordings, which must be finished."""
    return [self.entry(item) for item in self.items]

  def thumbnail(self, item: Item) -> str:
    """Returns the thumbnail of a finished recording as base64 JPEG; '' if there is none."""
    return json.loads(self._line(item).read_text())['thumbnail']

  def records(self, item: Item) -> Iterator[bytes]:
    """Yields the encoded records of a finished recording."""
    yield from msgpack.unpackb(self._records(item).read_bytes())

  def forget_records(self, item: Item) -> None:
    """Deletes the staged records of a recording that are in the corpus already."""
    self._records(item).unlink(missing_ok=True)

  def remove(self) -> None:
    """Removes the staging folder."""
    shutil.rmtree(self.directory, ignore_errors=True)

  def sweep(self) -> None:
    """Removes unfinished files of killed workers; call it only while no worker is running."""
    for partial in self.directory.glob(f'*/{files.UNFINISHED}'):
      partial.unlink(missing_ok=True)

  def _place(self, item: Item) -> pathlib.Path:
    name = hashlib.blake2b(item.file.encode('utf-8', 'surrogateescape'), digest_size=16).hexdigest()
    return self.directory / name[:2] / name[2:]

  def _line(self, item: Item) -> pathlib.Path:
    return self._place(item).with_suffix('.json')

  def _records(self, item: Item) -> pathlib.Path:
    return self._place(item).with_suffix('.records')


def _differing(stored: dict, wanted: dict) -> list[str]:
  names = []
  for name in {**stored, **wanted}:
    a, b = stored.get(name), wanted.get(name)
    if isinstance(a, dict) and isinstance(b, dict):
      names += _differing(a, b)
    elif a != b:
      names.append(name)
  return names
