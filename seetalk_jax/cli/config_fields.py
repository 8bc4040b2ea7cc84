"""Configurations of the commands `train` and `evaluate`: --config NAME:VARIANT and --config.FIELD=VALUE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seetalk_jax.errors import InputError

CONFIG_HELP = (
  'configuration: NAME:VARIANT of those that come with the library, or FILE.py:VARIANT; fields of it follow as '
  '--config.FIELD=VALUE'
)


def read(config: str, fields: Sequence[str]) -> Any:
  """The locked configuration of a command.

  Args:
    config: NAME:VARIANT or FILE.py:VARIANT; see `config_files.find`.
    fields: the other flags, which argparse does not know: --config.FIELD=VALUE, and those of absl's logging.

  Raises:
    InputError: no such configuration, variant, field or flag, or a value of another type.
  """
  from absl import flags, logging
  from ml_collections import config_flags

  from seetalk_jax.training import config_files

  name, _, variant = config.partition(':')
  file = config_files.find(name)
  values = flags.FlagValues()
  arguments = ['seetalk', f'--config={file}{f":{variant}" if variant else ""}', *fields]
  try:
    config_flags.DEFINE_config_file('config', flag_values=values, lock_config=True, sys_argv=arguments)
    left = flags.FLAGS(values(arguments, known_only=True))
    if len(left) > 1:
      raise InputError(f'unexpected argument {left[1]!r}, command line: see --help')
    found = values.config
    str(found.get('stage'))  # a configuration that failed to load raises here
  except (flags.Error, AttributeError, KeyError, ValueError, TypeError, OSError) as error:
    raise InputError(_explain(error)) from error
  logging.use_absl_handler()
  if not flags.FLAGS['verbosity'].present:
    logging.set_verbosity(logging.WARNING)  # Orbax logs every thread
  return found


def _explain(error: Exception) -> str:
  text = str(error).strip()
  if error.args and isinstance(error.args[0], KeyError):  # ml_collections' locked dicts
    text = f'the configuration has no field {error.args[0].args[0]}, --config: see its file in configs/'
  if 'Traceback' in text:  # config_flags quotes the traceback; its last line is the message
    text = text.splitlines()[-1].partition(': ')[2]
  return ' '.join(text.split())
