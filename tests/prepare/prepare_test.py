"""Preparation of raw recordings: accepted clips, rejected clips with reasons, resumption without loss."""

from __future__ import annotations

import collections
import errno
import json
import os
import pathlib
import signal
import threading
import time

import endless_worker
import green_faces
import numpy as np
import pytest
import sounds

from seetalk_jax import constants, files
from seetalk_jax.cli import main
from seetalk_jax.data import pipeline, schema, sources
from seetalk_jax.errors import InputError
from seetalk_jax.media import face
from seetalk_jax.prepare import audio_checks, clip_quality, clips, layouts, recording, runner, staging, tracks

SETTINGS = recording.Settings(
  size=64, max_seconds=2.0, limits=clip_quality.Thresholds(min_side=64, min_sharpness=0.0)
)


@pytest.fixture(autouse=True)
def _reader(monkeypatch):
  green_faces.use(monkeypatch)


def _prepare(raw, out, settings=SETTINGS, **options):
  options = {'processes': 0, 'progress': False, 'landmarker': 'model', **options}
  return runner.prepare(raw, out, settings=settings, **options)


def _files(folder: pathlib.Path) -> dict[str, bytes]:
  return {
    path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()
  }


def _outcome(tmp_path, settings=SETTINGS, **how):
  path = green_faces.write(tmp_path / 'clip.mp4', **how)
  item = layouts.LAYOUTS['folder'](path.name)
  return recording.prepare_recording(tmp_path, item, settings, green_faces.read)


# ------------------------------------------------------------------------------------------ one recording
def test_a_good_recording_becomes_records_that_join_without_a_gap(tmp_path):
  outcome = _outcome(tmp_path, seconds=3.3, fps=30.0)
  assert outcome.entry['status'] == 'kept'
  records = [schema.decode(data) for data in outcome.records]
  assert sum(len(record.frames) for record in records) == round(3.3 * 25)
  now = 0.0
  for record in records:
    assert record.start_seconds == pytest.approx(now)
    now += len(record.frames) / 25
    lead, samples = record.audio_lead, len(record.frames) * 640
    assert lead == (3200 if record.start_seconds else 0)
    assert len(record.audio) >= lead + samples
    assert record.crop_version == face.PORTRAIT_CROP.version
    assert record.lip_box.shape == (len(record.frames), 4)
    sides = record.lip_box[:, 2:] - record.lip_box[:, :2]
    np.testing.assert_allclose(sides, clips.LIP_BOX_SIDE, atol=1e-5)
  # The audio margins of a record are the sound of its neighbor.
  first, second = records[:2]
  np.testing.assert_array_equal(
    first.audio[first.audio_lead + len(first.frames) * 640 :][:3200],
    second.audio[second.audio_lead :][:3200],
  )


def test_the_crop_stands_where_the_portrait_crop_says(tmp_path):
  outcome = _outcome(tmp_path)
  record = schema.decode(outcome.records[0])
  eyes = record.landmarks[:, list(face.EYE_CORNERS)].mean(axis=(0, 1))
  np.testing.assert_allclose(eyes, [face.PORTRAIT_CROP.eyes_x, face.PORTRAIT_CROP.eyes_y], atol=0.01)


@pytest.mark.parametrize(
  ('how', 'reason'),
  [
    ({'sound': None}, 'no_sound'),
    ({'sound': 'silence'}, 'silent'),
    ({'sound': 'hum'}, 'no_speech'),
    ({'squares': ()}, 'no_face'),
    ({'seconds': 0.6}, 'too_short'),
    ({'squares': ((150, 100, 20),)}, 'small_face'),
    ({'squares': ((20, 40, 90), (200, 40, 90)), 'late': 1.0}, 'several_faces'),
  ],
)
def test_what_cannot_be_used_is_refused_for_its_reason(tmp_path, how, reason):
  entry = _outcome(tmp_path, **how).entry
  assert (entry['status'], entry['reason']) == ('rejected', reason)
  assert reason in clip_quality.REASONS


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


def test_sound_without_a_decoder_is_no_sound(tmp_path):
  path = sounds.without_decoder(green_faces.write(tmp_path / 'clip.mp4', seconds=1.0), 1)
  item = layouts.LAYOUTS['folder'](path.name)
  entry = recording.prepare_recording(tmp_path, item, SETTINGS, green_faces.read).entry
  assert (entry['status'], entry['reason']) == ('rejected', 'no_sound')
  assert 'can be decoded' in clip_quality.REASONS['no_sound']


def test_a_blurred_face_is_refused(tmp_path):
  limits = clip_quality.Thresholds(min_side=64, min_sharpness=1e6)
  entry = _outcome(tmp_path, recording.Settings(size=64, limits=limits)).entry
  assert entry['reason'] == 'blurred'


def test_late_sound_is_flagged_and_refused_on_demand(tmp_path):
  entry = _outcome(tmp_path, seconds=6.0, late=0.28).entry
  assert entry['clips'][0]['offset'] == 7
  assert 'late' in entry['clips'][0]['flags'][0]
  assert not _outcome(tmp_path, seconds=6.0).entry['clips'][0]['flags']
  limits = clip_quality.Thresholds(min_side=64, min_sharpness=0.0, max_offset=3)
  entry = _outcome(tmp_path, recording.Settings(size=64, limits=limits), seconds=6.0, late=0.28).entry
  assert entry['reason'] == 'offset'


def test_a_head_that_walks_is_cut_into_still_clips(tmp_path):
  settings = recording.Settings(size=64, max_seconds=10.0, limits=SETTINGS.limits)
  entry = _outcome(tmp_path, settings, seconds=4.0, drift=40.0, squares=((10, 60, 90),)).entry
  assert len(entry['clips']) > 1
  lefts = [clip['box'][0] for clip in entry['clips']]
  assert lefts == sorted(lefts)
  assert all(b['start'] == a['stop'] for a, b in zip(entry['clips'], entry['clips'][1:], strict=False))


def test_long_clips_are_cut(tmp_path):
  entry = _outcome(tmp_path, seconds=4.5).entry  # max_seconds is 2
  assert [clip['stop'] - clip['start'] for clip in entry['clips']] == pytest.approx([2.0, 2.0])
  assert entry['refused_clips'] == {'too_short': 1}


# ------------------------------------------------------------------------------------------ its parts
def test_tracks_bridge_short_gaps_and_end_at_long_ones():
  frames = [np.zeros((100, 100, 3), np.uint8) for _ in range(40)]
  for index, frame in enumerate(frames):
    if index not in (10, 11, *range(20, 30)):
      frame[20:60, 20 + index // 4 : 60 + index // 4] = (0, 220, 30)
  seen = tracks.watch(frames, green_faces.read)
  assert [(track.start, track.stop) for track in seen.tracks] == [(0, 20), (30, 40)]
  assert [int(track.seen.sum()) for track in seen.tracks] == [18, 10]
  assert seen.faces_seen.sum() == 28
  eyes = seen.tracks[0].landmarks[:, face.EYE_CORNERS[0], 0]
  assert (np.diff(eyes) >= -1e-4).all()  # gaps are interpolated


def test_find_offset_recovers_a_shift_either_way():
  rng = np.random.default_rng(0)
  opening = np.convolve(rng.uniform(size=250), np.ones(3) / 3, mode='same')
  for lag in (-6, 0, 7):
    loud = np.repeat(np.roll(opening, lag), 640)
    times = np.arange(len(loud)) / 16_000
    waveform = (10 ** (2 * loud - 3)) * np.sin(2 * np.pi * 500 * times)
    assert audio_checks.find_offset(opening, waveform).frames == lag


def test_speech_share_tells_syllables_from_steady_noise():
  rng = np.random.default_rng(0)
  times = np.arange(48_000) / 16_000
  noise = rng.normal(size=len(times))
  syllables = (np.sin(2 * np.pi * 3 * times) > 0) * np.sin(2 * np.pi * 300 * times) * 0.3
  assert audio_checks.speech_share(0.1 * noise) < 0.05
  assert audio_checks.speech_share(0.1 * np.sin(2 * np.pi * 200 * times)) < 0.05
  assert 0.3 < audio_checks.speech_share(syllables + 1e-4 * noise) < 0.8
  assert audio_checks.is_silent(np.full(1000, 0.3)) and not audio_checks.is_silent(syllables)


def test_head_pose_follows_the_embedded_world():
  yaw, pitch, roll = 0.3, -0.2, 0.1
  cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
  # Columns as in data.synthetic.head.rig: images of the head's x, y and z axes.
  rotation = np.array(
    [
      [cy * cr + sy * sp * sr, cy * sr - sy * sp * cr, sy * cp],
      [-cp * sr, cp * cr, sp],
      [-sy * cr + cy * sp * sr, -sy * sr - cy * sp * cr, cy * cp],
    ]
  )
  points = green_faces.landmarks(0, 0, 1, 0.1)[None]
  pose = clips.head_pose(rotation[None], points)
  np.testing.assert_allclose(pose[0], [yaw, pitch, roll, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
  ('layout', 'file', 'speaker', 'split'),
  [
    ('folder', 'anna/talks/3.mp4', 'anna', None),
    ('folder', 'bert.mov', 'bert', None),
    ('hdtf', 'WDA_BobMenendez_001.mp4', 'WDA_BobMenendez', None),
    ('voxceleb2', 'dev/mp4/id00012/21Uxsk56VDQ/00001.mp4', 'id00012', None),
    ('voxceleb2', 'test/mp4/id00017/01dfn2spqyE/00001.mp4', 'id00017', 'test'),
    ('avspeech', 'train/AbCdEfGhIjK_10.0_14.2.mp4', 'AbCdEfGhIjK', None),
    ('avspeech', 'test/AbCdEfGhIjK/10.0_14.2.mp4', 'AbCdEfGhIjK', 'test'),
  ],
)
def test_layouts(layout, file, speaker, split):
  item = layouts.LAYOUTS[layout](file)
  assert item.speaker == speaker
  assert item.split == split if split else item.split in layouts.SPLITS
  if layout in ('voxceleb2', 'avspeech') and split is None:
    assert item.split != 'test'  # only the official list sets the test split


def test_splits_go_by_speaker_in_their_shares():
  counts = {split: 0 for split in layouts.SPLITS}
  for number in range(4000):
    counts[layouts.split_of(f'speaker {number}')] += 1
  assert counts['train'] / 4000 == pytest.approx(0.9, abs=0.02)
  assert counts['test'] / 4000 == pytest.approx(0.05, abs=0.015)


# ------------------------------------------------------------------------------------------ a whole folder
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


def test_training_reads_it(prepared):
  out, _ = prepared
  split = next(iter(sources.read_manifest(out)['parts'])).split('-')[1]
  with pipeline.make_batches('sync', out, batch_size=2, split=split, augment=False) as batches:
    assert next(batches)['mouth'].shape == (2, 5, *constants.MOUTH_SIZE, 3)


def test_run_again_it_says_the_same_and_touches_nothing(raw, prepared):
  out, summary = prepared
  before = {path: os.stat(out / path).st_mtime_ns for path in _files(out)}
  assert _prepare(raw, out, shard_records=3) == summary
  assert {path: os.stat(out / path).st_mtime_ns for path in _files(out)} == before


def test_another_setting_or_a_new_file_is_refused_by_name(raw, prepared, tmp_path):
  out, _ = prepared
  with pytest.raises(InputError, match='other settings'):
    _prepare(raw, out, recording.Settings(size=32))
  import shutil

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
  import shutil

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


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    (['nowhere', 'out'], 'no such folder'),
    (['.', 'out'], 'no videos'),
    (['.', 'out', '--layout', 'tree'], 'layout'),
    (['.', 'out', '--size', '0'], 'size'),
  ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, arguments, message):
  monkeypatch.chdir(tmp_path)
  assert main.main(['prepare', *arguments, '--landmarker', 'model']) == 2
  error = capsys.readouterr().err
  assert error.startswith('error: ') and message in error and error.count('\n') == 1
  assert not pathlib.Path('out').exists()
