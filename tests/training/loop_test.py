"""Training loop: resume, kill, NaN stop, time budget, initial weights, passes."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import toy_stage

from seetalk_jax.errors import CheckpointError, ConfigError
from seetalk_jax.training import checkpoint, initial_weights, loop, run_result
from seetalk_jax.training.metrics_writer import read_metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def toy():
  toy_stage.register()
  toy_stage.ToyBatches.seen = []


def train(workdir, **changes):
  return loop.train(toy_stage.get_config(**changes), workdir, make_batches=toy_stage.make_batches)


def test_statistics_that_do_not_fit_the_options_are_refused_at_the_start_and_on_resuming(
  tmp_path, monkeypatch
):
  def check(stage, statistics):
    if not float(statistics['toy_net']['mean'].mean()) < stage.noise:
      raise ConfigError('another noise')

  monkeypatch.setattr(toy_stage.ToyStage, 'check_statistics', check)
  with pytest.raises(ConfigError, match='another noise'):
    train(tmp_path / 'new', **{'options.noise': -2.0})
  train(tmp_path / 'run', **{'num_steps': 4})
  with pytest.raises(ConfigError, match='another noise'):
    train(tmp_path / 'run', **{'options.noise': -2.0})
  assert train(tmp_path / 'run').step == 8


def weights(workdir):
  with checkpoint.Checkpoints(workdir) as saved:
    return saved.read(('params', 'ema_params', 'opt_state', 'collections', 'statistics'))


def assert_close(a, b, tolerance=1e-6):
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=tolerance, rtol=tolerance), a, b)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  """An uninterrupted run of eight steps."""
  toy_stage.register()
  toy_stage.ToyBatches.seen = []
  workdir = tmp_path_factory.mktemp('whole')
  train(workdir, num_steps=8)
  return workdir, list(toy_stage.ToyBatches.seen)


def test_restart_changes_nothing(whole, tmp_path, monkeypatch):
  # The schedule must be that of the whole run, so a signal ends the first half, not num_steps.
  real = loop.reason_to_stop

  def stop_at_four(clock, signals, step):
    return 'signal' if step >= 4 else real(clock, signals, step)

  monkeypatch.setattr(loop, 'reason_to_stop', stop_at_four)
  first = train(tmp_path, num_steps=8)
  assert (first.reason, first.step) == ('signal', 4)
  assert checkpoint.read_result(tmp_path) is None
  monkeypatch.setattr(loop, 'reason_to_stop', real)
  second = train(tmp_path, num_steps=8)
  assert (second.reason, second.step) == ('num_steps', 8)
  prepared = [0, 1]
  # Each run also reads one held-out batch; statistics are computed only once.
  assert toy_stage.ToyBatches.seen == [*prepared, 0, 0, 1, 2, 3, 0, 4, 5, 6, 7]
  assert whole[1] == [*prepared, 0, *range(8)]
  assert_close(weights(tmp_path), weights(whole[0]))
  a, b = read_metrics(tmp_path), read_metrics(whole[0])
  assert [line['step'] for line in a] == [line['step'] for line in b]
  assert [line['loss'] for line in a if 'loss' in line] == pytest.approx(
    [line['loss'] for line in b if 'loss' in line], rel=1e-6
  )


def test_what_a_run_leaves(whole):
  workdir = whole[0]
  lines = read_metrics(workdir)
  assert [line['step'] for line in lines if 'loss' in line] == [2, 4, 6, 8]
  assert [line['step'] for line in lines if 'held_out/loss' in line] == [4, 8]
  assert {'grad_norm', 'learning_rate', 'extra', 'minutes', 'steps_per_second'} <= lines[0].keys()
  assert sorted(p.name for p in (workdir / 'samples').iterdir()) == ['0000004.png', '0000008.png']
  assert sorted(p.name for p in (workdir / 'checkpoints').iterdir() if p.name.isdigit()) == ['4', '8']
  assert json.loads((workdir / 'result.json').read_text())['reason'] == 'num_steps'


def test_already_trained_says_so(whole):
  with pytest.raises(ConfigError, match='already trained.*step 8'):
    train(whole[0], num_steps=8)


def test_untrainable_leaves_stay(whole):
  params = weights(whole[0])['params']['toy_net']
  np.testing.assert_array_equal(params['norm']['scale'], 1.0)
  assert np.any(params['conv_in']['bias'] != 0.0)


def test_collections_move(whole):
  assert weights(whole[0])['collections']['toy_net']['counts']['calls'] == 8


def test_stage_result_serves_the_next_stage(whole, tmp_path):
  result = initial_weights.load_trained_stage(whole[0])
  assert result.modules()['toy_net'] == toy_stage.ToyNet(width=16)
  assert result.step == 8 and set(result.statistics) == {'toy_net'}
  # Training continues from these weights: the EMA of the first step starts there.
  train(tmp_path / 'on', num_steps=1, **{'init.toy_net': str(whole[0]), 'optimizer.learning_rate': 0.0})
  assert_close(weights(tmp_path / 'on')['params'], result.params)
  assert weights(tmp_path / 'on')['collections']['toy_net']['counts']['calls'] == 9


def test_wrong_checkpoints_are_named(whole, tmp_path):
  with pytest.raises(CheckpointError, match='is not a training run'):
    train(tmp_path / 'a', **{'init.toy_net': str(tmp_path)})
  with pytest.raises(CheckpointError, match='has no toy_given, it holds toy_net'):
    train(tmp_path / 'b', **{'init.toy_given': str(whole[0])})


def test_restore_error_names_path_and_shapes(whole):
  with pytest.raises(CheckpointError, match=r'params/toy_net/conv_in/bias is \(16,\).*but \(24,\)'):
    train(whole[0], num_steps=9, **{'model.toy_net.width': 24})


def test_nan_stop_names_metric_and_step(tmp_path):
  message = 'extra is nan.*loss is nan.*at step 6; last good checkpoint: step 4'
  with pytest.raises(run_result.NonFiniteError, match=message):
    train(tmp_path, num_steps=8, **{'options.nan_at': 5})
  with checkpoint.Checkpoints(tmp_path) as saved:
    assert saved.latest == 4


def test_the_first_bad_tensor_is_named(tmp_path):
  message = 'grad_norm is (nan|inf).*at step 3; .*first bad tensor: gradient of toy_net/widen/kernel'
  with pytest.raises(run_result.NonFiniteError, match=message):
    train(tmp_path, num_steps=8, **{'options.bad_gradient_at': 2})


def test_pieces_of_a_batch_give_the_gradient_of_the_whole(tmp_path):
  # The parameters would hide it because of Adam; the moments of the first step are the gradient itself.
  found = []
  for pieces in (1, 2, 4):
    workdir = tmp_path / str(pieces)
    train(workdir, num_steps=1, accumulate=pieces, **{'options.noise': 0.0, 'optimizer.max_grad_norm': 1e9})
    found.append(weights(workdir))
  for other in found[1:]:
    moments = [jax.tree.leaves(tree['opt_state']) for tree in (found[0], other)]
    for a, b in zip(*moments, strict=True):
      np.testing.assert_allclose(a, b, atol=1e-5 * max(1e-3, np.abs(a).max()))
  assert [tree['collections']['toy_net']['counts']['calls'] for tree in found] == [1, 2, 4]
  with pytest.raises(ConfigError, match='batch_size=8 is no multiple of 3'):
    train(tmp_path / 'three', accumulate=3)


def test_parts_have_learning_rates_of_their_own(tmp_path):
  changes = {'optimizer.weight_decay': 0.0, 'optimizer.warmup_steps': 0, 'num_steps': 1}
  train(tmp_path / 'same', **changes)
  rates = (('toy_net/conv_in', 0), ('toy_net', 0.5), ('toy_net/widen/bias', 1))
  train(tmp_path / 'own', **changes, **{'optimizer.rates': rates})
  train(tmp_path / 'none', **changes, **{'optimizer.learning_rate': 0.0})
  start, same, own = (weights(tmp_path / name)['params']['toy_net'] for name in ('none', 'same', 'own'))
  for part, factor in (
    ('conv_in/kernel', 0.0),
    ('widen/kernel', 0.5),
    ('project/kernel', 0.5),
    ('widen/bias', 1.0),
  ):
    layer, name = part.split('/')
    moved = [tree[layer][name] - start[layer][name] for tree in (same, own)]
    assert np.abs(moved[0]).max() > 1e-4
    # The norm of clipping leaves conv_in out, which Adam's epsilon shows where gradients are tiny.
    np.testing.assert_allclose(moved[1], factor * moved[0], atol=1e-5)
  with pytest.raises(ConfigError, match='optimizer.rates: no trained parameter begins with unet'):
    train(tmp_path / 'wrong', **{'optimizer.rates': (('unet', 0.1),)})
  for wrong in (-1, '0.1', float('inf')):
    with pytest.raises(ConfigError, match='config.optimizer.rates=.* is not allowed: .*factors of 0 or more'):
      train(tmp_path / 'wrong', **{'optimizer.rates': (('toy_net', wrong),)})


def kept(workdir):
  return sorted(int(p.name) for p in (workdir / 'checkpoints').iterdir() if p.name.isdigit())


def test_which_checkpoints_stay(tmp_path):
  often = {'num_steps': 10, 'checkpoint_every': 1, 'sample_every': 1, 'keep_checkpoints': 1}
  train(tmp_path / 'every', **often, keep_every=4)
  assert kept(tmp_path / 'every') == [4, 8, 10]
  for way, pick in (('max', np.argmax), ('min', np.argmin)):
    workdir = tmp_path / way
    train(
      workdir, **often, **{'keep_best.metric': 'loss', 'keep_best.mode': way, 'optimizer.learning_rate': 0.3}
    )
    losses = {
      line['step']: line['held_out/loss'] for line in read_metrics(workdir) if 'held_out/loss' in line
    }
    best = list(losses)[int(pick(list(losses.values())))]
    assert kept(workdir) == sorted({best, 10})
  with pytest.raises(ConfigError, match="keep_best.metric='beauty' is unknown: use one of .*loss"):
    train(tmp_path / 'other', **often, **{'keep_best.metric': 'beauty'})
  with pytest.raises(ConfigError, match="config.keep_best.mode='most' is unknown: use max or min"):
    train(tmp_path / 'most', **{'keep_best.metric': 'loss', 'keep_best.mode': 'most'})


def test_each_program_is_announced_once_before_it_is_compiled(tmp_path, capsys):
  train(tmp_path)
  lines = capsys.readouterr().err.splitlines()
  programs = ('the initial parameters', 'the training step', 'held-out metrics and the sample picture')
  announced = [line for line in lines if line.startswith('compiling ')]
  assert announced == [f'compiling {program}' for program in programs]
  (compiled,) = [i for i, line in enumerate(lines) if line.startswith('step compiled')]
  assert lines.index('compiling the training step') < compiled


def test_dry_run_compiles_and_leaves_nothing(tmp_path, capsys):
  result = loop.train(
    toy_stage.get_config(), tmp_path / 'run', make_batches=toy_stage.make_batches, dry_run=True
  )
  assert (result.step, result.reason) == (0, 'dry run') and not (tmp_path / 'run').exists()
  assert 'GFLOP a step and device' in capsys.readouterr().err


@pytest.mark.parametrize('steps', ['2', '500'])  # 500 is more than the run has: all steps are profiled
def test_a_profile_is_taken_when_asked_for(tmp_path, steps):
  (tmp_path / 'profile').write_text(steps)
  train(tmp_path, num_steps=8)
  assert not (tmp_path / 'profile').exists()
  assert list((tmp_path / 'tensorboard').rglob('*.xplane.pb'))


def test_a_profile_of_no_number_of_steps_is_said_and_let_go(tmp_path, capsys):
  (tmp_path / 'profile').write_text('soon')
  train(tmp_path, num_steps=8)
  assert 'gives no number of steps' in capsys.readouterr().err
  assert not (tmp_path / 'profile').exists() and not list((tmp_path / 'tensorboard').rglob('*.xplane.pb'))


def test_the_log_tells_the_throughput(whole):
  line = next(line for line in read_metrics(whole[0]) if 'loss' in line)
  assert line['samples_per_second'] == pytest.approx(8 * line['steps_per_second'])
  assert line['tflops_per_second'] > 0 and 'first_bad' not in line


def test_unknown_option_is_named(tmp_path):
  config = toy_stage.get_config()
  with config.unlocked():
    config.options.loudness = 1.0
  with pytest.raises(ConfigError, match="'loudness'"):
    loop.train(config, tmp_path, make_batches=toy_stage.make_batches)


def test_a_stage_refuses_networks_that_do_not_serve_it(tmp_path, monkeypatch):
  def check_frozen(self, frozen):
    raise ConfigError(f'not these: {sorted(frozen.params)}')

  monkeypatch.setattr(toy_stage.ToyStage, 'check_frozen', check_frozen)
  with pytest.raises(ConfigError, match='not these'):
    train(tmp_path / 'run')
  assert not (tmp_path / 'run' / 'config.json').exists()


def test_minutes_end_a_run_and_drive_the_schedule(tmp_path):
  outcome = train(tmp_path, num_steps=10**6, max_minutes=0.05)
  assert outcome.reason == 'max_minutes' and outcome.minutes >= 0.05
  rates = [line['learning_rate'] for line in read_metrics(tmp_path) if 'loss' in line]
  assert rates[-1] < 0.3 * max(rates)
  with pytest.raises(ConfigError, match='already trained'):
    train(tmp_path, num_steps=10**6, max_minutes=0.05)


def test_pass_stage(tmp_path):
  outcome = train(tmp_path, stage='toy_pass', num_steps=3)
  assert outcome.reason == 'num_steps'
  batches = toy_stage.make_batches('toy', [], batch_size=8, seed=0, split='train', start_index=0)
  want = np.mean([next(batches)['target'].mean(0) for _ in range(3)], axis=0)
  result = initial_weights.load_trained_stage(tmp_path)
  np.testing.assert_allclose(result.statistics['toy_pass']['target_mean'], want, atol=1e-6)
  assert result.params == {} and result.networks == {}


def start(workdir, *changes):
  command = [sys.executable, str(ROOT / 'tests/helpers/toy_stage.py'), str(workdir), *changes]
  environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'JAX_PLATFORMS': 'cpu'}
  return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process, seconds=60):
  deadline = time.monotonic() + seconds
  while not condition():
    assert process.poll() is None, process.stderr.read()
    assert time.monotonic() < deadline
    time.sleep(0.02)


@pytest.mark.parametrize('number', [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_killed_run_resumes(whole, tmp_path, number):
  process = start(tmp_path, 'delay=0.1', 'checkpoint_every=2')
  wait_for(lambda: (tmp_path / 'checkpoints' / '2').exists(), process)
  process.send_signal(number)
  out, err = process.communicate(timeout=60)
  if number == signal.SIGTERM:
    assert process.returncode == 0 and out.startswith('signal'), err
  with checkpoint.Checkpoints(tmp_path) as saved:
    assert 2 <= saved.latest < 8
  outcome = train(tmp_path, checkpoint_every=2)
  assert outcome.step == 8
  assert_close(weights(tmp_path), weights(whole[0]))


def test_averages_of_collections_are_what_later_stages_get(tmp_path, monkeypatch):
  """They are saved, restored, evaluated and handed on; runs that have none yet begin with the collections."""
  train(tmp_path / 'run', num_steps=3)  # as in version 0.1.0: collections are used as they are
  assert initial_weights.load_trained_stage(tmp_path / 'run').collections['toy_net']['counts']['calls'] == 3
  seen = []

  def average(self, average, collections, decay):
    calls = collections['toy_net']['counts']['calls']
    if average is not None:
      calls = average['toy_net']['counts']['calls'] + 10
    return {'toy_net': {'counts': {'calls': calls}}}

  def preview(self, params, frozen, collections, batch, rng):
    seen.append(int(collections['toy_net']['counts']['calls']))

  monkeypatch.setattr(toy_stage.ToyStage, 'average_collections', average)
  monkeypatch.setattr(toy_stage.ToyStage, 'preview', preview)
  for num_steps, averaged in ((5, 23), (6, 33)):
    train(tmp_path / 'run', num_steps=num_steps)
    trained = initial_weights.load_trained_stage(tmp_path / 'run')
    assert trained.collections['toy_net']['counts']['calls'] == averaged
    assert seen[-1] == averaged
  assert weights(tmp_path / 'run')['collections']['toy_net']['counts']['calls'] == 6
  # Training that starts from the run starts from its averages.
  train(tmp_path / 'next', num_steps=1, **{'init.toy_net': str(tmp_path / 'run')})
  assert weights(tmp_path / 'next')['collections']['toy_net']['counts']['calls'] == 34
  assert initial_weights.load_trained_stage(tmp_path / 'next').collections['toy_net']['counts']['calls'] == 43
