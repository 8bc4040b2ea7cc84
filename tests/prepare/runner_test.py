"""Preparation of a folder: corpus and report, resumption without loss, failures."""

from __future__ import annotations

import collections
import errno
import json
import os
import pathlib
import shutil
import signal
import threading
import time

import endless_worker
import green_faces
import numpy as np
import pytest

from seetalk_jax import constants, files
from seetalk_jax.cli import main
from seetalk_jax.data import clip_lengths, pipeline, sources
from seetalk_jax.errors import InputError
from seetalk_jax.prepare import clip_quality, layouts, recording, runner, staging

SETTINGS = recording.Settings(
  size=64, max_seconds=2.0, limits=clip_quality.Thresholds(min_side=64, min_sharpness=0.0)
)


def _prepare(raw, out, settings=SETTINGS, **options):
  options = {'processes': 0, 'progress': False, 'landmarker': 'model', **options}
  return runner.prepare(raw, out, settings=settings, **options)


def _files(folder: pathlib.Path) -> dict[str, bytes]:
  return {
    path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()
  }


@pytest.fixture(scope='module')
def raw(tmp_path_factory):
  folder = tmp_path_factory.mktemp('raw')
  for number in range(4):
    (folder / f'speaker{number}').mkdir()
    green_faces.write(folder / f'speaker{number}' / 'a.mp4', seed=number, seconds=2.2)
  green_faces.write(folder / 'speaker0' / 'mute.mp4', sound=None, seconds=1.5)
  (folder / 'speaker1' / 'text.mp4').write_text('no video\n' * 50)
  whole = green_faces.write(folder / 'speaker2' / 'whole.mp4', seed=9, seconds=1.5)
  (folder / 'speaker2' / 'truncated.mp4').write_bytes(whole.read_bytes()[:20_000])
  return folder


@pytest.fixture(scope='module')
def prepared(raw, tmp_path_factory):
  with pytest.MonkeyPatch.context() as patch:
    green_faces.use(patch)
    out = tmp_path_factory.mktemp('prepared')
    summary = _prepare(raw, out, shard_records=3)
  return out, summary


def test_a_folder_becomes_a_corpus_with_a_report(raw, prepared):
  out, summary = prepared
  assert (summary.kept, summary.rejected, summary.failed) == (5, 1, 2)
  assert summary.reasons == {'no_sound': 1}
  entries = json.loads((out / 'report.json').read_text())
  assert {entry['file']: entry['status'] for entry in entries} == {
    'speaker0/a.mp4': 'kept',
    'speaker0/mute.mp4': 'rejected',
    'speaker1/a.mp4': 'kept',
    'speaker1/text.mp4': 'failed',
    'speaker2/a.mp4': 'kept',
    'speaker2/truncated.mp4': 'failed',
    'speaker2/whole.mp4': 'kept',
    'speaker3/a.mp4': 'kept',
  }
  for entry in entries:
    if entry['status'] == 'failed':
      assert 'not a video or damaged' in entry['reason']
      assert str(raw) not in entry['reason']  # no absolute paths: the corpus may be moved
  page = (out / 'report.html').read_text()
  assert page.count('<img') == 5 and 'no_sound' in page
  assert not (out / staging.STAGING_DIR).exists()
  splits = {name.split('-')[1] for name in sources.read_manifest(out)['parts']}
  total = sum(len(sources.RecordSource(out, 'real', split)) for split in splits)
  assert total == sum(entry.get('records', 0) for entry in entries)


def test_shards_hold_the_records_of_their_recordings():
  counts = [3, 0, 7, 1, 1, 12, 4, 2]
  items = [layouts.Item(file=str(i), speaker='s', clip=str(i), split='train') for i in range(len(counts))]
  entries = [{'status': 'kept' if count else 'failed', 'records': count} for count in counts]
  shards = runner.plan_shards(items, entries, 5)
  assert [(s.first, s.stop) for s in shards] == [(0, 5), (5, 10), (10, 15), (15, 20), (20, 25), (25, 30)]
  ends = np.cumsum(counts)
  for shard in shards:
    wanted = [
      (item, int(end - count), int(end))
      for item, count, end in zip(items, counts, ends, strict=True)
      if count and end > shard.first and end - count < shard.stop
    ]
    assert list(shard.members) == wanted


def test_the_time_to_plan_shards_grows_with_the_recordings():
  """A tenth of VoxCeleb2; comparing every recording with every shard takes 3 s, and 100 times as long for all of it."""
  item = layouts.Item(file='a', speaker='s', clip='c', split='train')
  began = time.process_time()
  shards = runner.plan_shards([item] * 110_000, [{'status': 'kept', 'records': 8}] * 110_000, 1024)
  assert time.process_time() - began < 2  # measured: 0.3 s
  assert len(shards) == 860 and sum(len(shard.members) for shard in shards) == 110_000


def test_training_reads_it(prepared):
  out, _ = prepared
  split = next(iter(sources.read_manifest(out)['parts'])).split('-')[1]
  with pipeline.make_batches('sync', out, batch_size=2, split=split, augment=False) as batches:
    assert next(batches)['mouth'].shape == (2, 5, *constants.MOUTH_SIZE, 3)


@pytest.mark.parametrize('removed', ['report.json', '*.clips.npy'])
def test_the_lengths_of_the_clips_are_stored_and_in_the_report(prepared, monkeypatch, tmp_path, removed):
  out = tmp_path / 'out'
  shutil.copytree(prepared[0], out)
  for path in out.glob(removed):
    path.unlink()
  opened = [sources.RecordSource(out, *name.split('-')) for name in sources.read_manifest(out)['parts']]
  counted = [clip_lengths.clip_lengths([source[i] for i in range(len(source))]) for source in opened]
  assert sum(map(len, counted)) >= 5
  monkeypatch.setattr(clip_lengths, '_counted', None)  # without reading the records
  for source, lengths in zip(opened, counted, strict=True):
    np.testing.assert_array_equal(clip_lengths.clip_lengths(source), lengths)


def test_run_again_it_says_the_same_and_touches_nothing(raw, prepared):
  out, summary = prepared
  before = {path: os.stat(out / path).st_mtime_ns for path in _files(out)}
  assert _prepare(raw, out, shard_records=3) == summary
  assert {path: os.stat(out / path).st_mtime_ns for path in _files(out)} == before


def test_another_setting_or_a_new_file_is_refused_by_name(raw, prepared, tmp_path):
  out, _ = prepared
  with pytest.raises(InputError, match='other settings'):
    _prepare(raw, out, recording.Settings(size=32))
  more = tmp_path / 'more'
  shutil.copytree(raw, more)
  (more / 'new.mp4').write_bytes(b'')
  with pytest.raises(InputError, match='new.mp4'):
    _prepare(more, out)


@pytest.mark.parametrize('stop_at', [1, 3, 7])
def test_a_broken_run_goes_on_to_the_same_bytes(raw, prepared, tmp_path, monkeypatch, stop_at):
  out, calls = tmp_path / 'out', []
  keep = staging.Staging.keep

  def breaking(self, item, outcome):
    keep(self, item, outcome)
    calls.append(item)
    if len(calls) == stop_at:
      raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(staging.Staging, 'keep', breaking)
    with pytest.raises(KeyboardInterrupt):
      _prepare(raw, out, shard_records=3)
  assert not (out / sources.CORPUS_FILE).exists()
  _prepare(raw, out, shard_records=3)
  assert _files(out) == _files(prepared[0])


def test_an_interrupt_does_not_wait_for_the_workers(tmp_path, monkeypatch):
  monkeypatch.setattr(runner, '_start_worker', endless_worker.start)
  monkeypatch.setattr(runner, '_work', endless_worker.work)
  marker = tmp_path / 'at_work'

  def interrupt():
    while not marker.exists():
      time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

  before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background shell jobs ignore it
  threading.Thread(target=interrupt).start()
  try:
    with pytest.raises(KeyboardInterrupt):
      next(runner._work_in_pool(collections.deque([marker]), 1, ()))
  finally:
    signal.signal(signal.SIGINT, before)
  assert time.time() - marker.stat().st_mtime < 20


def test_broken_between_shards_it_goes_on_to_the_same_bytes(raw, prepared, tmp_path, monkeypatch):
  out, write, written = tmp_path / 'out', sources.write_shard, []

  def breaking(path, records):
    if len(written) == 2:
      raise KeyboardInterrupt
    write(path, records)
    written.append(path)

  with monkeypatch.context() as patch:
    patch.setattr(sources, 'write_shard', breaking)
    with pytest.raises(KeyboardInterrupt):
      _prepare(raw, out, shard_records=3)
  _prepare(raw, out, shard_records=3)
  assert _files(out) == _files(prepared[0])


def test_a_file_that_vanishes_is_reported(raw, tmp_path, monkeypatch):
  moving = tmp_path / 'raw'
  shutil.copytree(raw, moving)
  prepare_one = recording.prepare_recording

  def vanishing(raw_dir, item, settings, read):
    (moving / 'speaker3' / 'a.mp4').unlink(missing_ok=True)
    return prepare_one(raw_dir, item, settings, read)

  monkeypatch.setattr(recording, 'prepare_recording', vanishing)
  summary = _prepare(moving, tmp_path / 'out')
  assert (summary.kept, summary.failed) == (4, 3)
  (line,) = [e for e in json.loads((tmp_path / 'out/report.json').read_text()) if 'speaker3' in e['file']]
  assert 'missing' in line['reason']


def test_a_full_disk_stops_and_keeps_what_is_done(raw, prepared, tmp_path, monkeypatch, capsys):
  out, write, count = tmp_path / 'out', files.write_bytes, []

  def filling(path, data):
    count.append(path)
    if len(count) > 6:
      raise OSError(errno.ENOSPC, 'No space left on device', str(path))
    write(path, data)

  with monkeypatch.context() as patch:
    patch.setattr(files, 'write_bytes', filling)
    arguments = ['prepare', str(raw), str(out), '--landmarker', 'm', '--processes', '0', '--size', '64']
    arguments += ['--max-seconds', '2', '--min-side', '64', '--min-sharpness', '0']
    assert main.main(arguments) == 2
  error = capsys.readouterr().err
  assert error.startswith('error: no space left') and error.count('\n') == 1
  done = len(list((out / staging.STAGING_DIR).glob('*/*.json')))
  assert done >= 2
  assert main.main(arguments) == 0
  assert capsys.readouterr().out.startswith('kept 5 ')


def test_a_fault_of_ours_costs_one_recording(raw, tmp_path, monkeypatch, capsys):
  prepare_one = recording.prepare_recording

  def faulty(raw_dir, item, settings, read):
    if item.file == 'speaker0/a.mp4':
      raise ValueError('a bug')
    return prepare_one(raw_dir, item, settings, read)

  monkeypatch.setattr(recording, 'prepare_recording', faulty)
  summary = _prepare(raw, tmp_path / 'out')
  assert (summary.kept, summary.failed) == (4, 3)
  assert 'ValueError: a bug' in capsys.readouterr().err


def test_names_that_are_not_utf_8(tmp_path):
  names = [os.fsdecode(name) for name in (b'sp\xffeaker', b'sp\xfeeaker')]
  for name in names:
    (tmp_path / 'raw' / name).mkdir(parents=True)
    green_faces.write(tmp_path / 'clip.mp4', seconds=1.2)
    (tmp_path / 'clip.mp4').rename(tmp_path / 'raw' / name / os.fsdecode(b'cl\xe9p.mp4'))
  summary = _prepare(tmp_path / 'raw', tmp_path / 'out')
  assert summary.kept == 2
  entries = json.loads((tmp_path / 'out' / 'report.json').read_text('utf-8'))
  assert all((tmp_path / 'raw' / entry['file']).is_file() for entry in entries)
  assert sorted(entry['speaker'] for entry in entries) == ['sp\\xfeeaker', 'sp\\xffeaker']
  page = (tmp_path / 'out' / 'report.html').read_text('utf-8')
  assert 'sp\\udcffeaker/cl\\udce9p.mp4' in page
  assert _prepare(tmp_path / 'raw', tmp_path / 'out') == summary  # nothing left to do
