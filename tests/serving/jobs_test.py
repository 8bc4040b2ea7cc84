"""Jobs on disk: what is written is read again; events."""

from seetalk_jax.serving import jobs
from seetalk_jax.serving.jobs import Job, JobState


def job_in(folder, name='a' * 32):
  (folder / name).mkdir()
  return Job(id=name, folder=folder / name, name='a.wav', seconds=1.5, options={'seed': 3})


def test_a_job_is_read_as_it_was_written(tmp_path):
  job = job_in(tmp_path)
  job.state, job.frames, job.error = JobState.FAILED, 7, 'no'
  job.tell('queued', position=2)
  job.tell('failed', error='no')
  job.save()
  (found,) = jobs.read_all(tmp_path)
  for field in (
    'id',
    'folder',
    'name',
    'seconds',
    'options',
    'state',
    'frames',
    'error',
    'events',
    'created',
  ):
    assert getattr(found, field) == getattr(job, field)


def test_folders_without_a_whole_job_are_left_alone(tmp_path):
  job_in(tmp_path)
  (tmp_path / 'b').mkdir()
  (tmp_path / 'b' / jobs.INFO).write_text('{"state": "odd"}')
  assert jobs.read_all(tmp_path) == [] and (tmp_path / 'b' / jobs.INFO).exists()


def test_events_have_growing_ids_also_after_a_restart(tmp_path):
  job = job_in(tmp_path)
  job.tell('queued', position=1)
  job.tell('running', tries=1)
  job.save()
  last = job.events[-1].id
  again = jobs.read(job.folder)
  again.tell('done', url='')
  assert [event.name for event in again.events_after(last)] == ['done']
  assert len({event.id for event in again.events}) == 3


def test_an_event_replaces_one_of_its_kind_and_wakes_those_who_wait(tmp_path):
  job = job_in(tmp_path)
  changed = job.changed
  for done in range(100):
    job.tell('frames', done=done)
  assert [event.data for event in job.events] == [{'done': 99}]
  assert changed.is_set() and not job.changed.is_set()
