"""The supervisor: workers that cannot load, that die, requests to a worker that is not there."""

import asyncio
import os

import fake_worker
import pytest

from seetalk_jax.serving import messages
from seetalk_jax.serving.settings import Settings
from seetalk_jax.serving.supervisor import Supervisor, WorkerGone, WorkerState, memory_of


async def until(done, seconds=30.0):
  async with asyncio.timeout(seconds):
    while not done():
      await asyncio.sleep(0.01)


def supervised(folder, work, act):
  """Runs `act(supervisor, messages, deaths)` with a worker."""
  got, deaths = [], []

  async def run():
    supervisor = Supervisor(Settings(folder=folder), work, got.append, lambda: deaths.append(1))
    supervisor.start()
    try:
      await act(supervisor, got, deaths)
    finally:
      supervisor.stop()
      # The thread that waits for the process may have seen its end first, and says so a moment later.
      await until(lambda: not supervisor._process.is_alive())

  asyncio.run(run())


def test_a_worker_that_dies_is_started_again_and_requests_to_it_fail(tmp_path):
  async def act(supervisor, got, deaths):
    with pytest.raises(WorkerGone):
      await supervisor.ask(lambda number: messages.Command(number, 'id', 'flush'))
    await until(lambda: supervisor.state == WorkerState.READY)
    first = supervisor.pid
    assert memory_of(first) > 2**20
    waiting = asyncio.create_task(supervisor.ask(lambda number: messages.PushAudio(number, 'none', b'', 1)))
    with pytest.raises(WorkerGone):  # the worker dies of a session that it does not know
      await waiting
    await until(lambda: supervisor.state == WorkerState.READY)
    assert supervisor.pid != first and supervisor.restarts == 1 and deaths == [1]
    assert [type(message) for message in got] == [messages.Ready] * 2

  supervised(tmp_path, fake_worker.main, act)


def test_a_checkpoint_that_cannot_be_loaded_ends_the_tries(tmp_path):
  async def act(supervisor, got, deaths):
    await until(lambda: supervisor.failure)
    assert 'no such checkpoint, demo' in supervisor.failure and supervisor.state == WorkerState.FAILED

  supervised(tmp_path, fake_worker.cannot_load, act)


def test_a_worker_that_dies_while_loading_is_tried_again_after_a_pause(tmp_path):
  async def act(supervisor, got, deaths):
    await until(lambda: supervisor.state == WorkerState.DEAD)
    await until(lambda: supervisor.state == WorkerState.READY)
    assert supervisor.restarts == 2 and deaths == [1, 1]

  supervised(tmp_path, fake_worker.dies_while_loading, act)


def test_memory_of_no_process_is_0():
  assert memory_of(None) == 0 and memory_of(os.getpid()) > 0
