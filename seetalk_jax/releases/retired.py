"""Retired options of networks: fields and statistics that older releases and training runs still name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from seetalk_jax.errors import CheckpointError


class Retired(NamedTuple):
  """A removed field.

  Attributes:
    accepted: its only value that is read and ignored, the one whose behavior remains.
    instead: what a user of any other value does.
  """

  accepted: Any
  instead: str


# (class, field). See docs/experiments.md for what they did.
FIELDS = {
  ('SampleAdaptiveWeighting', 'per_channel'): Retired(False, 'train the stage portrait again'),
}
# Statistics that changed what networks compute -> what a user of them does.
STATISTICS = {
  'face_prior_prototype_voices': 'train the stages face_prior and portrait again, without prototypes',
}


def without_fields(class_name: str, fields: Mapping[str, Any], where: str) -> dict[str, Any]:
  """The fields of a network without the retired ones.

  Args:
    class_name: of the network.
    fields: as a release or a training run names them.
    where: file, for the message.

  Raises:
    CheckpointError: a retired field has a value that is no longer supported.
  """
  kept = {}
  for name, value in fields.items():
    retired = FIELDS.get((class_name, name))
    if retired is None:
      kept[name] = value
    elif value != retired.accepted:
      raise CheckpointError(f'{class_name}.{name}={value} is no longer supported, {where}: {retired.instead}')
  return kept


def check_statistics(names: Iterable[str], where: str) -> None:
  """Refuses statistics of a release or a training run that networks no longer read.

  Raises:
    CheckpointError: there is one.
  """
  for name in names:
    if name in STATISTICS:
      raise CheckpointError(f'the statistic {name} is no longer supported, {where}: {STATISTICS[name]}')
