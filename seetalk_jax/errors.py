"""Error types for user mistakes, reported in one line. Any other exception is a bug and keeps its traceback."""

from __future__ import annotations


class InputError(Exception):
  """Invalid user input. The message is one line, `WHAT, WHERE, WHAT TO DO`, shown without a traceback.

  The command line prints it as `error: ...` on stderr and exits with status 2.
  """

  def __init__(self, message: str):
    super().__init__(' '.join(str(message).split()))


class SpeechError(InputError):
  """The speech file is missing, not audio, empty, silent, too short, or contains NaN samples."""


class PortraitError(InputError):
  """The portrait file is missing, is not an image, or shows no face or several faces."""


class CheckpointError(InputError):
  """The checkpoint is unknown, damaged, or belongs to another configuration."""


class ConfigError(InputError):
  """A configuration value is invalid; the message names the field and the value."""
