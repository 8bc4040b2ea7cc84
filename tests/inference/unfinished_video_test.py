"""Unfinished videos: resumed after any interruption to equal frames and sound; folders of others are kept."""

import errno
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
from unittest import mock

import av
import numpy as np
import pytest
import sounds
from read_video import read_video

from seetalk_jax import files
from seetalk_jax.cli import main
from seetalk_jax.errors import InputError
from seetalk_jax.inference import pipeline, unfinished_video
from seetalk_jax.inference.clip_spec import Checksum, ClipSpec
from seetalk_jax.media import audio, segments, video
from seetalk_jax.testing import tiny_release

SEGMENT = 10  # frames, instead of 250

# Kills itself with SIGKILL, which cannot be caught, after this number of frames of the third segment.
KILLED = f"""
import os, signal, sys
from seetalk_jax import cli
from seetalk_jax.media import segments, video

segments.SEGMENT_FRAMES = {SEGMENT}
write, written = video.VideoWriter.write, 0

def write_until_killed(self, frames):
  global written
  write(self, frames)
  written += len(frames)
  if written > {2 * SEGMENT + 3}:
    os.kill(os.getpid(), signal.SIGKILL)

video.VideoWriter.write = write_until_killed
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def small_segments(monkeypatch, tmp_path):
  monkeypatch.setattr(segments, 'SEGMENT_FRAMES', SEGMENT)
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  monkeypatch.chdir(tmp_path)
  sounds.write_sndfile(tmp_path / 'speech.wav', sounds.tone(1.9, 22_050, 2), 22_050)  # 48 frames
  sounds.write_sndfile(tmp_path / 'other.wav', sounds.tone(1.9, hz=500.0), 16_000)
  sounds.write_sndfile(tmp_path / 'short.wav', sounds.tone(0.4), 16_000)


@pytest.fixture
def argv():
  return [
    'generate',
    'speech.wav',
    '-o',
    'talk.mp4',
    '--checkpoint',
    tiny_release.shared(),
    '--device',
    'cpu',
  ]


def run(capsys, argv):
  status = main.main(argv)
  captured = capsys.readouterr()
  return status, captured.out, captured.err


def decoded(path):
  """All frames and all audio samples."""
  frames = np.stack([frame for _, frame in read_video(path)])
  with av.open(str(path)) as container:
    sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
  return frames, sound


def interrupted(monkeypatch, capsys, argv, after, kind=signal.SIGINT):
  """Runs a command that receives a signal when `after` frames have been written."""
  write, written = video.VideoWriter.write, 0

  def until(self, frames):
    nonlocal written
    write(self, frames)
    written += len(frames)
    if written >= after:
      os.kill(os.getpid(), kind)

  before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background shell jobs ignore it
  try:
    with monkeypatch.context() as patch:
      patch.setattr(video.VideoWriter, 'write', until)
      return run(capsys, argv)
  finally:
    signal.signal(signal.SIGINT, before)


def no_sampling(monkeypatch):
  def sampled(*args, **kwargs):
    raise AssertionError('sampled again')

  monkeypatch.setattr(pipeline.MotionSampler, 'sample', sampled)
  monkeypatch.setattr(pipeline.SpeechToPortrait, 'tokens', sampled)


@pytest.mark.proof
def test_killed_and_resumed_is_one_run(argv, capsys, monkeypatch):
  root = pathlib.Path(main.__file__).parents[2]
  command = [sys.executable, '-c', KILLED, *argv]
  killed = subprocess.run(
    command, env={**os.environ, 'PYTHONPATH': str(root)}, capture_output=True, text=True
  )
  assert killed.returncode == -signal.SIGKILL, killed.stderr
  folder = pathlib.Path('.talk.mp4.unfinished')
  assert not pathlib.Path('talk.mp4').exists()
  assert sorted(path.name for path in folder.glob('segment*')) == ['segment-00000.mp4', 'segment-00001.mp4']
  kept = [path.stat().st_mtime_ns for path in sorted(folder.glob('segment*'))]
  with monkeypatch.context() as patch:
    no_sampling(patch)
    joined = []
    append = video.VideoJoiner.append
    patch.setattr(
      video.VideoJoiner,
      'append',
      lambda self, path: joined.append(path.stat().st_mtime_ns) or append(self, path),
    )
    status, out, err = run(capsys, [*argv, '--resume', '--json'])
  assert (status, err) == (0, '') and json.loads(out)['frames'] == 48
  assert joined[:2] == kept and len(joined) == 5
  assert not folder.exists() and not list(pathlib.Path().glob('.*'))

  assert run(capsys, ['generate', 'speech.wav', '-o', 'whole.mp4', *argv[4:]])[0] == 0
  (frames, sound), (expected, expected_sound) = decoded('talk.mp4'), decoded('whole.mp4')
  assert frames.shape == (48, tiny_release.SIDE, tiny_release.SIDE, 3)
  np.testing.assert_array_equal(frames, expected)
  np.testing.assert_array_equal(sound, expected_sound)
  assert pathlib.Path('talk.mp4').read_bytes() == pathlib.Path('whole.mp4').read_bytes()


def test_interrupt_keeps_finished_segments_and_says_so(argv, capsys, monkeypatch):
  status, out, err = interrupted(monkeypatch, capsys, argv, 2 * SEGMENT + 1)
  assert status == 130 and out == '' and err.count('\n') == 2 and '--resume' in err
  folder = unfinished_video.folder_of('talk.mp4')
  assert sorted(path.name for path in folder.iterdir()) == [
    'decided.npz', 'job.json', 'lock', 'segment-00000.mp4', 'segment-00001.mp4'
  ]  # fmt: skip
  assert not pathlib.Path('talk.mp4').exists()
  # The leftovers belong to this speech, this seed and these options only.
  for changed, told in (
    (['--seed', '5'], 'seed 0 there, 5 here'),
    (['--size', '96'], f'size {tiny_release.SIDE} there, 96 here'),
    (['--steps', '3'], 'steps'),
  ):
    status, out, err = run(capsys, [*argv, *changed, '--resume'])
    assert status == 2 and err.startswith('error: ') and err.count('\n') == 1 and told in err
  status, _, err = run(capsys, ['generate', 'other.wav', *argv[2:], '--resume'])
  assert status == 2 and 'speech' in err and 'seed' not in err
  assert len(list(folder.glob('segment*'))) == 2
  # Without --resume it starts anew, regardless of the owner of the folder.
  status, out, err = run(capsys, ['generate', 'other.wav', *argv[2:]])
  assert status == 0 and not folder.exists()


def test_termination_keeps_finished_segments_too(argv, capsys, monkeypatch):
  with pytest.raises(SystemExit):
    interrupted(monkeypatch, capsys, argv, SEGMENT + 1, signal.SIGTERM)
  assert '--resume' in capsys.readouterr().err
  assert [path.name for path in unfinished_video.folder_of('talk.mp4').glob('segment*')] == [
    'segment-00000.mp4'
  ]


def test_interrupt_in_the_first_segment_leaves_nothing(argv, capsys, monkeypatch):
  status, _, err = interrupted(monkeypatch, capsys, argv, 5)
  assert status == 130 and err == 'interrupted\n'
  assert not list(pathlib.Path().glob('.*'))


def test_a_video_with_a_name_of_255_bytes_is_resumed(argv, capsys, monkeypatch):
  argv[3] = '漢' * 83 + '_x.mp4'
  assert len(argv[3].encode()) == 255
  assert interrupted(monkeypatch, capsys, argv, SEGMENT + 1)[0] == 130
  assert len(list(unfinished_video.folder_of(argv[3]).glob('segment*'))) == 1
  no_sampling(monkeypatch)
  assert run(capsys, [*argv, '--resume'])[0] == 0
  assert sorted(path.name for path in pathlib.Path().glob('*.mp4')) == [argv[3]]
  assert not list(pathlib.Path().glob('.*'))


def test_damaged_segment_is_made_again(argv, capsys, monkeypatch):
  assert run(capsys, [*argv[:3], 'whole.mp4', *argv[4:]])[0] == 0
  interrupted(monkeypatch, capsys, argv, 3 * SEGMENT + 1)
  damaged = unfinished_video.folder_of('talk.mp4') / 'segment-00001.mp4'
  damaged.write_bytes(damaged.read_bytes()[:-400])
  assert run(capsys, [*argv, '--resume'])[0] == 0
  assert pathlib.Path('talk.mp4').read_bytes() == pathlib.Path('whole.mp4').read_bytes()


def test_list_goes_on_behind_what_is_finished(argv, capsys, monkeypatch):
  pathlib.Path('list.txt').write_text('short.wav\nspeech.wav\nother.wav\n')
  argv = ['generate', '--list', 'list.txt', '--out-dir', 'out', *argv[4:]]
  status, _, err = interrupted(monkeypatch, capsys, argv, 10 + SEGMENT + 1)
  assert status == 130 and '--resume' in err
  assert sorted(path.name for path in pathlib.Path('out').iterdir()) == [
    '.speech.mp4.unfinished',
    'short.mp4',
  ]
  before = pathlib.Path('out/short.mp4').stat().st_mtime_ns
  status, out, _ = run(capsys, [*argv, '--resume', '--json'])
  made = json.loads(out)['videos']
  assert [result['frames'] for result in made] == [10, 48, 48] and made[0]['stage_seconds'] == {}
  assert set(made[1]['stage_seconds']) == {'render', 'encode'} < set(made[2]['stage_seconds'])
  assert made[0]['job'] in video.read_metadata('out/short.mp4')['comment']
  assert pathlib.Path('out/short.mp4').stat().st_mtime_ns == before
  assert sorted(path.name for path in pathlib.Path('out').iterdir()) == [
    'other.mp4',
    'short.mp4',
    'speech.mp4',
  ]
  # A finished video of other inputs is not skipped.
  status, _, err = run(capsys, [*argv, '--resume', '--seed', '1'])
  assert status == 2 and 'other inputs' in err and err.count('\n') == 1
  status, out, _ = run(capsys, [*argv, '--resume'])
  assert status == 0 and out.count('finished before') == 3


def test_a_short_clip_leaves_nothing_and_asks_for_nothing(argv, capsys, monkeypatch):
  monkeypatch.setattr(segments, 'SegmentWriter', None)
  assert run(capsys, ['generate', 'short.wav', *argv[2:]])[0] == 0
  assert run(capsys, ['generate', 'short.wav', *argv[2:], '--resume'])[0] == 0
  assert not list(pathlib.Path().glob('.*'))


def test_folders_of_others_are_left_alone(argv, capsys):
  folder = unfinished_video.folder_of('talk.mp4')
  folder.mkdir()
  (folder / 'diary.txt').write_text('dear diary')
  status, _, err = run(capsys, argv)
  assert status == 2 and 'diary.txt' in err and err.count('\n') == 1
  assert (folder / 'diary.txt').read_text() == 'dear diary'


def make_spec(seed=0):
  none = Checksum.of(b'')
  return ClipSpec(
    num_frames=3,
    portrait=none,
    motion=none,
    seed=seed,
    size=64,
    fusion=1.0,
    renderer='plain',
    version='0',
    checkpoint_id='0',
    crop_version=1,
    device='cpu',
    jax='0',
  )


def test_two_processes_do_not_share_an_output():
  spec = make_spec()
  with unfinished_video.UnfinishedVideo('talk.mp4', spec):
    with pytest.raises(InputError, match='another process'):
      unfinished_video.check_free('talk.mp4')
    with (
      pytest.raises(InputError, match='another process'),
      unfinished_video.UnfinishedVideo('talk.mp4', spec),
    ):
      pass
    assert unfinished_video.folder_of('talk.mp4').is_dir()
  unfinished_video.check_free('talk.mp4')


def test_a_file_system_without_locks(argv, capsys, monkeypatch, caplog):
  monkeypatch.setattr(fcntl, 'flock', mock.Mock(side_effect=OSError(errno.ENOSYS, 'no locks')))
  files._note_missing_locks.cache_clear()
  assert run(capsys, argv)[0] == 0
  assert pathlib.Path('talk.mp4').is_file() and not list(pathlib.Path().glob('.*'))
  assert len(caplog.records) == 1


def test_an_error_of_the_lock_leaves_no_folder(monkeypatch):
  monkeypatch.setattr(fcntl, 'flock', mock.Mock(side_effect=OSError(errno.EIO, 'broken')))
  with pytest.raises(OSError, match='broken'), unfinished_video.UnfinishedVideo('talk.mp4', make_spec()):
    pass
  assert not list(pathlib.Path().glob('.*'))


def test_a_process_that_ends_at_once_keeps_only_finished_segments():
  folder = unfinished_video.folder_of('talk.mp4')
  with unfinished_video.UnfinishedVideo('talk.mp4', make_spec()):
    (folder / 'segment-00000.mp4').touch()
    files.remove_unfinished()
    assert folder.is_dir()
    (folder / 'segment-00000.mp4').unlink()
    files.remove_unfinished()
    assert not folder.exists()
  assert folder not in files._removers


def test_incomplete_folders_are_ignored():
  spec = make_spec()
  made = unfinished_video.PortraitAndMotion(np.zeros((4, 4, 3), np.uint8), np.ones((3, 2), np.float32))
  folder = unfinished_video.folder_of('talk.mp4')
  assert unfinished_video.find('talk.mp4', spec) is None
  with unfinished_video.UnfinishedVideo('talk.mp4', spec) as first:
    first.keep(made)
    (folder / 'segment-00000.mp4').touch()
    found = unfinished_video.find('talk.mp4', spec)
    np.testing.assert_array_equal(found.portrait, made.portrait)
    np.testing.assert_array_equal(found.motion, made.motion)
    raise_at_exit = pytest.raises(RuntimeError)
  assert not folder.exists()
  with raise_at_exit, unfinished_video.UnfinishedVideo('talk.mp4', spec) as second:
    second.keep(made)
    (folder / 'segment-00000.mp4').touch()
    raise RuntimeError
  (folder / 'decided.npz').write_bytes(b'PK')
  with pytest.raises(InputError, match='damaged'):
    unfinished_video.find('talk.mp4', spec)
  (folder / 'job.json').unlink()
  assert unfinished_video.find('talk.mp4', spec) is None
  with unfinished_video.UnfinishedVideo('talk.mp4', spec, resume=True):
    assert not list(folder.glob('segment*'))  # segments without a specification


def test_frames_from_the_middle_are_those_from_the_start():
  clip = tiny_release.load(tiny_release.shared())(audio.speech_from_array(sounds.tone(0.7)), seed=2)
  frames = clip.frames
  for first in (1, 5, 8, clip.num_frames - 1):
    np.testing.assert_array_equal(np.concatenate(list(clip.stream(first))), frames[first:])
  assert list(clip.stream(clip.num_frames)) == []


def test_marked_and_unmarked_segments_are_not_mixed():
  """The job stays the same; the unfinished video says how its segments are marked."""
  spec = make_spec()
  with pytest.raises(KeyboardInterrupt):
    with unfinished_video.UnfinishedVideo('talk.mp4', spec, watermark='5ee7a1c5') as unfinished:
      unfinished.keep(
        unfinished_video.PortraitAndMotion(np.zeros((2, 2, 3), np.uint8), np.zeros((1, 2), np.float32))
      )
      (unfinished.folder / 'segment-00000.mp4').touch()
      raise KeyboardInterrupt
  assert unfinished_video.find('talk.mp4', spec) is not None
  assert unfinished_video.find('talk.mp4', spec, '5ee7a1c5') is not None
  with pytest.raises(InputError, match='watermark 5ee7a1c5 there, None here'):
    unfinished_video.find('talk.mp4', spec, None)
