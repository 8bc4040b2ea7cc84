"""Training of one stage, or of all stages in order; run it again to resume an interrupted run.

    python train.py --config configs/conre.py:demo --workdir runs/conre
    python train.py --config configs/portrait.py:demo --workdir runs/portrait \
        --config.init.speech_encoder=runs/conre --config.init.autoencoder=runs/autoencoder
    python train.py --config configs/all.py:demo --workdir runs/demo

Any field of the configuration is a flag: --config.optimizer.learning_rate=3e-4, --config.max_minutes=5.
"""

from __future__ import annotations

import pathlib
import sys

from absl import app, flags, logging
from ml_collections import config_flags

from seetalk_jax.errors import InputError, explain_system_error

_CONFIG = config_flags.DEFINE_config_file('config', None, 'configs/STAGE.py:VARIANT', lock_config=True)
_WORKDIR = flags.DEFINE_string('workdir', None, 'Directory of the run: checkpoints, metrics, samples.')
_DISTRIBUTED = flags.DEFINE_bool(
  'distributed',
  False,
  'One of several processes; TPU pods, SLURM, Open MPI and Kubernetes are found by themselves.',
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator', '', 'HOST:PORT of process 0, where nothing is found by itself.'
)
_NUM_PROCESSES = flags.DEFINE_integer('num_processes', 0, 'How many processes there are, with --coordinator.')
_PROCESS_ID = flags.DEFINE_integer('process_id', -1, 'Which one this is, with --coordinator.')
_DRY_RUN = flags.DEFINE_bool('dry_run', False, 'Reads data, compiles the step, says what it needs, and ends.')


def main(argv: list[str]) -> int:
  """Returns the exit status.

  0: finished. 1: values that are not finite. 2: user error. 75: another process of the run was lost (can be resumed;
  JAX aborts a process that waits for a lost one for a minute). 128 + number: stopped by a signal (can be resumed).
  """
  if not flags.FLAGS['verbosity'].present:
    logging.set_verbosity(logging.WARNING)  # Orbax logs every thread
  try:
    if len(argv) > 1:
      raise InputError(f'unexpected argument {argv[1]!r}: see --help')
    return _run(_CONFIG.value, _WORKDIR.value)
  except InputError as e:
    return _fail(e)
  except FloatingPointError as e:  # NonFiniteError: says what, when and where to go on from
    _fail(e)
    return 1
  except OSError as e:
    if (line := explain_system_error(e)) is None:
      raise
    return _fail(InputError(line))


def _run(config, workdir: str) -> int:
  if config.stage == 'all':
    from seetalk_jax.training import all_stages  # starts one process per stage, and no device itself

    return all_stages.run(config, workdir, pathlib.Path(__file__).resolve())
  import jax

  from seetalk_jax.inference import devices
  from seetalk_jax.training import hosts, loop

  if _DISTRIBUTED.value or _COORDINATOR.value:
    hosts.initialize(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
  devices.check_platform()
  try:
    outcome = loop.train(config, workdir, dry_run=_DRY_RUN.value)
  except Exception as e:
    hosts.leave(e)
  if jax.process_index() == 0:
    took = f'{outcome.step} steps, {outcome.minutes:.1f} minutes'
    print(f'{config.stage}: {took}, stopped by {outcome.reason}: {workdir}')
  return 128 + outcome.signal if outcome.reason == 'signal' and outcome.signal else 0


def _parse(argv: list[str]) -> list[str]:
  try:
    left = flags.FLAGS(argv)
    for flag in (_CONFIG, _WORKDIR):
      if flag.value is None:
        raise InputError(f'--{flag.name} is missing: see --help')
    str(_CONFIG.value.stage)  # a configuration that failed to load raises here
    return left
  except (flags.Error, InputError, AttributeError, ValueError, TypeError, OSError) as e:
    sys.exit(_fail(e))


def _fail(error: Exception) -> int:
  text = str(error).strip()
  if error.args and isinstance(error.args[0], KeyError):  # ml_collections' locked dicts
    text = f'the configuration has no field {error.args[0].args[0]}, --config: see its file in configs/'
  if 'Traceback' in text:  # config_flags quotes the traceback; its last line is the message
    text = text.splitlines()[-1].partition(': ')[2]
  print('error: ' + ' '.join(text.split()), file=sys.stderr)
  return 2


if __name__ == '__main__':
  app.run(main, flags_parser=_parse)
