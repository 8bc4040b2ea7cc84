"""Joined ogg and flac files: byte ranges of their parts. libsndfile reads only the first part of such a file."""

from __future__ import annotations

import mmap
import os
import re

_FLAC_START = re.compile(rb'fLaC[\x00\x80]\x00\x00\x22')  # with the header of the stream's description
_OGG_PAGE = re.compile(rb'OggS\x00([\x00-\x07])')
_OGG_FIRST = 2  # flag of the first page of a stream


def parts(path: str | os.PathLike) -> list[tuple[int, int]]:
  """Returns the byte ranges (start, stop) of the ogg or flac files that a file consists of; [] for other files."""
  with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
    if data[:4] == b'fLaC':
      starts = [found.start() for found in _FLAC_START.finditer(data)]
    elif data[:4] == b'OggS':
      starts = _ogg_starts(data)
    else:
      return []
    return list(zip(starts, [*starts[1:], len(data)], strict=True))


def _ogg_starts(data: mmap.mmap) -> list[int]:
  """First pages that follow other pages; several streams of one ogg file begin one after the other."""
  starts, before = [], False
  for page in _OGG_PAGE.finditer(data):
    first = bool(page[1][0] & _OGG_FIRST)
    if first and not before:
      starts.append(page.start())
    before = first
  return starts
