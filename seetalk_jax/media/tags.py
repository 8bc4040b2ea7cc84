"""Metadata tags of media files (title, comment, ...) as text that can be printed and encoded."""

from __future__ import annotations

import re
from collections.abc import Mapping

SYNTHETIC = 'Synthetic media'  # first words of the comment of everything that this library makes
_LONE_SURROGATE = re.compile('[\ud800-\udfff]')


def clean(tags: Mapping[str, str]) -> dict[str, str]:
  """Replaces lone surrogates, which represent bytes that are not UTF-8, by U+FFFD."""
  return {_clean(key): _clean(value) for key, value in tags.items()}


def _clean(text: str) -> str:
  return _LONE_SURROGATE.sub('\ufffd', text)
