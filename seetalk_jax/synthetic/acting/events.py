"""Events between sentences: laughs, sighs, coughs, hesitations and audible breaths, with their times."""

from __future__ import annotations

import enum
from typing import NamedTuple


class EventKind(enum.StrEnum):
  """Kinds of events. An event has a sound and a motion of the face; it lies in a pause of the speech."""

  LAUGH = 'laugh'
  SIGH = 'sigh'
  COUGH = 'cough'
  HESITATION = 'hesitation'
  BREATH = 'breath'


class Event(NamedTuple):
  """Event and its time in seconds.

  Attributes:
    kind: an `EventKind` or its value, such as 'laugh'.
    start_s: start of the sound in seconds.
    end_s: end of the sound in seconds.
  """

  kind: str
  start_s: float
  end_s: float
