"""Interrupts: a command ends within seconds, also while JAX computes, and leaves no unfinished file."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from seetalk_jax.cli import interrupts

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A command that writes a file while JAX computes for years, in the main thread or in another one.
COMMAND = """
import signal, sys, threading, time
import jax
from seetalk_jax import files
from seetalk_jax.cli import info, main

signal.signal(signal.SIGINT, signal.default_int_handler)  # background shell jobs ignore it

def compute():
  forever = jax.jit(lambda x: jax.lax.while_loop(lambda x: x < 2, jax.numpy.sin, x))
  compiled = forever.lower(1.0).compile()
  print('computing', flush=True)
  compiled(1.0).block_until_ready()

def run(args):
  with files.replacing('talk.mp4') as part, files.replacing_folder('release') as folder:
    part.write_text('half')
    (folder / 'weights').write_text('half')
    if sys.argv[1] == 'main':
      compute()
    elif sys.argv[1] == 'second':
      try:
        print('computing', flush=True)
        time.sleep(1000)
      except (KeyboardInterrupt, SystemExit):  # as in a callback of the garbage collector, where Python drops it
        compute()
    else:
      threading.Thread(target=compute).start()
      time.sleep(1000)

info.run = run
sys.argv[2:] = ['info', 'demo']
main.interrupts.run(lambda: main.main(sys.argv[2:]))
"""


@pytest.mark.parametrize('thread', ['main', 'other', 'second'])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_command_ends_while_jax_computes(tmp_path, thread, number):
  process = subprocess.Popen(
    [sys.executable, '-c', COMMAND, thread],
    env={**os.environ, 'PYTHONPATH': str(ROOT)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    cwd=tmp_path,
  )
  try:
    assert process.stdout.readline() == 'computing\n'
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) == 2
    if thread == 'second':
      process.send_signal(number)
      assert process.stdout.readline() == 'computing\n'
      time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    seconds = time.monotonic() - began
  finally:
    process.kill()
  assert process.returncode == 128 + number, err
  assert err == ('interrupted\n' if number == signal.SIGINT else '')
  assert not list(tmp_path.iterdir())
  assert seconds < interrupts.GRACE_SECONDS + 3  # on a busy machine


def test_signals_are_exceptions_inside_and_as_before_outside():
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  try:
    for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)):
      with pytest.raises(error), interrupts.as_exceptions():
        os.kill(os.getpid(), number)
        time.sleep(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.as_exceptions():
      os.kill(os.getpid(), signal.SIGINT)  # stays ignored
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
  finally:
    signal.signal(signal.SIGINT, before)


def test_other_exit_statuses_are_returned_as_usual():
  for status in (0, 2):
    code = (
      'import atexit\nfrom seetalk_jax.cli import interrupts\n'
      f'atexit.register(print, "end")\ninterrupts.run(lambda: {status})'
    )
    done = subprocess.run(
      [sys.executable, '-c', code], env={**os.environ, 'PYTHONPATH': str(ROOT)}, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, b'end\n', b'')


def test_the_first_signal_is_a_request_and_the_second_an_exception(capsys):
  with interrupts.as_request('it ends soon') as request:
    assert not request.is_set()
    os.kill(os.getpid(), signal.SIGTERM)
    assert request.wait(5) and capsys.readouterr().err == 'it ends soon\n'
    with pytest.raises(SystemExit) as ended:
      os.kill(os.getpid(), signal.SIGTERM)
      time.sleep(5)
    assert ended.value.code == 143


def test_signals_are_handled_while_another_thread_works():
  def work():
    os.kill(os.getpid(), signal.SIGTERM)
    return request.wait(5)

  with interrupts.as_request('it ends soon') as request:
    assert interrupts.in_thread(work)
  with pytest.raises(KeyError, match='mistake'):
    interrupts.in_thread(lambda: {}['mistake'])
