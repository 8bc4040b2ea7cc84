"""Interrupted training runs of earlier versions: their networks keep the form that they began with."""

from __future__ import annotations

import json
import pathlib

from seetalk_jax.constants import CHECKPOINTS_FOLDER, CONFIG_FILE
from seetalk_jax.releases import network_spec
from seetalk_jax.training.progress import print_message

_COMPUTATION = ('remat',)  # how a network is computed, and not what it is


def with_first_forms(config, workdir: str | pathlib.Path):
  """The configuration of a run, with the form of networks whose checkpoints an earlier version has written.

  Fields that came later are not in config.json of such a run. They get the values that a release without them has, see
  `network_spec.build`, and a message names those that change.

  Args:
    config: of the run.
    workdir: its directory.

  Returns:
    `config` itself where nothing changes, or a copy.

  Raises:
    CheckpointError: the run has a network of another class, or with a retired option.
  """
  path = pathlib.Path(workdir) / CONFIG_FILE
  if not path.exists() or not any((path.parent / CHECKPOINTS_FOLDER).glob('*')):
    return config
  for name, entry in json.loads(path.read_text()).get('networks', {}).items():
    first = network_spec.build(name, entry, str(path))
    for field, value in config.model.get(name, {}).items():
      begun_with = getattr(first, field, value)
      if field in entry['fields'] or begun_with == value or field in _COMPUTATION:
        continue
      config = config.copy_and_resolve_references()
      config.model[name][field] = begun_with
      print_message(f'{workdir} began with {field}={begun_with} of {name}, and goes on with it')
  return config
