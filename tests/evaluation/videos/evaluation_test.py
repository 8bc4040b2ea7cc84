"""Evaluation of video folders on recordings of green squares: rows, pairs, baselines, resuming, outputs."""

import json

import green_faces
import numpy as np
import pytest

from seetalk_jax import blendshapes
from seetalk_jax.errors import InputError
from seetalk_jax.evaluation.probes import landmarks
from seetalk_jax.evaluation.videos import (
  catalogue,
  measuring,
  network_values,
  picture_values,
  report,
  run,
  sources,
  summary,
  track_values,
)
from seetalk_jax.evaluation.videos.evaluation import COPY, PRED, REAL, SHUFFLED, Row, VideoEvaluation
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.store import Store

PROTOCOL = Protocol(side=64)


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
  """Folders `real` with three videos and `pred` with the same first one, another second one, and an unpaired one."""
  root = tmp_path_factory.mktemp('videos')
  for name, shift in (('a', 0), ('b', 30), ('c', 10)):
    square = (100 + shift, 40, 100)
    green_faces.write(_new(root / 'real' / f'{name}.mp4'), seconds=2.0, squares=(square,), seed=shift)
  green_faces.write(_new(root / 'pred' / 'a.mp4'), seconds=2.0, squares=((100, 40, 100),))
  green_faces.write(_new(root / 'pred' / 'b.mp4'), seconds=1.6, squares=((60, 40, 100),))
  green_faces.write(_new(root / 'pred' / 'd.mp4'), seconds=1.6)
  return root


def _new(path):
  path.parent.mkdir(exist_ok=True)
  return path


def evaluate(folders, store):
  pred, real = (sources.folder_videos(str(folders / name)) for name in ('pred', 'real'))
  return VideoEvaluation(PROTOCOL, green_faces.read, store).rows(pred, real)


@pytest.fixture(scope='module')
def rows(folders, tmp_path_factory):
  return evaluate(folders, Store(str(tmp_path_factory.mktemp('store')), 'settings'))


def test_rows_and_their_videos(rows):
  assert list(rows) == [PRED, REAL, COPY, SHUFFLED]
  assert [list(row.videos) for row in rows.values()] == [['a', 'b', 'd'], *[['a', 'b', 'c']] * 3]
  for row in rows.values():
    for values in row.videos.values():
      assert set(values) <= set(catalogue.ALL)


def test_the_same_video_equals_the_real_one(rows):
  same, real = rows[PRED].videos['a'], rows[REAL].videos['a']
  assert {name: same[name] for name in real} == pytest.approx(real, nan_ok=True)
  assert same['psnr'] == 100.0
  assert same['ssim'] == pytest.approx(1.0)
  assert same['opening_r'] == pytest.approx(1.0)
  assert same['opening_ratio'] == pytest.approx(1.0)
  assert same['lmd'] == pytest.approx(0.0, abs=1e-6)


def test_another_video_differs_and_an_unpaired_one_has_no_pair(rows):
  other, single = rows[PRED].videos['b'], rows[PRED].videos['d']
  assert other['psnr'] < 25
  assert 'psnr' not in single
  assert single['one_face'] == 100.0


def test_a_still_copy_does_not_move(rows):
  for values in rows[COPY].videos.values():
    for name in ('head_motion', 'lip_dynamics', 'yaw', 'opening'):
      assert values[name] == pytest.approx(0.0, abs=1e-6), name
  assert rows[COPY].sets['theval_ratio'] < rows[REAL].sets['theval_ratio'] == 1.0


def test_flicker_is_what_optical_flow_does_not_explain():
  pytest.importorskip('cv2')
  frames = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
  moved = [np.roll(frames, 2 * i, axis=1)[:, 40:] for i in range(5)]
  flicker = {}
  for name, shift in (('still', 0), ('brighter and darker', 12)):
    flow = picture_values.Flicker()
    flow.add(
      np.stack(
        [np.clip(each.astype(int) + shift * (i % 2), 0, 255).astype(np.uint8) for i, each in enumerate(moved)]
      )
    )
    flicker[name] = flow.values()['flicker']
  assert flicker['brighter and darker'] > 5 > 2 * flicker['still']


def test_shuffled_sound_changes_measures_of_the_sound_alone(rows):
  values = rows[SHUFFLED].videos['a']
  assert set(values) == {
    *(
      'lip_sync',
      'beat_alignment',
      'offset',
      'offset_correlation',
      'mouth_regression',
      'mouth_regression_lag',
    )
  }
  assert values['lip_sync'] != rows[REAL].videos['a']['lip_sync']


def test_a_killed_evaluation_goes_on(folders, tmp_path, rows, monkeypatch):
  done, original = [], measuring.measure_video

  def dies_at_the_third(*args):
    if len(done) == 2:
      raise KeyboardInterrupt
    done.append(args)
    return original(*args)

  monkeypatch.setattr(measuring, 'measure_video', dies_at_the_third)
  with pytest.raises(KeyboardInterrupt):
    evaluate(folders, Store(str(tmp_path), 'settings'))
  monkeypatch.undo()
  store = Store(str(tmp_path), 'settings')
  again = evaluate(folders, store)
  # Nine videos of three rows, of which two are one file, and five pairs, without the two that were done.
  assert store.computed == 8 - 2 + 5
  for name, values in again[PRED].videos.items():
    assert values == pytest.approx(rows[PRED].videos[name], nan_ok=True)
  store = Store(str(tmp_path), 'settings')
  evaluate(folders, store)
  assert store.computed == 0
  store = Store(str(tmp_path), 'other settings')
  evaluate(folders, store)
  assert store.computed == 13


def test_metrics_table_and_report(folders, rows, tmp_path):
  missing = run.missing_measures(network_values.Networks({}, {}))
  assert 'seetalk convert inception' in missing['fid']
  printed = summary.table(rows, missing)
  assert printed.splitlines()[0].split() == ['measure', *rows]
  assert 'PSNR, dB' in printed and 'FID: not computed: weights for inception not found' in printed
  contents = summary.contents(rows, PROTOCOL, missing, {'face_landmarker': 'abc'}, {'pred': 'pred'})
  summary.write_metrics(tmp_path / 'metrics.json', contents)
  read = json.loads((tmp_path / 'metrics.json').read_text())
  assert read['protocol']['digest'] == PROTOCOL.digest()
  assert read['rows']['pred']['psnr']['count'] == 2
  assert read['rows']['pred']['psnr']['value'] == pytest.approx(
    np.mean([rows[PRED].videos[name]['psnr'] for name in 'ab'])
  )
  assert set(read['videos']['real']) == {'a', 'b', 'c'}
  pred, real = (sources.folder_videos(str(folders / name)) for name in ('pred', 'real'))
  report.write_report(tmp_path / 'report.html', contents, pred, real)
  page = (tmp_path / 'report.html').read_text()
  assert page.count('<video') == 3
  assert 'src="http' not in page and 'href="http' not in page
  assert page.count('<tr>') > 20


def test_other_settings_give_another_digest():
  digests = {Protocol().digest(), Protocol(side=128).digest(), Protocol(framing='portrait').digest()}
  assert len(digests) == 3
  for settings in (dict(framing='square'), dict(side=8), dict(picture_every=0)):
    with pytest.raises(ValueError, match=next(iter(settings))):
      Protocol(**settings)


def test_folders_are_checked_first(tmp_path):
  with pytest.raises(InputError, match='no videos'):
    sources.folder_videos(str(tmp_path / 'missing'))
  (tmp_path / 'notes.txt').write_text('no video')
  with pytest.raises(InputError, match=r'notes\.txt'):
    sources.folder_videos(str(tmp_path))
  (tmp_path / 'notes.txt').unlink()
  green_faces.write(tmp_path / 'a.mp4', seconds=0.2)
  (tmp_path / 'a.mkv').write_bytes((tmp_path / 'a.mp4').read_bytes())
  with pytest.raises(InputError, match="two videos of the name 'a'"):
    sources.folder_videos(str(tmp_path))


def test_only_the_start_of_a_long_video_is_read(folders):
  video = sources.VideoFile(folders / 'real' / 'a.mp4', max_frames=10)
  assert len(list(video.frames())) == 10
  assert video.identity != sources.VideoFile(folders / 'real' / 'a.mp4').identity


def test_shuffled_sound_that_is_shorter_counts_only_where_it_is(tmp_path):
  """Videos of 4 s and of 2 s: the long one with the short sound is measured over 2 s."""
  (tmp_path / 'real').mkdir()
  for name, seconds, seed in (('long', 4.0, 1), ('short', 2.0, 2)):
    green_faces.write(tmp_path / 'real' / f'{name}.mp4', seconds=seconds, seed=seed)
  videos = {video.name: video for video in sources.folder_videos(str(tmp_path / 'real'))}
  evaluation = VideoEvaluation(PROTOCOL, green_faces.read, Store(str(tmp_path / 'store'), 'settings'))
  values = evaluation.rows(list(videos.values()), [])[SHUFFLED].videos['long']
  track = landmarks.track_face(videos['long'].frames(), green_faces.read, 'frame')
  sound = videos['short'].waveform()
  first = track_values.track_values(track.until(len(sound) // 640), sound)
  assert values['offset_correlation'] == pytest.approx(first['offset_correlation'], abs=1e-4)
  assert values['lip_sync'] == pytest.approx(first['lip_sync'], abs=1e-4)
  assert len(track.until(50).points) == len(track.until(50).angles) == 50


def test_short_videos_have_no_rate_of_blinks_and_sound_of_others_no_offset():
  lids = np.zeros((200, 52), np.float32)
  lids[5:8, [blendshapes.NAMES.index(f'eyeBlink{side}') for side in ('Left', 'Right')]] = 1.0
  rng = np.random.default_rng(0)
  opening, other = np.convolve(rng.uniform(size=402), np.ones(3) / 3, mode='valid').reshape(2, 200)
  points = np.stack([green_faces.landmarks(60, 40, 120, 0.2 * each) for each in opening])
  track = landmarks.FaceTrack(points, np.zeros((200, 3)), lids, np.ones(200, int), box=None, aspect=1.0)

  def voice(level):
    times = np.arange(640 * len(level)) / 16_000
    return np.repeat(10 ** (2 * level - 3), 640) * np.sin(2 * np.pi * 500 * times)

  own, wrong = (track_values.track_values(track, voice(level)) for level in (opening, other))
  assert own['blinks'] == pytest.approx(60 / 8)
  assert np.isnan(track_values.track_values(track.until(13), None)['blinks'])
  assert own['offset'] == 0 and own['offset_correlation'] > 0.9
  assert np.isnan(wrong['offset']) and wrong['offset_correlation'] < 0.5


def test_the_table_says_how_many_videos_have_a_value():
  videos = {str(i): {'yaw': 1.0 + i, 'offset': float(i) if i < 2 else float('nan')} for i in range(5)}
  lines = summary.table({'pred': Row(videos, {})}, {}).splitlines()
  assert [line.endswith(' n=2') for line in lines[2:]] == [False, True]
