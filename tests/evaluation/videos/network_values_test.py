"""Measures with networks: features in fixed batches, identity over time, and a whole evaluation with tiny networks."""

import green_faces
import jax
import numpy as np
import pytest
from template_faces import landmarks

from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation.measures.aligned_faces import TEMPLATE
from seetalk_jax.evaluation.videos import network_values, run, sources
from seetalk_jax.evaluation.videos.evaluation import COPY, PRED, REAL, VideoEvaluation
from seetalk_jax.evaluation.videos.network_values import Features, Identity, Networks
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.store import Store
from seetalk_jax.models import registry
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
  assert identity.values()['identity_drift'] == pytest.approx(0.5, abs=1e-6)
  assert 10 not in identity.arrays()['identity_frames']
  assert len(identity.arrays()['identity']) == 249


def test_similarity_counts_frames_that_both_have():
  first = {'identity': np.eye(3), 'identity_frames': np.array([0, 5, 10])}
  second = {'identity': np.array([[0, 1.0, 0], [1, 0, 0]]), 'identity_frames': np.array([5, 15])}
  assert network_values.identity_similarity(first, second) == 1.0
  assert np.isnan(network_values.identity_similarity(first, {}))


@pytest.fixture(scope='module')
def networks():
  """Tiny networks with random weights: they test the wiring, and their values mean nothing."""
  loaded = {}
  for name in ('inception', 'i3d', 'perceptual', 'face_encoder'):
    module = registry.make(name, 'tiny')
    params = module.init(jax.random.key(0), *_zeros(module.example_inputs()))['params']
    loaded[name] = InitialNetwork(module, jax.tree.map(np.asarray, params), {}, (), '')
  return Networks(loaded, {})


def _zeros(shapes):
  return jax.tree.map(lambda shape: np.zeros(shape.shape, shape.dtype), shapes)


def test_an_evaluation_with_networks(networks, tmp_path):
  for name, shift in (('a', 0), ('b', 30)):
    for folder, moved in (('real', 0), ('pred', 15)):
      (tmp_path / folder).mkdir(exist_ok=True)
      square = (100 + shift + moved, 40, 100)
      green_faces.write(tmp_path / folder / f'{name}.mp4', seconds=1.6, squares=(square,))
  pred, real = (sources.folder_videos(str(tmp_path / name)) for name in ('pred', 'real'))
  store = Store(str(tmp_path / 'store'), 'settings')
  evaluation = VideoEvaluation(Protocol(side=64), green_faces.read, store, networks)
  rows = evaluation.rows(pred, real)
  assert set(rows[PRED].sets) == {'fid', 'fvd', 'theval_ratio'}
  assert rows[PRED].sets['fid'] > 0 and rows[PRED].sets['fvd'] > 0
  assert set(rows[REAL].sets) == {'theval_ratio'}
  assert rows[PRED].videos['a']['lpips'] > 0
  assert -1 <= rows[PRED].videos['a']['csim'] <= 1
  assert rows[COPY].videos['a']['csim'] == pytest.approx(1.0, abs=0.2)
  assert evaluation.rows(real, real)[PRED].sets['fid'] == pytest.approx(0.0, abs=1e-6)
  missing = run.missing_measures(networks)
  assert set(missing) - {'flicker'} == {'lse_d', 'lse_c', 'syncnet_offset'}


def test_other_networks_are_refused():
  with pytest.raises(ConfigError, match=r'config\.networks\.vgg is no network'):
    Networks.load({'vgg': 'somewhere'})
  assert 'inception' not in Networks.load({'inception': ''})
