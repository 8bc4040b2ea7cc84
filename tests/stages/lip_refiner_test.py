"""Lip refiner stage: subspace of the lips, a learned batch, targets of samples, shares of a batch."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import precisions
import pytest
import tiny_networks
from stage2_training import batch_of, standard, train
from tiny_stages import SIZE, config_of

from seetalk_jax.constants import LIPS, MOTION_DIM
from seetalk_jax.errors import ConfigError, InputError
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.stages import base, lip_refiner, lip_subspace, lookahead


def test_lip_refiner_stage(world):
  modules, frozen = world
  names = ('speech_encoder', 'motion_codec', 'motion_transformer', 'sync_expert')
  options = {'image_size': SIZE, 'render_share': 0.25}
  stage = base.build_stage(
    config_of('lip_refiner', ['lip_refiner'], **options), {k: modules[k] for k in names}
  )
  batch = batch_of(stage)
  statistics = {'motion_transformer': standard(256), **stage.prepare(frozen, iter([batch]))}
  own = statistics['lip_refiner']
  subspace = own['lip_subspace']
  np.testing.assert_allclose(subspace.T @ subspace, np.eye(4), atol=1e-5)
  assert own['lip_subspace_lips'] > own['lip_subspace_rest']
  history, _, params, _ = train(stage, frozen.replace(statistics=statistics), batch, 3)
  np.testing.assert_array_equal(params['lip_refiner']['subspace'], subspace)
  assert {'rendered', 'outside', 'sync_cosine'} <= set(history[0])
  # SyncNet can replace the expert, also a converted one without norm and temperature.
  syncnet = registry.make('syncnet', 'tiny', norm='none')
  given = {**{k: modules[k] for k in names[:3]}, 'syncnet': syncnet}
  config = config_of('lip_refiner', ['lip_refiner'], **options)
  config.init.syncnet = 'converted'
  other = base.build_stage(config, given)
  assert set(other.frozen) == {*names[:3], 'syncnet'}
  weights = blocks.init_params(
    syncnet, jax.random.key(5), jnp.zeros((1, 20, 13)), jnp.zeros((1, 5, 224, 224, 3))
  )
  watched = frozen.replace(statistics=statistics, params={**frozen.params, 'syncnet': weights})
  _, (metrics, _) = jax.jit(lambda params: other.loss(params, watched, {}, batch, jax.random.key(1), 0))(
    params
  )
  assert -1 <= metrics['sync_cosine'] <= 1 and 'log_temperature' not in weights
  # Without portraits there is no rendering, and no expert is needed.
  plain = base.build_stage(
    config_of('lip_refiner', ['lip_refiner'], view='speech_motion'), {k: modules[k] for k in names[:3]}
  )
  assert set(plain.batch_spec(1)) == {'speech', 'motion', 'motion_weight'}
  assert set(plain.frozen) == set(names[:3]) and 'needs_truth' not in plain.data_options()


def test_tracks_are_not_longer_than_the_windows_of_the_motion_transformer(world):
  modules, _ = world
  given = {k: modules[k] for k in ('speech_encoder', 'motion_codec', 'motion_transformer')}
  stage = base.build_stage(config_of('lip_refiner', ['lip_refiner'], view='speech_motion'), given)
  stage.check_statistics({'motion_transformer': standard(256)})  # of an earlier version: windows of 100
  stage.check_statistics({'motion_transformer': {**standard(256), 'motion_window': np.float32(100)}})
  with pytest.raises(
    ConfigError, match='tracks of 100 frames, .* on windows of 25: .*num_frames=100 or more'
  ):
    stage.check_statistics({'motion_transformer': {**standard(256), 'motion_window': np.float32(25)}})


def test_samples_keep_their_own_head_and_take_the_true_lips(world):
  modules, frozen = world
  names = ('speech_encoder', 'motion_codec', 'motion_transformer')
  stage = base.build_stage(
    config_of('lip_refiner', ['lip_refiner'], view='speech_motion', sample_steps=2),
    {k: modules[k] for k in names},
  )
  codec, variables = modules['motion_codec'], frozen.variables('motion_codec')
  frozen = frozen.replace(statistics={'motion_transformer': standard(256)})
  rng = np.random.default_rng(0)
  truth = rng.uniform(0, 0.5, (4, 12, MOTION_DIM)).astype(np.float32)
  tokens = rng.standard_normal((4, 12, modules['speech_encoder'].token_dim)).astype(np.float32)

  everything = np.ones((4, MOTION_DIM), bool)

  @jax.jit
  def run(truth, known=everything):
    return stage._samples(frozen, truth, known, tokens, jax.random.key(0))

  wanted, given = run(truth)
  np.testing.assert_array_equal(given, run(truth[::-1])[1])  # sampled from noise and speech alone
  # A sample that already has the true lips is its own target; a sample with other lips is not.
  own = codec.apply(variables, given, method='read_truth')
  lips = np.array(LIPS)
  spoken = jnp.asarray(truth).at[:, :, lips].set(own[:, :, lips])
  np.testing.assert_allclose(run(spoken)[0], given, atol=1e-5)
  assert jnp.abs(wanted - given).max() > 1e-3
  # Fields that the truth does not hold stay as sampled.
  np.testing.assert_allclose(run(truth, ~everything)[0], given, atol=1e-5)
  part = everything.copy()
  part[:, LIPS[0]] = False
  other = truth.copy()
  other[..., LIPS[0]] = 0.9
  np.testing.assert_array_equal(run(truth, part)[0], run(other, part)[0])


def test_frames_count_by_the_status_of_their_lips_until_the_end_of_a_clip():
  weight = np.zeros((3, MOTION_DIM), np.float32)
  weight[0], weight[1, list(LIPS)] = 1.0, 0.3
  batch = {'motion_weight': weight}
  np.testing.assert_allclose(
    lip_refiner.frame_weights(batch, 4), [[1.0] * 4, [0.3] * 4, [0.0] * 4], rtol=1e-6
  )
  batch['num_samples'] = np.int32([2 * 640 + 100, 640, 9 * 640])
  np.testing.assert_allclose(
    lip_refiner.frame_weights(batch, 4), [[1, 1, 0, 0], [0.3, 0, 0, 0], [0] * 4], rtol=1e-6
  )


@pytest.mark.parametrize('known', [[1] * 9, [0, 1, 1, 0, 1, 0, 1, 1, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0]])
def test_partners_of_known_frames_are_known(known):
  known = np.array(known, bool)
  partners = np.asarray(lip_subspace.partners(known))[known]
  assert sorted(partners) == np.flatnonzero(known).tolist()
  if known.all():
    np.testing.assert_array_equal(partners, np.roll(np.arange(9), 5))
  if known.sum() > 2:
    assert np.all(partners != np.flatnonzero(known))


def test_rows_of_unknown_motion_teach_nothing(world):
  modules, frozen = world
  names = ('speech_encoder', 'motion_codec', 'motion_transformer')
  stage = base.build_stage(
    config_of('lip_refiner', ['lip_refiner'], image_size=SIZE, sync_weight=0.0, sample_steps=2),
    {k: modules[k] for k in names},
  )
  batch = batch_of(stage)
  batch['motion_weight'][1] = 0.0
  batch['num_samples'][0] = 40 * 640
  other = {**batch, 'speech_motion': batch['speech_motion'].copy()}
  other['speech_motion'][1] += 1.0
  other['speech_motion'][0, 40:] += 1.0  # after the end
  statistics, changed = (stage.prepare(frozen, iter([b])) for b in (batch, other))
  np.testing.assert_allclose(
    statistics['lip_refiner']['lip_subspace_lips'], changed['lip_refiner']['lip_subspace_lips'], rtol=1e-4
  )
  frozen = frozen.replace(statistics={'motion_transformer': standard(256), **statistics})
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  loss = jax.jit(lambda batch: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0))
  (plain, (metrics, _)), (same, _) = loss(batch), loss(other)
  np.testing.assert_allclose(plain, same, rtol=1e-5)
  assert metrics['inside'] > 0
  other['speech_motion'][0, :40] += 1.0
  assert abs(loss(other)[0] - plain) > 1e-4
  with pytest.raises(InputError, match='no lip motion is known'):
    stage.prepare(frozen, iter([{**batch, 'motion_weight': np.zeros_like(batch['motion_weight'])}]))


def test_subspace_finds_lips_and_spares_the_rest():
  rng = np.random.default_rng(0)
  basis = np.linalg.qr(rng.standard_normal((12, 12)))[0]
  lips = basis[:, :3] @ np.diag([3.0, 2.0, 1.0]) @ basis[:, :3].T
  rest = basis[:, 3:8] @ basis[:, 3:8].T * 5
  found = lip_subspace.lip_subspace(lips, rest, 3, 0.05)
  np.testing.assert_allclose(found @ found.T, basis[:, :3] @ basis[:, :3].T, atol=1e-3)


class Recorder(lip_refiner.LipRefinerStage):
  """A stage that keeps the portraits and tracks that it would render."""

  def _draw(self, frozen, portraits, tracks):
    frozen.append((portraits[:, 0, 0, 0], tracks[:, :, 0]))
    count, frames = tracks.shape[:2]
    return jnp.zeros((count, frames, 16, 16, 3)), jnp.full((count, frames, 2), 0.5)


@pytest.mark.parametrize('loss', ['mouth', 'sync'])
def test_rendered_samples_are_random_and_of_one_record(loss, monkeypatch):
  monkeypatch.setattr(lip_refiner, 'cosine_of_frames', lambda expert, variables, speech, *_: speech[:, 0])
  stage = Recorder(networks={}, frozen={'sync_expert': SyncExpert()}, render_share=0.25, sync_share=0.25)
  numbers = np.arange(8, dtype=np.float32)
  portraits = np.broadcast_to(numbers[:, None, None, None], (8, 16, 16, 3)).astype(np.uint8)
  tracks = jnp.broadcast_to(numbers[:, None, None], (8, 9, 4))
  speech = jnp.broadcast_to(numbers[:, None], (8, 9 * 640))
  seen = set()
  for seed in range(12):
    drawn = Drawn()
    if loss == 'mouth':
      stage._mouth_loss(drawn, portraits, tracks, tracks, tracks, jnp.ones((8, 9)), jax.random.key(seed))
    else:
      _, metrics = stage._sync_loss(
        drawn, {'speech': speech, 'portrait': portraits}, tracks, jax.random.key(seed)
      )
    ((pictures, shown),) = drawn
    rows = np.round((np.asarray(pictures) + 1) * 127.5)
    np.testing.assert_array_equal(shown, np.broadcast_to(rows[:, None], shown.shape))
    if loss == 'sync':
      np.testing.assert_allclose(metrics['sync_cosine'], rows.mean())
    seen |= set(rows.tolist())
  assert seen == set(numbers.tolist())  # a corpus of small weight has fixed rows in the batch


class SyncExpert:
  num_samples = 3200


class Drawn(list):
  """What was drawn, in the place of frozen arrays."""

  def variables(self, name):
    return {}


def test_padding_of_short_clips_is_not_encoded(world):
  modules, frozen = world
  stage = base.build_stage(
    config_of('lip_refiner', ['lip_refiner'], image_size=SIZE, render_weight=0.0, sync_weight=0.0),
    {k: modules[k] for k in ('speech_encoder', 'motion_codec', 'motion_transformer')},
  )
  batch = batch_of(stage)
  batch['num_samples'][:] = 16_000
  statistics = {'motion_transformer': standard(256), **stage.prepare(frozen, iter([batch]))}
  frozen = frozen.replace(statistics=statistics)
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  params = tiny_networks.stirred(params, 0.02)  # a new refiner does not depend on tokens
  loss = jax.jit(lambda batch: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0)[0])
  noisy = {**batch, 'speech': batch['speech'].copy()}
  noisy['speech'][:, 16_000:] = 0.3
  np.testing.assert_array_equal(loss(batch), loss(noisy))
  # What is sampled until the end of a clip does not depend on what comes after it.
  tokens = tiny_networks.normal(0, 2, 50, modules['speech_encoder'].token_dim)
  known, valid = np.ones((2, MOTION_DIM), bool), np.arange(50)[None] < [[25], [50]]
  changed = np.where(valid[..., None], tokens, 1.0)
  sampled = jax.jit(
    lambda tokens: stage._samples(
      frozen, np.zeros((2, 50, MOTION_DIM), np.float32), known, tokens, jax.random.key(2), valid
    )[1]
  )
  np.testing.assert_allclose(sampled(tokens)[valid], sampled(changed)[valid], atol=1e-6)


def test_products_with_the_subspace_and_second_moments_are_in_full_precision(world):
  modules, frozen = world
  stage = base.build_stage(
    config_of('lip_refiner', ['lip_refiner'], view='speech_motion', sample_steps=1),
    {k: modules[k] for k in ('speech_encoder', 'motion_codec', 'motion_transformer')},
  )
  batch, d, k = base.fake_batch(stage.batch_spec(2)), 256, stage.networks['lip_refiner'].subspace_dim
  given = frozen.replace(statistics={'motion_transformer': standard(d)})
  params = jax.eval_shape(lambda rng: nn.unbox(stage.init(rng, given)), jax.random.key(0))[0]
  precisions.assert_full(
    lambda params: stage.loss(params, given, {}, batch, jax.random.key(1), 0)[0],
    params,
    where=lambda a, b, _: b == (d, k),
  )
  variables = frozen.variables('motion_codec')
  rows = -(-2 * batch['motion'].shape[1] // 3)
  precisions.assert_full(
    lambda batch: stage._second_moments(variables, batch),
    batch,
    where=lambda a, b, _: (a, b) == ((d, rows), (rows, d)),
  )


@pytest.mark.parametrize('view', ['speech_motion', 'portrait_speech'])
def test_frames_after_a_look_ahead_have_no_effect(world, view, monkeypatch):
  modules, frozen = world
  names = ('speech_encoder', 'motion_codec', 'motion_transformer')
  options = {'view': view, 'image_size': SIZE, 'sync_weight': 0.0, 'render_weight': 0.0, 'sample_steps': 2}
  stage = base.build_stage(
    config_of('lip_refiner', ['lip_refiner'], lookahead_rate=1.0, **options), {k: modules[k] for k in names}
  )
  cuts = lookahead.Cuts(*map(jnp.asarray, ((0, 0), (8, 12), (13, 17), (True, True))))
  lengths = []
  monkeypatch.setattr(lookahead, 'draw', lambda rng, length, rate: lengths.append(length) or cuts)
  batch, key = batch_of(stage), stage._motion_key
  if 'num_samples' in batch:
    batch['num_samples'][1] = 20 * 640 + 100
  statistics = {'motion_transformer': standard(256), **stage.prepare(frozen, iter([batch]))}
  frozen = frozen.replace(statistics=statistics)
  params = tiny_networks.stirred(jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0])
  loss = jax.jit(lambda batch: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0)[0])
  plain, speech, truth = loss(batch), batch['speech'].copy(), batch[key].copy()
  for row, (boundary, end) in enumerate(((8, 13), (12, 17))):
    speech[row, end * 640 :] += 0.5
    truth[row, boundary:] += 1.0
  assert loss({**batch, 'speech': speech}) == plain
  assert loss({**batch, key: truth}) == plain
  speech[0, 12 * 640 :] -= 0.3
  assert loss({**batch, 'speech': speech}) != plain
