"""What a preparation has done so far, on disk: a file of records and a line of report for every recording.

A recording is done when its line is there; the line is written after the records, and both are renamed into
place when whole. So a run that is killed at any moment goes on where it stopped.
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
from seetalk_jax.errors import InputError
from seetalk_jax.prepare.layouts import Item
from seetalk_jax.prepare.recording import Outcome, Settings

STAGING_DIR = '.preparing'
_PLAN = 'plan.json'


class Staging:
  """The staged results of one preparation, under OUT_DIR/.preparing.

  Attributes:
    directory: where they lie.
    items: the recordings of the preparation, in order.
  """

  def __init__(self, out_dir: pathlib.Path, items: Sequence[Item]):
    self.directory, self.items = out_dir / STAGING_DIR, tuple(items)

  @classmethod
  def begin(cls, out_dir: pathlib.Path, items: Sequence[Item], settings: Settings, layout: str) -> Staging:
    """Starts or continues a preparation.

    A recording of an earlier run that is gone stays in the plan (and fails, if it was not done yet); new ones
    join it.

    Raises:
      InputError: `out_dir` holds a preparation with other settings.
    """
    staging = cls(out_dir, items)
    staging.directory.mkdir(parents=True, exist_ok=True)
    path = staging.directory / _PLAN
    wanted = json.loads(json.dumps({'settings': settings.to_json(), 'layout': layout}))
    if path.exists():
      known = json.loads(path.read_text())
      if {name: known[name] for name in wanted} != wanted:
        changed = _differing(known['settings'], wanted['settings']) or ['layout']
        raise InputError(
          f'{out_dir} holds an unfinished preparation with another {", ".join(changed)}: '
          'use the same settings to go on with it, or another folder'
        )
      planned = {entry['file']: Item(**entry) for entry in known['items']}
      planned |= {item.file: item for item in items}
      staging.items = tuple(planned[file] for file in sorted(planned))
    plan = {**wanted, 'items': [vars(item) for item in staging.items]}
    files.write_text(path, json.dumps(plan, indent=1))
    return staging

  def done(self, item: Item) -> bool:
    """Whether a recording needs no more work."""
    return self._line(item).exists()

  def todo(self) -> list[Item]:
    """The recordings that are not done."""
    return [item for item in self.items if not self.done(item)]

  def keep(self, item: Item, outcome: Outcome) -> None:
    """Stages the outcome of one recording; whole or not at all."""
    if outcome.records:
      files.write_bytes(self._records(item), msgpack.packb(list(outcome.records)))
    line = {'entry': outcome.entry, 'thumbnail': base64.b64encode(outcome.thumbnail).decode()}
    files.write_text(self._line(item), json.dumps(line))

  def entry(self, item: Item) -> dict:
    """The report's line on a finished recording."""
    return json.loads(self._line(item).read_text())['entry']

  def entries(self) -> list[dict]:
    """The report's lines on all recordings, all of them finished."""
    return [self.entry(item) for item in self.items]

  def thumbnail(self, item: Item) -> str:
    """base64 JPEG of a finished recording, or ''."""
    return json.loads(self._line(item).read_text())['thumbnail']

  def records(self, item: Item) -> Iterator[bytes]:
    """The encoded records of a finished recording."""
    yield from msgpack.unpackb(self._records(item).read_bytes())

  def forget_records(self, item: Item) -> None:
    """Frees the records of a recording that the corpus holds by now."""
    self._records(item).unlink(missing_ok=True)

  def remove(self) -> None:
    """Removes everything staged."""
    shutil.rmtree(self.directory, ignore_errors=True)

  def sweep(self) -> None:
    """Removes the half-written files of killed workers; only while none is running."""
    for partial in self.directory.glob(f'*/{files.UNFINISHED}'):
      partial.unlink(missing_ok=True)

  def _place(self, item: Item) -> pathlib.Path:
    name = hashlib.blake2b(item.file.encode(), digest_size=16).hexdigest()
    return self.directory / name[:2] / name[2:]

  def _line(self, item: Item) -> pathlib.Path:
    return self._place(item).with_suffix('.json')

  def _records(self, item: Item) -> pathlib.Path:
    return self._place(item).with_suffix('.records')


def _differing(known: dict, wanted: dict) -> list[str]:
  names = []
  for name in {**known, **wanted}:
    a, b = known.get(name), wanted.get(name)
    if isinstance(a, dict) and isinstance(b, dict):
      names += _differing(a, b)
    elif a != b:
      names.append(name)
  return names
