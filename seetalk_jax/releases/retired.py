"""Older network fields: retired options, and values of fields that older releases and training runs lack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from seetalk_jax.constants import MOTION_FIELDS
from seetalk_jax.errors import CheckpointError


class Retired(NamedTuple):
  """A removed field.

  Attributes:
    accepted: the only value that is still accepted and ignored, because its behavior is the current one; None for no
      value.
    instead: advice for users of any other value, for the message.
  """

  accepted: Any
  instead: str


# (class, field) -> removed field. See docs/experiments.md for their effects.
FIELDS = {
  ('SampleAdaptiveWeighting', 'per_channel'): Retired(False, 'train the stage portrait again'),
  # The form of version 0.1.0, an MLP of the voice vector and the spatial mean of the prior.
  ('SampleAdaptiveWeighting', 'pooled'): Retired(False, 'train the stage portrait again'),
  # Codecs of version 0.1.0 read the 20 fields of a synthetic head that is gone.
  ('MotionCodec', 'truth_dim'): Retired(None, 'train the stage motion_codec again'),
  ('MotionCodec', 'truth_fields'): Retired(list(MOTION_FIELDS), 'train the stage motion_codec again'),
}
# Class -> values of the fields that a description without them has, where those of today's classes are others.
FIRST_VALUES = {
  'AutoencoderKL': {'cosine_shortcut': False},
  'CodeTransformer': {'num_regions': 0},
  'MotionCodec': {'inner_size': 0, 'low_grid': False},
  'MotionTransformer': {'controls': [], 'with_past': False},
}
# Class -> a field of its second form, and values of the first form, which descriptions without that field have.
FIRST_FORMS = {'SampleAdaptiveWeighting': ('num_heads', {'pooled': True})}
# Removed statistic that changed the output of a network -> advice for its users.
STATISTICS = {
  'face_prior_prototype_voices': 'train the stages face_prior and portrait again, without prototypes',
}


def current_fields(class_name: str, fields: Mapping[str, Any], where: str) -> dict[str, Any]:
  """The fields of a network without the retired ones, and with the values of those that came later.

  Args:
    class_name: of the network.
    fields: as a release or a training run names them.
    where: file, for the message.

  Raises:
    CheckpointError: a retired field has a value that is no longer supported.
  """
  later, first_form = FIRST_FORMS.get(class_name, ('', {}))
  older = {} if not later or later in fields else first_form
  kept = {}
  for name, value in {**FIRST_VALUES.get(class_name, {}), **older, **fields}.items():
    retired = FIELDS.get((class_name, name))
    if retired is None:
      kept[name] = value
    elif retired.accepted is None or value != retired.accepted:
      raise CheckpointError(f'{class_name}.{name}={value} is no longer supported, {where}: {retired.instead}')
  return kept


def check_statistics(names: Iterable[str], where: str) -> None:
  """Checks that a release or a training run has no retired statistics.

  Raises:
    CheckpointError: it has one.
  """
  for name in names:
    if name in STATISTICS:
      raise CheckpointError(f'the statistic {name} is no longer supported, {where}: {STATISTICS[name]}')
