"""ConRe stage: InfoNCE against NumPy, a learned batch, statistics, training without ground truth, regularization."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import precisions
import pytest
from stage1_training import batch_of, losses, unboxed
from tiny_stages import SIZE, config_of

from seetalk_jax import blendshapes
from seetalk_jax.constants import LIPS
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.stages import base
from seetalk_jax.stages.conre import info_nce


def numpy_info_nce(speech, face, temperature, speaker):
  total = 0.0
  for a, b in ((speech, face), (face, speech)):
    for i in range(len(a)):
      rows = [j for j in range(len(b)) if j == i or speaker[j] != speaker[i]]
      logits = np.array([a[i] @ b[j] / temperature for j in rows])
      total += np.log(np.exp(logits).sum()) - logits[rows.index(i)]
  return total / (2 * len(speech))


@pytest.mark.parametrize('speaker', [[0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 2, 2]])
def test_info_nce_matches_numpy(speaker):
  pair = np.random.default_rng(0).standard_normal((2, 6, 16)).astype(np.float32)
  speech, face = pair / np.linalg.norm(pair, axis=-1, keepdims=True)
  loss, found = jax.jit(info_nce)(speech, face, 0.1, np.array(speaker))
  np.testing.assert_allclose(loss, numpy_info_nce(speech, face, 0.1, speaker), rtol=1e-5)
  assert all(0 <= recall <= 1 for recall in found.values())
  assert jax.jit(info_nce)(speech, speech, 0.1, np.arange(6))[1] == {'recall_at_1': 1, 'recall_at_5': 1}


def test_similarities_are_in_full_precision_on_every_device():
  x = np.ones((4, 8), np.float32)
  precisions.assert_full(lambda a, b: info_nce(a, b, 0.01, np.arange(4))[0], x, x)


def test_same_speaker_is_no_negative():
  # Two looks of one speaker are no negatives of each other, so nothing remains to separate.
  x = np.array([[1.0, 0.0], [1.0, 0.01]], np.float32) / np.array([[1.0], [np.hypot(1.0, 0.01)]], np.float32)
  loss = jax.jit(lambda speaker: info_nce(x, x, 0.05, speaker)[0])
  assert loss(np.array([7, 7])) < 1e-6
  assert loss(np.array([7, 8])) > 0.5


@pytest.fixture(scope='module')
def conre():
  networks = ['speech_encoder', 'face_encoder', 'conre']
  stage = base.build_stage(config_of('conre', networks, image_size=SIZE), {})
  batch = batch_of(stage)
  statistics = stage.prepare(base.Frozen(), iter([batch, batch]))
  return stage, batch, base.Frozen(statistics=statistics)


def test_conre_learns_a_batch(conre):
  stage, batch, frozen = conre
  history, params = losses(stage, frozen, batch, 12)
  assert history[-1]['loss'] < 0.9 * history[0]['loss']
  picture = stage.preview(params, frozen, {}, batch, jax.random.key(0))
  assert picture.shape == (len(stage.preview_rows) * 64, 4 * 64, 3) and picture.dtype == np.uint8


class _UnreadBatches:
  def __iter__(self):
    return self

  def __next__(self):
    pytest.fail('a batch was read')


def test_conre_without_truth_needs_none(conre):
  stage = conre[0]
  plain = type(stage)(networks=stage.networks, image_size=SIZE, attributes_weight=0, articulation_weight=0)
  assert set(plain.batch_spec(2)) == {'portrait', 'picture_box', 'speech', 'num_samples', 'speaker'}
  assert plain.prepare(base.Frozen(), _UnreadBatches()) == {}
  history, _ = losses(plain, base.Frozen(), batch_of(plain, 2), 1)
  assert 'articulation' not in history[0]


def test_statistics_need_no_pictures_and_a_number_of_rows(conre):
  stage, batch, _ = conre
  names = stage.statistics_entries
  assert not {'portrait', 'speech'} & set(names)
  rows = {name: np.repeat(batch[name], 256, axis=0) for name in names}  # 1,024 rows
  read = []
  stage.prepare(base.Frozen(), (read.append(i) or rows for i in range(24)))
  assert len(read) == 2


def test_conre_statistics(conre):
  _, batch, frozen = conre
  statistics = frozen.statistics['conre']
  np.testing.assert_allclose(statistics['age_mean'], batch['attributes'][:, 1].mean(), rtol=1e-4)
  lips = batch['speech_motion'][..., np.array(LIPS)]
  assert statistics['articulation_std'].shape == (28,)
  jaw = LIPS.index(blendshapes.INDEX['jawOpen'])
  np.testing.assert_allclose(
    statistics['articulation_mean'][jaw], lips[..., jaw].mean(), rtol=1e-3, atol=1e-5
  )


def test_unknown_lip_fields_and_padding_do_not_count(conre):
  stage, batch, frozen = conre
  real = {name: np.array(value) for name, value in batch.items()}
  tongue = blendshapes.INDEX['tongueOut']
  real['motion_weight'] = np.full_like(real['motion_weight'], 0.3)
  real['motion_weight'][:, tongue] = 0.0
  real['num_samples'] = np.full_like(real['num_samples'], 32_000)
  made = {**real, 'speech_motion': real['speech_motion'].copy()}
  made['speech_motion'][:, 50:] = 9.0  # after the end of the speech
  made['speech_motion'][..., tongue] = 9.0
  first, second = (stage.prepare(base.Frozen(), iter([b]))['conre'] for b in (real, made))
  for name in first:
    np.testing.assert_array_equal(first[name], second[name])
  at = LIPS.index(tongue)
  assert first['articulation_mean'][at] == 0.0 and first['articulation_std'][at] == 1.0
  with pytest.raises(InputError, match='articulation_weight'):
    stage.prepare(base.Frozen(), iter([{**real, 'motion_weight': np.zeros_like(real['motion_weight'])}]))
  with pytest.raises(InputError, match='attributes_weight'):
    stage.prepare(base.Frozen(), iter([{**real, 'has_truth': np.zeros_like(real['has_truth'])}]))


def test_constant_and_absent_lip_fields_are_no_perfect_predictions(conre):
  jaw, tongue = (LIPS.index(blendshapes.INDEX[name]) for name in ('jawOpen', 'tongueOut'))
  motion = np.zeros((2, 4, 58), np.float32)
  motion[..., blendshapes.INDEX['jawOpen']] = [[1, -1, 1, -1], [1, -1, 1, -1]]
  weight = np.ones((2, 58), np.float32)
  weight[:, blendshapes.INDEX['tongueOut']] = 0.0
  std = np.full(28, 0.02, np.float32)  # constant fields
  std[[jaw, tongue]] = 1.0
  statistics = {'articulation_mean': np.zeros(28, np.float32), 'articulation_std': std}
  features = types.SimpleNamespace(tokens=None, valid=np.ones((2, 4), bool))
  batch = {'speech_motion': motion, 'motion_weight': weight}
  found = []
  for share in (0.0, 1.0):  # predictions of the mean, and perfect ones
    prediction = share * motion[..., np.array(LIPS)]
    found.append(
      conre[0]._articulation(lambda tokens, method, p=prediction: p, features, batch, statistics)[1]
    )
  assert [float(each['articulation_r2']) for each in found] == [0.0, 1.0]
  assert [float(each['jaw_r2']) for each in found] == [0.0, 1.0]


def test_regularization_is_of_training_alone(conre):
  stage, batch, frozen = conre
  strong = dataclasses.replace(stage, dropout=0.3, layer_drop=0.3, time_mask=0.3, feature_mask=0.3)
  params, _ = unboxed(stage, frozen)

  def losses_of(stage):
    run = jax.jit(lambda params, rng: stage.loss(params, frozen, {}, batch, rng, 0)[0])
    return [float(run(params, jax.random.key(seed))) for seed in (0, 1, 1)]

  plain, trained, evaluated = map(losses_of, (stage, strong, strong.without_regularization()))
  assert plain[0] == plain[1] and evaluated == plain
  assert trained[0] != trained[1] == trained[2] and trained[0] != plain[0]


def test_options_of_regularization_and_pairing():
  networks = ['speech_encoder', 'face_encoder', 'conre']
  stage = base.build_stage(config_of('conre', networks, image_size=SIZE, across_clips=True, dropout=0.1), {})
  assert stage.data_options() == {'image_size': SIZE, 'across_clips': True} and stage.dropout == 0.1
  assert base.build_stage(config_of('conre', networks), {}).data_options() == {'image_size': 256}
  for rate in (1.0, -0.1):
    with pytest.raises(
      ConfigError, match=f'config.options.layer_drop={rate} is out of range: use 0 to below 1'
    ):
      base.build_stage(config_of('conre', networks, layer_drop=rate), {})


def test_a_temperature_outside_of_its_bounds_is_pulled_back(conre):
  stage, batch, frozen = conre
  params, _ = unboxed(stage, frozen)

  def loss(log_temperature):
    head = {**params['conre'], 'log_temperature': log_temperature}
    return stage.loss({**params, 'conre': head}, frozen, {}, batch, jax.random.key(0), 0)[0]

  run = jax.jit(loss)
  outside, further, bound = (run(jnp.log(t)) for t in (0.005, 0.0025, 0.01))
  np.testing.assert_allclose(outside - bound, np.log(2) ** 2, rtol=1e-3)
  np.testing.assert_allclose(further - bound, np.log(4) ** 2, rtol=1e-3)
