"""Store of finished measurements: one file per video, so that a killed evaluation goes on with what is missing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import numpy as np

from seetalk_jax.evaluation import disk_cache
from seetalk_jax.evaluation.videos.measuring import Measured

_VALUES = 'values'


class Store:
  """Results in `folder`, by a key of everything that they depend on.

  Args:
    folder: created when the first result is written.
    settings: what all results depend on: protocol and checksums of the networks.
  """

  def __init__(self, folder: str, settings: object):
    self._folder, self._settings = folder, settings
    self.computed = 0  # results that were not in the store

  def get(self, name: str, identity: object, compute: Callable[[], Measured]) -> Measured:
    """The result of this key, from its file, or computed and written.

    Args:
      name: for the file's name.
      identity: what this result depends on besides the settings.
      compute: makes the result.
    """
    path = os.path.join(self._folder, f'{name}-{disk_cache.digest([self._settings, identity])}.npz')

    def make() -> Measured:
      self.computed += 1
      return compute()

    return disk_cache.cached(path, make, _save, _load)


def _save(path: str, measured: Measured) -> None:
  values = np.array(json.dumps(measured.values))
  disk_cache.save_arrays(path, {**measured.arrays, _VALUES: values})


def _load(path: str) -> Measured:
  arrays = disk_cache.load_arrays(path)
  values = json.loads(str(arrays.pop(_VALUES)))
  return Measured({name: float(value) for name, value in values.items()}, arrays)
