"""Queue: order, positions, tries after deaths of the worker, restarts, removal."""

import time

import pytest

from seetalk_jax.serving import messages
from seetalk_jax.serving.job_queue import JobQueue, QueueFull
from seetalk_jax.serving.jobs import Job, JobState
from seetalk_jax.serving.settings import Settings

READY = messages.Ready('demo', 'cpu', 64)


class Server:
  """A queue and what it has sent."""

  def __init__(self, folder, ready=True, **settings):
    self.sent = []
    self.queue = JobQueue(Settings(folder=folder, **settings), self.sent.append)
    self.folder = folder
    if ready:
      self.queue.on_message(READY)

  def add(self, name):
    folder = self.folder / 'jobs' / name
    folder.mkdir()
    job = Job(id=name, folder=folder, name='a.wav', seconds=1.0, options={'seed': 0})
    self.queue.add(job)
    return job

  def done(self, name, error=None):
    self.queue.on_message(messages.JobDone(name, error))

  @property
  def made(self):
    return [message.job for message in self.sent if isinstance(message, messages.MakeJob)]


def test_jobs_are_made_one_after_the_other_in_order(tmp_path):
  server = Server(tmp_path)
  a, b, c = map(server.add, 'abc')
  assert (a.state, b.position, c.position) == (JobState.RUNNING, 1, 2) and server.made == ['a']
  server.done('a')
  assert a.state == JobState.DONE and c.position == 1 and server.made == ['a', 'b']
  server.done('b', 'one line')
  assert (b.state, b.error) == (JobState.FAILED, 'one line')
  assert [event.name for event in c.events] == ['queued', 'running']


def test_a_full_queue_takes_no_job_and_keeps_no_files(tmp_path):
  server = Server(tmp_path, ready=False, queue=2)
  server.add('a')
  server.add('b')
  with pytest.raises(QueueFull):
    server.add('c')
  assert not (tmp_path / 'jobs' / 'c').exists() and server.queue.num_waiting == 2


def test_after_a_death_of_the_worker_its_job_is_the_next_and_fails_at_the_second(tmp_path):
  server = Server(tmp_path)
  a, b = map(server.add, 'ab')
  server.queue.on_death()
  assert (a.state, a.position, b.position) == (JobState.QUEUED, 1, 2)
  server.queue.on_message(READY)
  assert server.made == ['a', 'a'] and a.tries == 2
  server.queue.on_death()
  assert a.state == JobState.FAILED and 'died 2 times' in a.error and b.position == 1
  server.queue.on_message(READY)
  assert server.made == ['a', 'a', 'b']


def test_a_new_server_goes_on_with_the_jobs_of_the_last_one(tmp_path):
  first = Server(tmp_path)
  first.add('a')
  first.done('a')
  first.add('b')
  time.sleep(0.01)
  first.add('c')
  second = Server(tmp_path)  # the first was killed while it made b
  assert second.queue.jobs['a'].state == JobState.DONE
  assert second.made == ['b'] and second.queue.jobs['b'].tries == 2 and second.queue.jobs['c'].position == 1
  third = Server(tmp_path)  # and the second too
  assert third.queue.jobs['b'].state == JobState.FAILED and third.made == ['c']


def test_a_server_that_is_stopped_takes_the_try_back(tmp_path):
  first = Server(tmp_path)
  first.add('a')
  first.queue.stop()
  second = Server(tmp_path, ready=False)
  assert second.queue.jobs['a'].tries == 0


def test_removed_jobs_lose_their_files(tmp_path):
  server = Server(tmp_path)
  a, b, c = map(server.add, 'abc')
  server.queue.remove(b)
  assert not b.folder.exists() and c.position == 1 and b.is_over
  server.queue.remove(a)
  assert server.sent[-1] == messages.CancelJob('a') and a.folder.exists()  # the worker still writes
  server.done('a', 'the job was removed')
  assert not a.folder.exists() and server.made == ['a', 'c']


def test_a_job_that_was_removed_while_the_worker_died_does_not_come_back(tmp_path):
  server = Server(tmp_path)
  a = server.add('a')
  server.queue.remove(a)
  server.queue.on_death()
  server.queue.on_message(READY)
  assert server.made == ['a'] and not a.folder.exists() and Server(tmp_path).queue.jobs == {}


def test_old_results_are_removed(tmp_path):
  server = Server(tmp_path, keep_seconds=100)
  a, b = map(server.add, 'ab')
  server.done('a')
  server.queue.remove_old()
  assert list(server.queue.jobs) == ['a', 'b']
  a.finished -= 101
  b.created -= 1000  # not over
  server.queue.remove_old()
  assert list(server.queue.jobs) == ['b'] and not a.folder.exists()


def test_progress_becomes_state_and_events(tmp_path):
  server = Server(tmp_path)
  a = server.add('a')
  for stage, done in (('sampling', 0), ('portrait', 0), ('frames', 4), ('paused', 4), ('frames', 8)):
    server.queue.on_message(messages.JobProgress('a', stage, done, 30))
    assert a.state == (JobState.PAUSED if stage == 'paused' else JobState.RUNNING)
  assert a.has_portrait and (a.frames, a.total) == (8, 30)
  names = [event.name for event in a.events]
  assert names == ['queued', 'running', 'portrait', 'frames', 'paused', 'frames']


def test_messages_of_an_earlier_job_change_nothing(tmp_path):
  server = Server(tmp_path)
  a, b = map(server.add, 'ab')
  server.done('a')
  server.done('a', 'late')
  assert a.state == JobState.DONE and b.state == JobState.RUNNING
