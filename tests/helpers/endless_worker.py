"""Worker of a process pool that does not finish in time; a stand-in for a long recording."""

import pathlib
import time


def start(*arguments):
  """The initializer of the pool; does nothing."""


def work(item):
  """Creates the file `item` and sleeps."""
  pathlib.Path(item).touch()
  time.sleep(60)
