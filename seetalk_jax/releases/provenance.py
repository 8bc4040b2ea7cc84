"""Provenance of a network: its licence and its origin, combined from everything that it was made of.

Rule: a licence is stated or inherited, and otherwise 'unknown'. Apache-2.0 without a statement needs training by
this library on corpora of its synthetic world alone, from random weights or weights that are Apache-2.0, with no other
network involved that is not Apache-2.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

APACHE = 'Apache-2.0'  # of what is trained on the synthetic world alone
UNKNOWN = 'unknown'
NOT_STATED = 'origin not stated'

# Entries of a network in seetalk.json that travel with the network. `consent`: whose consent a network needs that was
# adapted to one person, as the user stated it.
NOTES = ('licence', 'origin', 'stage', 'steps', 'fresh', 'consent')


def combined_licence(licences: Iterable[str]) -> str:
  """The licence of a network that is made of parts with these licences.

  Returns:
    'Apache-2.0' if all parts are; the other licences joined by ' AND ' otherwise; 'unknown' for no parts.
  """
  parts = list(dict.fromkeys(part for licence in licences for part in licence.split(' AND ')))
  if not parts:
    return UNKNOWN
  return ' AND '.join(part for part in parts if part != APACHE) or APACHE


def extended_origin(origin: str, addition: str) -> str:
  """An origin with an addition at its end, once."""
  return origin if origin.endswith(addition) else f'{origin}; {addition}'


def notes_of(entry: Mapping[str, Any]) -> dict[str, Any]:
  """Licence, origin and other notes of a network's entry in seetalk.json."""
  stated = {'licence': UNKNOWN, 'origin': NOT_STATED}
  return {**stated, **{key: entry[key] for key in NOTES if entry.get(key) not in (None, '')}}


def notes_after_change(notes: Mapping[str, Any]) -> dict[str, Any]:
  """Notes of a network whose parameters a caller has replaced: by what data, nobody has stated."""
  kept = notes_of(notes)
  kept.pop('steps', None)
  kept['licence'] = combined_licence([kept['licence'], UNKNOWN])
  kept['origin'] = extended_origin(kept['origin'], 'parameters changed outside of seetalk-jax training')
  return kept
