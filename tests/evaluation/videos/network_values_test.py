"""Measures with networks: features in fixed batches, identity over time, and a whole evaluation with tiny networks."""

import green_faces
import numpy as np
import pytest
from random_networks import random_network
from template_faces import landmarks

from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation.measures import frechet, frechet_features
from seetalk_jax.evaluation.measures.aligned_faces import TEMPLATE
from seetalk_jax.evaluation.videos import network_values, run, sources
from seetalk_jax.evaluation.videos.evaluation import COPY, PRED, REAL, VideoEvaluation
from seetalk_jax.evaluation.videos.network_values import Features, Identity, Networks
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.store import Store
from seetalk_jax.models.critics import i3d
from seetalk_jax.training.initial_weights import InitialNetwork


def means(frames):
  """Mean color of frames `[t, S, S, 3]`: `[t, 3]`."""
  return frames.mean(axis=(1, 2))


def numbered(count, side=8):
  return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, side, side, 3))


@pytest.mark.parametrize('chunk', [1, 5, 16])
def test_features_of_every_third_frame_whatever_the_chunks(chunk):
  features = Features('mean', means, every=3, batch=4)
  frames = numbered(29)
  for start in range(0, 29, chunk):
    features.add(frames[start : start + chunk])
  np.testing.assert_array_equal(features.arrays()['mean'][:, 0], np.arange(0, 29, 3))


def test_identity_drift_is_the_cosine_of_the_latest_time_with_the_start():
  """Crops of a frame of color c have the feature (cos c, sin c)."""

  def extract(crops):
    angle = np.radians(crops[:, 56, 56, 0].astype(float))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)

  points = np.broadcast_to(landmarks(TEMPLATE + 20), (50 * 25, 478, 2)).copy()
  points[10] = np.nan
  identity = Identity(points, extract, 5, (10.0, 40.0, 60.0))
  for frame in range(50 * 25):
    color = 60 if frame > 39 * 25 else 0
    identity.add(np.full((1, 160, 160, 3), color, np.uint8))
  wanted = {
    'identity_drift': 0.5,
    'identity_drift_40': 0.5,
  }  # 10 s is no time of the catalogue, 60 s is not reached
  assert identity.values() == pytest.approx(wanted, abs=1e-6)
  assert 10 not in identity.arrays()['identity_frames']
  assert len(identity.arrays()['identity']) == 249


def test_similarity_counts_frames_that_both_have():
  first = {'identity': np.eye(3), 'identity_frames': np.array([0, 5, 10])}
  second = {'identity': np.array([[0, 1.0, 0], [1, 0, 0]]), 'identity_frames': np.array([5, 15])}
  assert network_values.identity_similarity(first, second) == 1.0
  assert np.isnan(network_values.identity_similarity(first, {}))


@pytest.fixture(scope='module')
def networks():
  """Tiny networks with random weights: they test the wiring, and their values are not those measures."""
  drawn = {name: random_network(name) for name in ('inception', 'i3d', 'perceptual', 'face_encoder')}
  levels = drawn['perceptual'][1]  # LPIPS has positive weights of channels
  levels |= {name: np.abs(weights) for name, weights in levels.items() if name.startswith('level_')}
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(i3d, 'IMAGE_SIDE', 64)  # a twelfth of the time
    yield Networks({name: InitialNetwork(*network, {}, (), '') for name, network in drawn.items()}, {})
  frechet_features._compiled.cache_clear()


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
  """Two generated and two real videos."""
  root = tmp_path_factory.mktemp('videos')
  for name, shift in (('a', 0), ('b', 30)):
    for folder, moved in (('real', 0), ('pred', 15)):
      (root / folder).mkdir(exist_ok=True)
      square = (100 + shift + moved, 40, 100)
      green_faces.write(root / folder / f'{name}.mp4', seconds=1.4, squares=(square,))
  return [sources.folder_videos(str(root / name)) for name in ('pred', 'real')]


def evaluation_of(networks, folder):
  """An evaluation, and the store that it keeps results in."""
  store = Store(str(folder), 'settings')
  return VideoEvaluation(Protocol(side=64), green_faces.read, store, networks), store


@pytest.fixture(scope='module')
def whole(networks, videos, tmp_path_factory):
  """An evaluation of all videos in one process, and its rows."""
  evaluation, _ = evaluation_of(networks, tmp_path_factory.mktemp('whole'))
  return evaluation, evaluation.rows(*videos)


def test_an_evaluation_with_networks(networks, videos, whole):
  evaluation, rows = whole
  real = videos[1]
  assert set(rows[PRED].sets) == {'fid', 'fvd', 'theval_ratio'}
  assert rows[PRED].sets['fid'] > 0 and rows[PRED].sets['fvd'] > 0
  assert set(rows[REAL].sets) == {'theval_ratio'}
  assert rows[PRED].videos['a']['lpips'] > 0
  assert -1 <= rows[PRED].videos['a']['csim'] <= 1
  assert rows[COPY].videos['a']['csim'] == pytest.approx(1.0, abs=0.2)
  assert evaluation.rows(real, real)[PRED].sets['fid'] == pytest.approx(0.0, abs=1e-6)
  missing = run.missing_measures(networks)
  assert set(missing) - {'flicker'} == {'lse_d', 'lse_c', 'syncnet_offset'}


def test_sets_are_the_same_streamed_in_parts_and_in_memory(networks, videos, whole, tmp_path):
  for index in range(3):
    evaluation_of(networks, tmp_path)[0].measure_part(*videos, index, 3)
  evaluation, store = evaluation_of(networks, tmp_path)
  rows = evaluation.rows(*videos)
  assert store.computed == 0
  assert {name: row.sets for name, row in rows.items()} == {name: row.sets for name, row in whole[1].items()}
  for name, array in (('fid', 'inception'), ('fvd', 'i3d')):
    features = [[evaluation._measured(video).arrays[array] for video in group] for group in videos]
    in_memory = frechet.frechet_distance(*map(np.concatenate, features))
    assert rows[PRED].sets[name] == pytest.approx(in_memory, rel=1e-6) and in_memory > 0
    merged = []
    for first, *others in [[frechet.GaussianStatistics.of([part]) for part in parts] for parts in features]:
      for other in others:
        first.merge(other)
      merged.append(first)
    assert frechet.frechet_distance(*merged) == pytest.approx(in_memory, rel=1e-6)


def test_other_networks_are_refused():
  with pytest.raises(ConfigError, match=r'config\.networks\.vgg is no network'):
    Networks.load({'vgg': 'somewhere'})
  assert 'inception' not in Networks.load({'inception': ''})
