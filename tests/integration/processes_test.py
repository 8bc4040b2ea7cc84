"""Multi-process training on one machine: results equal those of one process; the end of one process."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import toy_stage

from seetalk_jax.errors import ConfigError
from seetalk_jax.sharding import device_mesh
from seetalk_jax.training import checkpoint, hosts, loop
from seetalk_jax.training.metrics_writer import read_metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]


def train(workdir, **changes):
  toy_stage.register()
  return loop.train(toy_stage.get_config(**changes), workdir, make_batches=toy_stage.make_batches)


def weights(workdir):
  with checkpoint.Checkpoints(workdir) as saved:
    return saved.latest, saved.read(('params', 'ema_params', 'opt_state', 'statistics'))


def assert_close(a, b, tolerance=1e-5):
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=tolerance, rtol=tolerance), a, b)


def free_port():
  with socket.socket() as s:
    s.bind(('localhost', 0))
    return s.getsockname()[1]


class Run:
  """Processes that are always killed at the end."""

  def __init__(self, workdir, count, *changes, own=(), devices=1):
    port = free_port()
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu'}
    flags = os.environ.get('XLA_FLAGS', '')
    environment['XLA_FLAGS'] = f'{flags} --xla_force_host_platform_device_count={devices}'
    program = str(ROOT / 'tests/helpers/toy_stage.py')
    self.processes = []
    for number in range(count):
      more = own[number] if own else ()
      meet = [f'meet=({port},{count},{number})'] if count > 1 else []
      command = [sys.executable, program, str(workdir), *meet, *changes, *more]
      self.processes.append(
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
      )

  def __enter__(self):
    return self

  def __exit__(self, *_):
    for process in self.processes:
      process.kill()
      process.wait()

  def ends(self, seconds=300):
    """[(status, last line of stdout, stderr)] of all processes."""
    found = []
    for process in self.processes:
      out, err = process.communicate(timeout=seconds)
      # Gloo prints its connections on stdout.
      found.append((process.returncode, out.strip().rpartition('\n')[2], err))
    return found

  def wait_for(self, condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
      for process in self.processes:
        assert process.poll() is None, process.communicate()
      assert time.monotonic() < deadline
      time.sleep(0.05)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  """An uninterrupted run of eight steps in one process."""
  workdir = tmp_path_factory.mktemp('whole')
  train(workdir)
  return weights(workdir)


@pytest.mark.slow
@pytest.mark.parametrize('count, mesh', [(2, ()), (2, ('mesh.tensor=2',)), (4, ('mesh.fsdp=2',))])
def test_processes_train_as_one(whole, tmp_path, count, mesh):
  with Run(tmp_path, count, *mesh) as run:
    ends = run.ends()
  assert [status for status, *_ in ends] == [0] * count, ends
  assert [out for _, out, _ in ends] == ['num_steps 8'] * count
  step, found = weights(tmp_path)
  assert step == 8
  assert_close(found, whole[1])
  assert sorted(p.name for p in (tmp_path / 'samples').iterdir()) == ['0000004.png', '0000008.png']


@pytest.mark.slow
def test_a_preempted_run_saves_together_and_one_process_goes_on(whole, tmp_path):
  with Run(tmp_path, 2, 'delay=0.3', 'checkpoint_every=100') as run:
    run.wait_for(lambda: (tmp_path / 'metrics.jsonl').exists() and (tmp_path / 'metrics.jsonl').read_text())
    run.processes[1].send_signal(signal.SIGTERM)
    ends = run.ends()
  assert [status for status, *_ in ends] == [0, 0], ends
  assert len({out for _, out, _ in ends}) == 1 and ends[0][1].startswith('signal')
  step, _ = weights(tmp_path)
  assert 2 <= step < 8 and ends[0][1].split() == ['signal', str(step)]
  assert train(tmp_path).step == 8
  assert_close(weights(tmp_path)[1], whole[1])


@pytest.mark.slow
def test_when_one_is_killed_the_others_end_and_the_restart_goes_on(whole, tmp_path):
  with Run(tmp_path, 2, 'delay=0.2', 'checkpoint_every=2') as run:
    run.wait_for(lambda: (tmp_path / 'checkpoints' / '2').exists())
    run.processes[1].kill()
    began = time.monotonic()
    status, _, err = run.ends()[0]
    assert status == hosts.LOST_STATUS and time.monotonic() - began < 60, err
    assert err.strip().splitlines()[-1].startswith('error: process 0 of 2 on'), err
  with Run(tmp_path, 2, 'checkpoint_every=2') as run:
    assert [status for status, *_ in run.ends()] == [0, 0]
  assert_close(weights(tmp_path)[1], whole[1])


@pytest.mark.slow
def test_devices_and_hosts_may_change_at_every_restart(tmp_path):
  """Killed on eight devices, then on two, then on two hosts of two: batches continue, the result is equal."""
  shape = ('checkpoint_every=2', 'log_every=1', 'num_steps=12')
  train(tmp_path / 'whole', checkpoint_every=2, log_every=1, num_steps=12)
  broken = tmp_path / 'broken'
  for saved, count, devices, mesh in [
    (2, 1, 8, ('mesh.fsdp=4',)),
    (4, 1, 2, ('mesh.tensor=2',)),
    (6, 2, 2, ('mesh.fsdp=2', 'mesh.tensor=2')),
  ]:
    with Run(broken, count, *shape, *mesh, 'delay=0.3', devices=devices) as run:
      run.wait_for(lambda saved=saved: (broken / 'checkpoints' / str(saved)).exists())
  with Run(broken, 1, *shape, devices=4) as run:
    ((status, out, err),) = run.ends()
    assert (status, out) == (0, 'num_steps 12'), err
  step, found = weights(broken)
  assert step == 12
  assert_close(found, weights(tmp_path / 'whole')[1])
  # The mean target of every batch: the same data in the same order, regardless of the reading process.
  order, wanted = (
    {line['step']: line['target'] for line in read_metrics(folder) if 'target' in line}
    for folder in (broken, tmp_path / 'whole')
  )
  assert order.keys() == wanted.keys() == set(range(1, 13))
  np.testing.assert_allclose([order[i] for i in order], [wanted[i] for i in order], rtol=1e-5)


@pytest.mark.slow
def test_processes_that_differ_are_told_apart(tmp_path):
  with Run(tmp_path, 2, own=((), ('optimizer.b1=0.5',))) as run:
    ends = run.ends()
  for status, _, err in ends:
    assert status != 0
    assert 'the configuration of process 1 on' in err and 'is not that of process 0' in err


def test_a_lost_process_is_told_from_faults_of_ones_own():
  gone = jax.errors.JaxRuntimeError('UNKNOWN: Gloo AllGather failed: Read error: Connection reset by peer')
  save = TimeoutError('Timed out while waiting for async_write_complete barrier.')
  assert all(map(hosts.lost_another, (gone, save, ValueError(*gone.args))))
  try:
    try:
      raise gone
    except jax.errors.JaxRuntimeError as e:
      raise ValueError('the checkpoint could not be closed') from e
  except ValueError as e:
    assert hosts.lost_another(e)
  for own in (
    BrokenPipeError('Broken pipe'),
    jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory'),
  ):
    assert not hosts.lost_another(own)


def test_what_must_be_alike(tmp_path):
  own = hosts.describe_run(toy_stage.get_config())
  assert own == hosts.describe_run(toy_stage.get_config())
  other = hosts.describe_run(toy_stage.get_config(seed=1))
  assert {name for name in own if own[name] != other[name]} == {'configuration'}
  hosts.check_alike(toy_stage.get_config())  # a single process has no other configuration to compare with


def test_coordinator_number_and_count_come_together():
  for given in (('localhost:1', 0, -1), ('', 2, 0), ('localhost:1', 2, 2)):
    with pytest.raises(ConfigError, match='give --coordinator=HOST:PORT'):
      hosts.initialize(*given)


def test_rows_are_those_of_the_own_devices():
  mesh = device_mesh.make_mesh(devices=jax.devices()[:1])
  np.testing.assert_array_equal(hosts.local_rows(device_mesh.batch_sharding(mesh), 6), np.arange(6))


def test_slices_lie_along_the_data_axis():
  class Chip:
    platform = 'tpu'
    device_kind = 'TPU v4'

    def __init__(self, number):
      self.id, self.slice_index, self.process_index = number, number // 4, number // 4
      self.coords, self.core_on_chip = (number % 2, number // 2 % 2, 0), 0

  chips = [Chip(i) for i in range(8)]
  found = device_mesh.mesh_devices(chips, (2, 4, 1))
  assert found.shape == (2, 4, 1)
  assert [{chip.slice_index for chip in row.flat} for row in found] == [{0}, {1}]
  assert device_mesh.mesh_devices(chips[:4], (1, 4, 1)) is None
  with pytest.raises(ConfigError, match='a multiple of 2'):
    device_mesh.mesh_devices(chips, (1, 8, 1))
