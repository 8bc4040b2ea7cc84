"""Portrait frames: the frame of a clip that is most frontal and neutral, with open eyes and a closed mouth."""

from __future__ import annotations

import numpy as np

from seetalk_jax.constants import MOTION_FIELDS
from seetalk_jax.data import record_filter, schema
from seetalk_jax.data.transforms import Beside

# Records (seconds) on either side that are searched. Clips of `seetalk prepare` have at most 10 s by default, so all
# records of a clip find the same frame. Reading longer clips whole for every element would cost too much.
REACH = 10

# Fields of the motion vector, by how their names begin -> deviation that costs as much as any other of these. The
# first fitting row counts. A turn by 9 degrees is as bad as a slightly open mouth or half closed eyes.
_SCALES = {
  'yaw': 0.15,  # radians
  'pitch': 0.15,
  'roll': 0.15,
  'shift': np.inf,  # the place in the picture
  'jawOpen': 0.1,
  'mouthLowerDown': 0.2,  # parted lips
  'mouthUpperUp': 0.2,
  'eyeBlink': 0.3,
  'mouth': 0.3,  # smiles and the shapes of speech
  'jaw': 0.3,
  'tongue': 0.3,
  '': 0.5,  # gaze, brows, cheeks, nose
}
_PER_FIELD = np.array(
  [next(scale for start, scale in _SCALES.items() if name.startswith(start)) for name in MOTION_FIELDS],
  np.float32,
)


def portrait_cost(motion: np.ndarray) -> np.ndarray:
  """How far faces are from a frontal, neutral one with open eyes and a closed mouth; 0 is that face.

  Args:
    motion: motion vectors `[n, 58]` (`constants.MOTION_FIELDS`). Fields that are not measured are 0, and do not count.

  Returns:
    float32 `[n]`: the sum of squared deviations, each in units of what is just acceptable.
  """
  return np.square(motion / _PER_FIELD).sum(axis=-1)


def find_portrait(
  record: schema.ClipRecord,
  beside: Beside,
  accepted: record_filter.RecordFilter = record_filter.RecordFilter(),  # noqa: B008 (frozen)
) -> tuple[schema.ClipRecord, int]:
  """The frame of the clip of `record` that serves as the portrait of its person.

  The prior, the portrait stage and all others that need a portrait take this one.

  Args:
    record: any record of the clip. Frame 0 of rendered records is their portrait.
    beside: see `transforms`.
    accepted: filter; refused records of the clip are no portraits.

  Returns:
    (record of the clip, index of the frame in it): the frame of lowest `portrait_cost`, of equal ones the earliest.
    Frame 0 of `record` where no motion is known.
  """
  if record.truth is not None:
    return record, 0
  found = [
    (record, cost)
    for record, cost in map(_costs, _clip(record, beside))
    if cost is not None and accepted.accepts(record)
  ]
  if not found:
    return record, 0
  best, cost = min(found, key=lambda pair: pair[1].min())
  return best, int(np.argmin(cost))


def _costs(record: schema.ClipRecord) -> tuple[schema.ClipRecord, np.ndarray | None]:
  known = record.motion is not None and len(record.frames)
  return record, portrait_cost(record.motion) if known else None


def _clip(record: schema.ClipRecord, beside: Beside) -> list[schema.ClipRecord]:
  """The records of the same clip, in order, at most `REACH` away on either side."""
  records = [record]
  for step in range(1, REACH + 1):
    before = beside(-step)
    if before is None or not schema.follows(records[0], before):
      break
    records.insert(0, before)
  for step in range(1, REACH + 1):
    after = beside(step)
    if after is None or not schema.follows(after, records[-1]):
      break
    records.append(after)
  return records
