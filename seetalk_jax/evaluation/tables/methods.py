"""Methods of a table: what makes the videos or portraits of a row, or where they are."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping
from typing import NamedTuple

from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation.videos.generation import Settings
from seetalk_jax.releases import storage

RELEASE_FOLDER = 'release'  # of a run of configs/all.py


class Method(NamedTuple):
  """One row of a table.

  Attributes:
    name: of the row.
    place: a release, or a folder of videos of any program.
    settings: of a release, where they differ from its defaults.
  """

  name: str
  place: str
  settings: Settings = Settings()

  @property
  def is_release(self) -> bool:
    """Whether videos are made by a release, and not read from a folder."""
    return storage.is_release(self.place)

  def described(self) -> dict[str, object]:
    """Place and settings as plain values."""
    return {'place': self.place, **({'settings': self.settings.described()} if self.is_release else {})}


def methods_of(config, reserved: Collection[str] = ()) -> list[Method]:
  """The methods of a configuration: `config.variants` of `config.checkpoint`, then those of `config.methods`.

  Args:
    config: with `checkpoint` ('' for no such rows), `variants` (name -> fields of `Settings`), `methods`
      ('NAME=PLACE,...'), and `names`, those that `methods` must have.
    reserved: names of other rows.

  Raises:
    ConfigError: a text or setting cannot be read, a name is there twice or missing, or there is no method.
  """
  made = []
  if config.checkpoint:
    for name, settings in config.variants.items():
      made.append(Method(name, _release_of(config.checkpoint), _settings(name, settings)))
  given = parse(config.methods)
  wanted = '--config.methods="' + ','.join(f'{name}=DIR' for name in config.names or ('NAME',)) + '"'
  for name in config.names:
    if name not in given:
      raise ConfigError(f'row {name!r} is missing: set {wanted}')
  made += [Method(name, _release_of(place)) for name, place in given.items()]
  if not made:
    raise ConfigError(f'a table without rows: set {wanted}, or --config.checkpoint')
  names = [method.name for method in made]
  for name in names:
    if name in reserved or names.count(name) > 1:
      raise ConfigError(f'two rows are named {name!r}, --config.methods: use another name')
  return made


def parse(text: str) -> dict[str, str]:
  """Name -> place of 'NAME=PLACE,NAME=PLACE'; {} for ''.

  Raises:
    ConfigError: a part is not of this form, or a name is there twice.
  """
  found: dict[str, str] = {}
  for part in filter(None, (part.strip() for part in text.split(','))):
    name, equals, place = (piece.strip() for piece in part.partition('='))
    if not (name and equals and place):
      raise ConfigError(f'not a row, {part!r}: write --config.methods="NAME=DIR,NAME=DIR"')
    if name in found:
      raise ConfigError(f'two rows are named {name!r}, --config.methods: use another name')
    found[name] = place
  return found


def _release_of(place: str) -> str:
  """The release of a run of configs/all.py; other places are kept."""
  inner = pathlib.Path(place) / RELEASE_FOLDER
  return str(inner) if (inner / RELEASE_FILE).is_file() else place


def _settings(name: str, settings: Mapping[str, object]) -> Settings:
  values = {key: tuple(value) if key == 'without' else value for key, value in settings.items()}
  try:
    return Settings(**values)  # pyright: ignore[reportArgumentType]
  except TypeError as error:
    fields = ', '.join(Settings.__dataclass_fields__)
    raise ConfigError(f'config.variants.{name} has an unknown setting ({error}): use {fields}') from error
