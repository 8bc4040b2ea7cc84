"""Devices: environment variables that ask for a platform that the machine lacks are one line, or the CPU is used."""

import os
import pathlib
import subprocess
import sys
import types

import jax
import pytest

from seetalk_jax.errors import InputError
from seetalk_jax.inference import devices
from seetalk_jax.testing import tiny_release

ROOT = pathlib.Path(__file__).resolve().parents[2]
MISSING = [('JAX_PLATFORMS', 'cuda'), ('JAX_PLATFORMS', 'tpu'), ('JAX_PLATFORM_NAME', 'gpu')]

needs_no_accelerator = pytest.mark.skipif(
  os.path.exists('/dev/nvidiactl') or os.path.exists('/dev/accel0'), reason='has an accelerator'
)


def run(name, value, *command):
  """Runs a Python process with a variable; the other one is not set."""
  environment = {key: text for key, text in os.environ.items() if key not in dict(MISSING)}
  environment |= {name: value, 'PYTHONPATH': str(ROOT)}
  return subprocess.run(
    [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=120, cwd=ROOT
  )


FIND = """
import sys
import jax
from seetalk_jax.errors import InputError
from seetalk_jax.inference import devices
for device in (None, 'gpu'):
  try:
    devices.find_device(device)
  except InputError as error:
    print(error)
print(devices.find_device('cpu').platform, jax.default_backend(), jax.random.key(0).devices())
"""


@needs_no_accelerator
@pytest.mark.parametrize('name, value', MISSING)
def test_the_cpu_is_found_and_other_devices_are_one_line(name, value):
  done = run(name, value, '-c', FIND)
  assert done.returncode == 0, done.stderr
  first, second, found = done.stdout.splitlines()
  assert first == second and f'{name}={value}' in first and '--device cpu' in first
  assert found == 'cpu cpu {CpuDevice(id=0)}'


@needs_no_accelerator
@pytest.mark.parametrize(
  'command',
  [
    ['-m', 'seetalk_jax', 'corpus', '{tmp}', '--num', '2', '--sketch', '--quiet'],
    ['train.py', '--config', 'configs/conre.py:tiny', '--workdir', '{tmp}/run'],
    ['evaluate.py', '--workdir', '{tmp}', '--only', 'none'],
  ],
)
def test_commands_fail_in_one_line(command, tmp_path):
  done = run('JAX_PLATFORMS', 'cuda', *(word.replace('{tmp}', str(tmp_path)) for word in command))
  assert (done.returncode, done.stdout) == (2, ''), done.stderr
  assert done.stderr.startswith('error: JAX has no such device here, JAX_PLATFORMS=cuda: ')
  assert done.stderr.count('\n') == 1


def test_a_missing_platform_inside_a_command_is_one_line(monkeypatch, capsys):
  from seetalk_jax.cli import main
  from seetalk_jax.releases import storage

  def fail(*args):
    raise RuntimeError('Unknown backend')

  monkeypatch.setattr(storage, 'read_info', fail)
  with pytest.raises(RuntimeError):  # a bug
    main.main(['info', 'demo'])
  monkeypatch.setenv('JAX_PLATFORM_NAME', 'gpu')
  monkeypatch.setattr(jax, 'devices', fail)
  assert main.main(['info', 'demo']) == 2
  assert capsys.readouterr().err.startswith('error: JAX has no such device here')


def test_a_device_is_returned_unchanged():
  device = jax.devices()[0]
  assert devices.find_device(device) is device
  assert devices.find_device(None) == devices.find_device('cpu') == device
  with pytest.raises(InputError, match='no tpu here'):
    devices.find_device('tpu')


def test_the_pipeline_loads_on_the_cpu():
  assert tiny_release.load(tiny_release.shared(), 'cpu').device.platform == 'cpu'


@pytest.mark.parametrize(
  ('platform', 'cores', 'calls'), [('cpu', 1, 1), ('cpu', 2, 2), ('cpu', 4, 4), ('cpu', 16, 1), ('gpu', 2, 1)]
)
def test_few_cores_run_calls_side_by_side(monkeypatch, platform, cores, calls):
  monkeypatch.setattr(os, 'sched_getaffinity', lambda process: set(range(cores)), raising=False)
  assert devices.parallel_calls(types.SimpleNamespace(platform=platform)) == calls
