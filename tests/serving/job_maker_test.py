"""Jobs in the worker: the video of the library, continued after a kill, in turns with live sessions."""

import shutil
import threading

import pytest
import sounds
from read_video import read_video

from seetalk_jax.inference import unfinished_video
from seetalk_jax.media import segments, video
from seetalk_jax.serving import job_maker, messages
from seetalk_jax.serving.turns import Turns
from seetalk_jax.testing import tiny_release

FORM = {
  'seed': 5,
  'face': 1,
  'steps': None,
  'guidance': None,
  'size': None,
  'emotion': None,
  'control_scale': None,
}


@pytest.fixture
def job(tmp_path):
  sounds.write_sndfile(tmp_path / 'a.wav', sounds.tone(0.9), 16_000)
  (tmp_path / 'a.wav').rename(tmp_path / 'speech')
  return messages.MakeJob('id', tmp_path, FORM)


@pytest.fixture(scope='module')
def pipe():
  return tiny_release.load(tiny_release.shared())


def test_a_job_is_the_video_of_the_library(job, pipe, tmp_path):
  told = []
  job_maker.make(pipe, job, Turns(), told.append, lambda: False)
  expected = pipe(tmp_path / 'speech', seed=5, face=1)
  assert f'job {expected.spec.job_id()}' in video.read_metadata(tmp_path / 'talk.mp4')['comment']
  assert (
    len(read_video(tmp_path / 'talk.mp4')) == expected.num_frames and (tmp_path / 'portrait.png').exists()
  )
  stages = [message.stage for message in told]
  assert stages.index('portrait') < stages.index('frames') and told[-1].done == told[-1].total == 23


def test_a_job_goes_on_after_a_kill(job, pipe, tmp_path, monkeypatch):
  monkeypatch.setattr(segments, 'SEGMENT_FRAMES', 8)
  output, kept = tmp_path / 'talk.mp4', tmp_path / 'kept'
  folder = unfinished_video.folder_of(output)

  def stop():
    done = folder.is_dir() and len(list(folder.glob('segment-*.mp4'))) == 1
    if done and not kept.exists():
      shutil.copytree(folder, kept)  # as if the process was killed now
    return done

  with pytest.raises(job_maker.Cancelled):
    job_maker.make(pipe, job, Turns(), lambda message: None, stop)
  shutil.rmtree(folder, ignore_errors=True)
  shutil.copytree(kept, folder)
  told = []
  job_maker.make(pipe, job, Turns(), told.append, lambda: False)
  assert min(message.done for message in told if message.stage == 'frames') == 8
  assert not [message for message in told if message.stage == 'sampling'][1:]
  assert len(read_video(output)) == 23 and not folder.exists()


def test_a_job_pauses_while_a_session_computes(job, pipe):
  turns, told, told_frames = Turns(), [], threading.Event()

  def send(message):
    told.append(message)
    if message.stage == 'frames' and message.done:
      told_frames.set()

  with turns.live('session'):
    making = threading.Thread(target=job_maker.make, args=(pipe, job, turns, send, lambda: False))
    making.start()
    assert not told_frames.wait(0.5)
    assert [message.stage for message in told] == ['paused']
  making.join(60)
  assert told_frames.is_set()
