"""What a user did wrong, in one line; everything else is a fault of ours and stays a traceback."""

from __future__ import annotations


class InputError(Exception):
  """A mistake in what the user gave: `WHAT, WHERE, WHAT TO DO`, one line, shown without a traceback.

  The command line prints it as `error: ...` on stderr and exits with status 2.
  """

  def __init__(self, message: str):
    super().__init__(' '.join(str(message).split()))


class SpeechError(InputError):
  """The speech file is missing, not audio, empty, silent, too short or holds NaN samples."""


class PortraitError(InputError):
  """The given portrait is missing, not an image, or shows no face or several."""


class CheckpointError(InputError):
  """The checkpoint is unknown, damaged, or belongs to another configuration."""


class ConfigError(InputError):
  """A configuration value cannot be used; names the field and the value."""
