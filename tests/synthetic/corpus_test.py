"""Synthetic corpora on disk: shards, resumption to the same bytes, worker processes, signals."""

import functools
import json
import operator
import os
import pathlib
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest

from seetalk_jax import files
from seetalk_jax.blendshapes import INDEX
from seetalk_jax.cli import main
from seetalk_jax.data import schema, sources
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import corpus, sketch, source

OPTIONS = dict(size=16, shard_size=4, progress=False, world=sketch.SketchWorld)


class KilledWorld(sketch.SketchWorld):
  """A world that fails at its seventh look."""

  num_drawn = 0

  def draw(self, *args):
    KilledWorld.num_drawn += 1
    if KilledWorld.num_drawn == 7:
      raise KeyboardInterrupt
    return super().draw(*args)


def _bytes(shards):
  return {path.name: path.read_bytes() for path in shards}


@pytest.fixture(scope='module')
def unbroken(tmp_path_factory):
  return corpus.render_corpus(tmp_path_factory.mktemp('corpus'), 'faces', 'train', 10, processes=0, **OPTIONS)


def test_shards_have_their_names(unbroken):
  assert [path.name for path in unbroken] == [f'faces-train-0000{i}-of-00003.array_record' for i in range(3)]
  assert len(sources.RecordSource(unbroken[0].parent, 'faces', 'train')) == 10


def test_a_broken_run_goes_on_to_the_same_bytes(unbroken, tmp_path):
  KilledWorld.num_drawn = 0
  with pytest.raises(KeyboardInterrupt):
    corpus.render_corpus(tmp_path, 'faces', 'train', 10, processes=0, **{**OPTIONS, 'world': KilledWorld})
  assert len(sources.finished_shards(tmp_path, 'faces', 'train')) == 1
  assert not list(tmp_path.glob(files.UNFINISHED))
  before = sources.finished_shards(tmp_path, 'faces', 'train')[0].stat().st_mtime_ns
  shards = corpus.render_corpus(tmp_path, 'faces', 'train', 10, processes=0, **OPTIONS)
  assert shards[0].stat().st_mtime_ns == before  # not rendered again
  assert _bytes(shards) == _bytes(unbroken)


def test_worker_processes_write_the_same_bytes_and_clean_up(unbroken, tmp_path):
  dead = subprocess.Popen([sys.executable, '-c', ''])
  dead.wait()
  (tmp_path / f'.{unbroken[0].stem}.{dead.pid}-0123abcd.part.array_record').write_bytes(
    b'left by a killed process'
  )
  flags = os.environ.get('XLA_FLAGS')
  shards = corpus.render_corpus(tmp_path, 'faces', 'train', 10, processes=2, **OPTIONS)
  assert _bytes(shards) == _bytes(unbroken)
  assert not list(tmp_path.glob(files.UNFINISHED))
  assert os.environ.get('XLA_FLAGS') == flags


def test_parts_are_disjoint_and_make_the_same_bytes(unbroken, tmp_path):
  options = {**OPTIONS, 'processes': 0}
  second = corpus.render_corpus(tmp_path, 'faces', 'train', 10, part=(1, 2), **options)
  assert [path.name for path in second] == [unbroken[1].name]
  early = sources.RecordSource(tmp_path, 'faces', 'train')
  assert [early[i].clip for i in range(len(early))] == [4, 5, 6, 7]
  first = corpus.render_corpus(tmp_path, 'faces', 'train', 10, part=(0, 2), **options)
  assert [path.name for path in first] == [unbroken[0].name, unbroken[2].name]
  assert _bytes([*first, *second]) == _bytes(unbroken)
  assert corpus.render_corpus(tmp_path, 'faces', 'train', 10, part=(3, 4), **options) == []
  with pytest.raises(InputError, match='part 2/2'):
    corpus.render_corpus(tmp_path, 'faces', 'train', 10, part=(2, 2), **options)


def test_records_have_the_wanted_number_of_frames(tmp_path):
  options = {**OPTIONS, 'processes': 0}
  corpus.render_corpus(tmp_path, 'faces', 'train', 4, frames=4, **options)
  corpus.render_corpus(tmp_path, 'clips', 'train', 2, frames=50, **options)
  corpus.render_corpus(tmp_path, 'talks', 'train', 2, frames=100, **options)
  faces, clips, talks = (
    sources.RecordSource(tmp_path, kind, 'train') for kind in ('faces', 'clips', 'talks')
  )
  assert [len(faces[0].frames), len(clips[0].frames), len(talks[0].speech_motion)] == [4, 50, 100]
  np.testing.assert_array_equal(faces[0].motion[1:], faces[1].motion[1:])
  assert clips[0].audio.shape == (60 * 640,)
  with pytest.raises(InputError, match='another frames'):
    corpus.render_corpus(tmp_path, 'faces', 'train', 4, **options)
  with pytest.raises(InputError, match='1 frames'):
    corpus.render_corpus(tmp_path, 'faces', 'validation', 4, frames=1, **options)


def test_usual_lengths_leave_the_settings_of_earlier_versions(unbroken):
  settings = sources.RecordSource(unbroken[0].parent, 'faces', 'train').settings
  assert 'frames' not in settings and 'part' not in settings
  corpus.render_corpus(unbroken[0].parent, 'faces', 'train', 10, frames=3, processes=0, **OPTIONS)


def test_compiled_programs_are_kept_where_that_is_possible(tmp_path, monkeypatch):
  monkeypatch.delenv('JAX_COMPILATION_CACHE_DIR', raising=False)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  expected = {'JAX_COMPILATION_CACHE_DIR': str(tmp_path / 'seetalk-jax' / 'xla')}
  assert corpus._compilation_cache() == expected
  (tmp_path / 'file').touch()
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
  assert corpus._compilation_cache() == {}
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', 'given')
  assert corpus._compilation_cache() == {}


def test_a_workers_fault_reaches_the_caller(tmp_path):
  # Speaker ids become letters, which fails only in a worker; workers cannot import classes of this file.
  broken = functools.partial(types.SimpleNamespace, name='broken', crop_version=1, speaker_ids=operator.mul)
  with pytest.raises(ValueError, match='invalid literal'):
    corpus.render_corpus(tmp_path, 'faces', 'train', 4, processes=1, **{**OPTIONS, 'world': broken})
  assert not list(tmp_path.glob('*.array_record'))


def test_looks_of_a_pair_share_later_motions_but_not_the_speaker(unbroken):
  records = sources.RecordSource(unbroken[0].parent, 'faces', 'train')
  for i in range(0, 10, 2):
    a, b = records[i], records[i + 1]
    assert a.speaker != b.speaker
    np.testing.assert_array_equal(a.motion[1:], b.motion[1:])
    assert not np.array_equal(a.motion[1], a.motion[2])
    assert not np.array_equal(a.audio, b.audio)
  assert not np.array_equal(records[0].motion[1], records[2].motion[1])


@pytest.mark.parametrize('per_speaker', [1, 2, 3])
def test_speakers_get_their_records(per_speaker):
  records = source.WorldSource(
    'faces', 'train', 12, size=16, records_per_speaker=per_speaker, world=sketch.SketchWorld
  )
  speakers = [records.speaker_of(i) for i in range(12)]
  assert all(speakers[i] != speakers[i ^ 1] for i in range(12))
  assert set(np.bincount(speakers)) == {per_speaker}
  assert len({records[i].truth.identity.tobytes() for i in range(12)}) == 12
  later = source.WorldSource('faces', 'train', 12, size=16, first_speaker=12, world=sketch.SketchWorld)
  assert not set(speakers) & {later.speaker_of(i) for i in range(12)}


def test_clips_hold_the_speech_around_their_frames():
  record = source.WorldSource('clips', 'train', 2, size=16, world=sketch.SketchWorld)[0]
  assert len(record.frames) == 25 and record.audio.shape == (35 * 640,) and record.audio_lead == 3200
  np.testing.assert_array_equal(record.speech_motion[5:-5], record.motion)
  loudness = np.abs(record.audio[3200:-3200].astype(float)).reshape(25, 640).mean(-1)
  assert np.corrcoef(loudness, record.truth.opening)[0, 1] > 0.99


def _faces(**options):
  options = {'split': 'train', 'num': 6, 'size': 16, **options}
  return source.WorldSource('faces', **options, world=sketch.SketchWorld)


def test_a_record_depends_on_seed_and_index_alone():
  fourth = schema.encode(_faces()[4])
  assert schema.encode(_faces(num=100)[4]) == fourth
  assert schema.encode(_faces(seed=1)[4]) != fourth
  assert schema.encode(_faces(split='test')[4]) != fourth


def test_other_settings_in_the_same_place_are_refused(unbroken):
  with pytest.raises(InputError, match='another seed'):
    corpus.render_corpus(unbroken[0].parent, 'faces', 'train', 10, seed=5, processes=0, **OPTIONS)


def test_the_command_line(tmp_path, capsys):
  arguments = ['corpus', str(tmp_path), '--processes', '0', '--sketch', '--quiet']
  talks = [*arguments, '--kind', 'talks', '--num', '4']
  assert main.main(talks) == 0
  assert len(sources.RecordSource(tmp_path, 'talks', 'train')) == 4
  assert '1 shards' in capsys.readouterr().out
  assert main.main([*talks, '--json']) == 0
  assert json.loads(capsys.readouterr().out)['records'] == 4
  assert main.main(talks) == 0
  assert 'talks-train finished before, 1 shards' in capsys.readouterr().out
  clips = [*arguments, '--kind', 'clips', '--num', '6', '--shard-size', '2', '--frames', '5']
  assert main.main([*clips, '--part', '1/2']) == 0
  out, err = capsys.readouterr()
  assert 'clips-train, part 1/2 finished in' in out and 'other parts lack 2 of 3 shards' in err
  assert main.main([*clips, '--part', '0/2']) == 0
  assert capsys.readouterr().err == ''
  (tmp_path / 'file').touch()
  mistakes = {
    'another seed': [*talks, '--seed', '3'],
    "'x' is not a whole number": [*arguments, '--num', 'x'],
    "'2/1' is not I/N": [*talks, '--part', '2/1'],
    'another frames': [*talks, '--frames', '100'],
    "invalid choice: 'nothing'": [*talks, '--kind', 'nothing'],
    'required: --num': arguments,
    '3 records of faces': [*arguments, '--kind', 'faces', '--num', '3'],
    'is a file': ['corpus', str(tmp_path / 'file'), '--num', '2'],
    'is a file, ': ['corpus', str(tmp_path / 'file' / 'below'), '--num', '2'],
  }
  for message, wrong in mistakes.items():
    assert main.main(wrong) == 2
    out, err = capsys.readouterr()
    assert out == '' and err.startswith('error: ') and err.count('\n') == 1 and message in err


@pytest.mark.parametrize('number', [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_a_signal_ends_worker_processes_and_leaves_finished_shards_only(number, tmp_path):
  environment = {**os.environ, 'PYTHONPATH': str(pathlib.Path(main.__file__).parents[2])}
  command = [sys.executable, '-m', 'seetalk_jax', 'corpus', 'out', '--sketch', '--quiet', '--processes', '1']
  process = subprocess.Popen(
    [*command, '--num', '100000', '--shard-size', '20000'],
    cwd=tmp_path,
    env=environment,
    stderr=subprocess.PIPE,
    text=True,
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
  )
  deadline = time.monotonic() + 120
  while not list(tmp_path.glob('**/.*.part.*')) and process.poll() is None and time.monotonic() < deadline:
    time.sleep(0.05)
  process.send_signal(number)
  _, err = process.communicate(timeout=60)
  assert process.returncode == 128 + number, err
  assert 'Traceback' not in err
  assert not list(tmp_path.glob('**/.*.part.*'))


def _started(command, folder):
  """The process of a command, once it has begun to write a shard."""
  environment = {**os.environ, 'PYTHONPATH': str(pathlib.Path(main.__file__).parents[2])}
  process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
  deadline = time.monotonic() + 120
  while not _writers(folder) and process.poll() is None and time.monotonic() < deadline:
    time.sleep(0.05)
  return process


def _writers(folder):
  """Ids of the processes of which there are unfinished shards."""
  return {int(path.name.split('.')[2].split('-')[0]) for path in folder.glob('**/.*.part.array_record*')}


@pytest.mark.slow  # renders 900 records
def test_a_hard_kill_leaves_finished_shards_and_the_same_command_goes_on(tmp_path):
  command = [
    sys.executable,
    '-m',
    'seetalk_jax',
    'corpus',
    'out',
    '--sketch',
    '--processes',
    '1',
    '--size',
    '16',
  ]
  command += ['--num', '900', '--shard-size', '300']
  process = _started(command, tmp_path)
  (worker,) = _writers(tmp_path)
  process.kill()
  process.communicate(timeout=60)
  deadline = time.monotonic() + 30
  while pathlib.Path(f'/proc/{worker}').exists() and time.monotonic() < deadline:
    time.sleep(0.05)  # workers end with their parent
  finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob('out/faces-*.array_record')}
  assert len(finished) < 3 and _writers(tmp_path) == {worker}
  again = _started(command, tmp_path)
  _, err = again.communicate(timeout=120)
  assert again.returncode == 0, err
  assert {path: path.stat().st_mtime_ns for path in finished} == finished
  assert len(sources.RecordSource(tmp_path / 'out', 'faces', 'train')) == 900
  assert not _writers(tmp_path)


def test_a_killed_worker_process_is_one_line(tmp_path):
  command = [sys.executable, '-m', 'seetalk_jax', 'corpus', 'out', '--sketch', '--quiet', '--processes', '1']
  process = _started([*command, '--num', '100000', '--shard-size', '20000'], tmp_path)
  (worker,) = _writers(tmp_path)
  os.kill(worker, signal.SIGKILL)
  _, err = process.communicate(timeout=60)
  assert process.returncode == 2
  assert err.count('\n') == 1 and 'killed one of 1 worker processes, out: ' in err
  assert not _writers(tmp_path)


def test_people_are_the_default_world_and_talk_in_step_with_their_mouths():
  pytest.importorskip('espeakng_loader')
  records = source.WorldSource('talks', 'train', 2)
  for index in range(2):
    record = records[index]
    again = source.WorldSource('talks', 'train', 2)[index]
    assert schema.encode(record) == schema.encode(again)
    assert record.audio.shape == (200 * 640,) and np.abs(record.audio).max() < 32767
    loudness = np.sqrt(np.mean(schema.to_waveform(record.audio).reshape(200, 640) ** 2, -1))
    jaw = record.speech_motion[:, INDEX['jawOpen']]
    assert np.corrcoef(np.log(loudness + 1e-3), jaw)[0, 1] > 0.4
