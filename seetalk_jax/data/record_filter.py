"""Record filter: which real records a stage reads, by the size of their faces in the recording."""

from __future__ import annotations

import dataclasses

from seetalk_jax.data import schema
from seetalk_jax.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordFilter:
  """Limits that the records of a stage must meet; the defaults accept every record.

  Records without a measurement pass: rendered ones, and those that were prepared before it was stored.

  Attributes:
    min_side: minimum `source_side`, side of the portrait crop in pixels of the recording. Smaller crops are enlarged
      in the record, and a network that learns to draw details learns to draw blur.
    max_outside: maximum share of a frame outside of the recording's picture, where edge pixels are repeated, 0 to 1.

  Raises:
    InputError: a limit is out of its range.
  """

  min_side: int = 0
  max_outside: float = 1.0

  def __post_init__(self):
    if self.min_side < 0 or not 0 <= self.max_outside <= 1:
      raise InputError(
        f'min_side {self.min_side}, max_outside {self.max_outside}: use 0 or more pixels, and 0 to 1'
      )

  @property
  def accepts_all(self) -> bool:
    """Whether no record can fail."""
    return not self.min_side and self.max_outside == 1

  def accepts(self, record: schema.ClipRecord) -> bool:
    """Whether a record meets the limits."""
    if 0 < record.source_side < self.min_side:
      return False
    return self.max_outside == 1 or outside_share(record) <= self.max_outside

  def accepts_part(self, settings: dict) -> bool:
    """Whether a part of a corpus can have such records, by its settings in `corpus.json`."""
    return settings.get('largest_side', self.min_side) >= self.min_side

  def __str__(self) -> str:
    limits = [f'portrait crops of {self.min_side} pixels or more'] if self.min_side else []
    if self.max_outside < 1:
      limits.append(f'at most {100 * self.max_outside:g} % of the crop outside of the picture')
    return ' and '.join(limits)


def outside_share(record: schema.ClipRecord) -> float:
  """Largest share of a frame of the record that lies outside of the recording's picture, 0 to 1."""
  if record.picture_box is None or not len(record.picture_box):
    return 0.0
  left, top, right, bottom = record.picture_box.T
  return float(1.0 - ((right - left) * (bottom - top)).min())
