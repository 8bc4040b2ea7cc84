"""Stage 2 training stages on tiny networks: decreasing losses, recovered flow, unchanged frozen parts."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
import pytest

from seetalk_jax.constants import LIPS
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.models.motion.canonical import match_canonical
from seetalk_jax.models.motion.mouth import boxes_around, crop_boxes, inside_boxes
from seetalk_jax.models.motion.warping import warp
from seetalk_jax.models.nn import blocks
from seetalk_jax.stages import base, losses
from seetalk_jax.stages.lip_refiner import lip_subspace

SIZE = 64


def config_of(stage, networks, **options):
  return ml_collections.ConfigDict(
    {
      'stage': stage,
      'model': {name: registry.fields_for(name, 'tiny') for name in networks},
      'options': options,
      'init': {},
      'dtype': 'float32',
    }
  )


def batch_of(stage, size=2, seed=0):
  batch = base.fake_batch(stage.batch_spec(size), seed)
  for name in ('source', 'target', 'driver', 'image', 'portrait'):
    if name in batch:  # learnable content
      batch[name] = np.repeat(np.repeat(batch[name][:, ::16, ::16], 16, 1), 16, 2)
  for side in ('source', 'target'):
    if f'{side}_parts' in batch:
      batch[f'{side}_parts'] = batch[f'{side}_parts'] % 10
  return batch


def train(stage, frozen, batch, steps=3, rate=2e-3):
  params, collections = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))
  trainable = stage.trainable(params)
  optimizer = optax.adam(rate)
  state = jax.jit(optimizer.init)(params)

  @jax.jit
  def step(params, state, collections, rng):
    grad = jax.value_and_grad(stage.loss, has_aux=True)
    (loss, (metrics, collections)), gradient = grad(params, frozen, collections, batch, rng, 0)
    gradient = jax.tree.map(lambda g, t: g if t else jnp.zeros_like(g), gradient, trainable)
    updates, state = optimizer.update(gradient, state)
    return optax.apply_updates(params, updates), state, collections, {**metrics, 'loss': loss}

  history, start = [], params
  for _ in range(steps):
    params, state, collections, metrics = step(params, state, collections, jax.random.key(1))
    history.append({name: float(value) for name, value in metrics.items()})
  assert all(np.isfinite(value) for row in history for value in row.values()), history
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
  assert history[-1]['loss'] < history[0]['loss']
  return history, start, params, collections


@pytest.fixture(scope='module')
def world():
  """All frozen networks that a stage may need, tiny and random."""
  names = ('speech_encoder', 'autoencoder', 'motion_codec', 'motion_transformer', 'codebook', 'sync_expert')
  modules = {name: registry.make(name, 'tiny') for name in names}
  image = jnp.zeros((1, SIZE, SIZE, 3))
  inputs = {
    'speech_encoder': (jnp.zeros((1, 6400)),),
    'autoencoder': (jnp.zeros((1, 32, 32, 3)),),
    'motion_codec': (image, image),
    'motion_transformer': (
      jnp.zeros((1, 4, 256)),
      jnp.zeros((1,)),
      jnp.zeros((1, 4, modules['speech_encoder'].token_dim)),
      jnp.zeros((1, 256)),
    ),
    'codebook': (image,),
    'sync_expert': (jnp.zeros((1, 3200)), jnp.zeros((1, 5, 48, 96, 3))),
  }
  variables = {
    name: blocks.init_variables(module, jax.random.key(i), *inputs[name])
    for i, (name, module) in enumerate(modules.items())
  }
  params = {name: trees['params'] for name, trees in variables.items()}
  state = {k: v for k, v in variables['codebook'].items() if k != 'params'}
  return modules, base.Frozen(params=params, collections={'codebook': state})


def scene(shift):
  """A canonical map, the same map shifted by `shift` (x, y) cells, and part labels that are all skin."""
  y, x = np.mgrid[:32, :32] / 16 - 1.0

  def seen(dx, dy):
    u, v = x - dx / 16, y - dy / 16
    return np.stack([u, v, 0.3 * np.sin(2 * u) * np.cos(v)], -1)[None].astype(np.float32)

  parts = np.full((1, 32, 32), 3, np.uint8)
  return seen(0, 0), seen(*shift), parts


@functools.partial(jax.jit, static_argnames='reach')
def matched(*args, reach):
  return match_canonical(*args, reach=reach)


@pytest.mark.parametrize('shift', [(0, 0), (3, -2), (2.4, 1.3)])
def test_flow_is_found_to_a_fraction_of_a_cell(shift):
  source, target, parts = scene(shift)
  truth = matched(source, target, parts, parts, reach=(6, 6))
  inner = np.asarray(truth.flow)[0, 8:24, 8:24] * 32
  np.testing.assert_allclose(inner, np.broadcast_to(-np.asarray(shift, np.float32), inner.shape), atol=0.08)
  assert np.asarray(truth.visible)[0, 8:24, 8:24].min() > 0.9
  # The flow warps the source map to the target map.
  moved = jax.jit(warp)(source, truth.flow)
  assert np.abs(moved - target)[0, 8:24, 8:24].max() < 0.02


def test_what_the_source_hides_is_not_visible():
  source, target, parts = scene((10, 0))
  visible = np.asarray(matched(source, target, parts, parts, reach=(2, 14)).visible)
  # The content of the first columns was outside the source picture, on the left.
  assert visible[0, :, :7].max() < 0.1 < 0.9 < visible[0, 4:28, 14:28].min()
  other = parts.copy()
  other[:, :, 16:] = 8  # teeth instead of skin
  visible = np.asarray(matched(source, source, parts, other, reach=(2, 2)).visible)
  assert visible[0, 4:28, 20:].max() == 0 and visible[0, :, :14].min() > 0.9


def test_mouth_and_eyes_count_by_place():
  canonical = np.zeros((1, 4, 4, 3), np.float32) + [0.0, 0.5, 0.5]  # the forehead
  canonical[0, 3, 1] = [0.1, -0.6, 0.5]  # the lower lip
  canonical[0, 1, 0] = [-0.25, 0.05, 0.5]  # a lid
  canonical[0, 0, 0] = [0.1, -0.6, -0.5]  # behind the head
  regions = jax.jit(losses.feature_regions)(canonical)
  np.testing.assert_array_equal(np.argwhere(regions[0]), [[1, 0, 1], [3, 1, 0]])
  target = np.zeros((1, 16, 16, 3), np.float32)
  wrong_lip, wrong_forehead, wrong_lid = target.copy(), target.copy(), target.copy()
  wrong_lip[0, 12:16, 4:8] = wrong_forehead[0, 8:12, 8:12] = wrong_lid[0, 4:8, 0:4] = 0.5
  feature_error = jax.jit(losses.feature_error)
  assert feature_error(wrong_forehead, target, canonical)[0] == 0
  error, hidden = feature_error(wrong_lip, target, canonical)
  np.testing.assert_allclose(error, 0.5 * losses.charbonnier(0.5), rtol=1e-4)
  assert hidden == 0
  for is_hidden in (0.0, 1.0):
    visible = np.ones((1, 4, 4, 1), np.float32)
    visible[0, 1, 0] = 1.0 - is_hidden
    _, hidden = feature_error(wrong_lid, target, canonical, visible)
    np.testing.assert_allclose(hidden, is_hidden * 0.5 * losses.charbonnier(0.5), rtol=1e-4, atol=1e-6)


def test_part_weights_and_psnr():
  parts = np.array([[[0, 1], [3, 7]]], np.uint8)
  weight = np.asarray(jax.jit(losses.part_weights)(parts))
  assert weight.shape == (1, 8, 8, 1)
  np.testing.assert_allclose(np.mean(weight), 1, rtol=1e-5)
  np.testing.assert_allclose(weight[0, 7, 7] / weight[0, 0, 0], 5, rtol=1e-5)
  image = np.zeros((1, 8, 8, 3), np.float32)
  np.testing.assert_allclose(jax.jit(losses.psnr)(image, image + np.float32(0.2)), 20.0, atol=1e-3)
  whole = jax.jit(lambda *args: crop_boxes(*args, (8, 8)))(
    weight, np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)
  )
  np.testing.assert_allclose(whole, weight, atol=1e-5)
  place = np.array([[0.5, 0.75], [0.0, 0.0]], np.float32)
  inside = jax.jit(lambda place: inside_boxes(boxes_around(place, (0.25, 0.25)), (8, 16)))(place)
  inside = np.asarray(inside)
  assert inside.shape == (2, 8, 16, 1) and inside[0].sum() == 4 * 8 and inside[1].sum() == 2 * 4
  assert inside[0, 4:, 4:12].all() and inside[1, :2, :4].all()


@pytest.mark.parametrize('with_truth', [True, False])
def test_motion_codec_learns_a_batch(with_truth):
  options = dict(with_truth=with_truth, cycle_weight=0.0 if with_truth else 0.2)
  stage = base.build_stage(config_of('motion_codec', ['motion_codec'], image_size=SIZE, **options), {})
  assert ('source_canonical' in stage.batch_spec(1)) == with_truth
  batch = batch_of(stage)
  history, _, params, _ = train(stage, base.Frozen(), batch, 4)
  assert ('flow' in history[0]) == with_truth and ('cycle' in history[0]) != with_truth
  if with_truth:
    picture = stage.preview(params, base.Frozen(), {}, batch, None)
    assert picture.shape == (7 * SIZE, 2 * SIZE, 3) and picture.dtype == np.uint8


def garbage(batch, rows):
  """The batch with random ground truth in `rows`, which are marked as real recordings (`has_truth` = 0)."""
  changed = {name: np.array(value) for name, value in batch.items()}
  changed['has_truth'][rows] = 0.0
  rng = np.random.default_rng(5)
  for name in changed:
    if name.endswith('_motion') or name.endswith('_canonical'):
      changed[name][rows] = rng.standard_normal(changed[name][rows].shape)
  return changed


@pytest.mark.parametrize('name', ['motion_codec', 'render'])
def test_the_truth_of_real_recordings_is_not_read(world, name):
  modules, frozen = world
  networks = {'motion_codec': ['motion_codec'], 'render': ['code_transformer', 'hr_decoder']}[name]
  stage = base.build_stage(config_of(name, networks, image_size=SIZE), modules)
  batch = {**batch_of(stage), 'has_truth': np.array([0.0, 1.0], np.float32)}
  batch['target_parts'][0] = batch['source_parts'][0] = 0
  frozen = frozen if name == 'render' else base.Frozen()
  params = jax.jit(lambda rng: nn.unbox(stage.init(rng, frozen)))(jax.random.key(0))[0]
  loss = jax.jit(lambda batch: stage.loss(params, frozen, {}, batch, jax.random.key(1), 0))
  (plain, (metrics, _)), (other, (_, _)) = loss(batch), loss(garbage(batch, [0]))
  np.testing.assert_allclose(plain, other, rtol=1e-6)
  # The ground truth of the other row is still used.
  assert metrics['occlusion'] > 0 and metrics['flow'] > 0
  assert abs(loss({**batch, 'has_truth': np.ones(2, np.float32)})[0] - plain) > 1e-4
  if name == 'motion_codec':
    assert all(np.isfinite(float(v)) for v in loss(garbage(batch, [0, 1]))[1][0].values())


def test_codebook_learns_and_moves_its_codes():
  stage = base.build_stage(config_of('codebook', ['codebook'], image_size=SIZE), {})
  batch = batch_of(stage)
  history, _, params, collections = train(stage, base.Frozen(), batch, 6)
  assert history[-1]['perplexity'] >= 1
  state = collections['codebook']['codebook_state']
  assert set(state) == {'embedding', 'count', 'total'}
  np.testing.assert_allclose(jnp.linalg.norm(state['embedding'], axis=-1), 1, atol=1e-3)
  assert stage.preview(params, base.Frozen(), collections, batch, None).shape == (2 * SIZE, 2 * SIZE, 3)


def test_code_transformer_learns_and_fusion_starts_from_the_codebook(world):
  modules, frozen = world
  stage = base.build_stage(
    config_of('code_transformer', ['code_transformer', 'hr_decoder'], image_size=SIZE), modules
  )
  assert set(stage.networks) == {'code_transformer', 'hr_decoder'}
  batch = batch_of(stage)
  _, start, params, _ = train(stage, frozen, batch, 4)
  jax.tree.map(
    np.testing.assert_array_equal, start['hr_decoder']['decoder'], frozen.params['codebook']['decoder']
  )
  assert stage.preview(params, frozen, {}, batch, jax.random.key(0)).shape == (4 * SIZE, 2 * SIZE, 3)


def test_render_trains_the_warper_and_keeps_what_m_means(world):
  modules, frozen = world
  given = {name: modules[name] for name in ('codebook', 'autoencoder', 'motion_codec')}
  stage = base.build_stage(config_of('render', ['code_transformer', 'hr_decoder'], image_size=SIZE), given)
  batch = batch_of(stage)
  _, start, params, _ = train(stage, frozen, batch, 3)
  moved = {
    part: max(
      np.abs(a - b).max()
      for a, b in zip(
        *map(jax.tree.leaves, jax.device_get((tree, params['motion_codec'][part]))), strict=True
      )
    )
    for part, tree in start['motion_codec'].items()
  }
  assert moved['warper'] > 0
  assert all(
    moved[part] == 0 for part in ('motion_encoder', 'truth_encoder', 'truth_reader', 'identity_encoder')
  )
  assert set(stage.networks) == {'motion_codec', 'code_transformer', 'hr_decoder'}
  without = base.build_stage(
    config_of('render', ['code_transformer', 'hr_decoder', 'motion_codec'], roundtrip_rate=0.0),
    {'codebook': given['codebook']},
  )
  assert set(without.frozen) == {'codebook'}


@pytest.mark.parametrize('expert', ['sync_expert', 'syncnet'])
def test_sync_expert_learns_a_batch(expert):
  config = config_of('sync_expert', [expert])
  config.expert = expert
  stage = base.build_stage(config, {})
  assert set(stage.networks) == {expert}
  batch = batch_of(stage, 4)
  history, *_ = train(stage, base.Frozen(), batch, 6)
  assert history[-1]['contrastive'] < history[0]['contrastive']
  config.expert = 'wav2lip'
  with pytest.raises(ConfigError, match='use one of sync_expert, syncnet'):
    base.build_stage(config, {})


def test_motion_learns_and_standardises(world):
  modules, frozen = world
  stage = base.build_stage(
    config_of('motion', ['motion_transformer']), {k: modules[k] for k in ('speech_encoder', 'motion_codec')}
  )
  batch = batch_of(stage)
  statistics = stage.prepare(frozen, iter([batch]))
  own = statistics['motion_transformer']
  m = registry.make('motion_codec', 'tiny').apply(
    frozen.variables('motion_codec'), batch['motion'], method='encode_truth'
  )
  np.testing.assert_allclose(own['motion_mean'], m.mean((0, 1)), atol=1e-4)
  assert (own['motion_std'] > 0).all()
  frozen = frozen.replace(statistics=statistics)
  _, _, params, _ = train(stage, frozen, batch, 6)
  assert stage.preview(params, frozen, {}, batch, jax.random.key(0)).ndim == 3


def standard(width):
  """Statistics of the motion transformer that leave latents as they are."""
  return {'motion_mean': np.zeros(width, np.float32), 'motion_std': np.ones(width, np.float32)}


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
  assert set(plain.batch_spec(1)) == {'speech', 'motion'} and set(plain.frozen) == set(names[:3])


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
  truth = rng.uniform(0, 0.5, (4, 12, 20)).astype(np.float32)
  tokens = rng.standard_normal((4, 12, modules['speech_encoder'].token_dim)).astype(np.float32)

  @jax.jit
  def run(truth):
    return stage._samples(frozen, truth, tokens, jax.random.key(0))

  wanted, given = run(truth)
  np.testing.assert_array_equal(given, run(truth[::-1])[1])  # sampled from noise and speech alone
  # A sample that already has the true lips is its own target; a sample with other lips is not.
  own = codec.apply(variables, given, method='read_truth')
  spoken = jnp.asarray(truth).at[:, :, LIPS].set(own[:, :, LIPS])
  np.testing.assert_allclose(run(spoken)[0], given, atol=1e-5)
  assert jnp.abs(wanted - given).max() > 1e-3


def test_subspace_finds_lips_and_spares_the_rest():
  rng = np.random.default_rng(0)
  basis = np.linalg.qr(rng.standard_normal((12, 12)))[0]
  lips = basis[:, :3] @ np.diag([3.0, 2.0, 1.0]) @ basis[:, :3].T
  rest = basis[:, 3:8] @ basis[:, 3:8].T * 5
  found = lip_subspace(lips, rest, 3, 0.05)
  np.testing.assert_allclose(found @ found.T, basis[:, :3] @ basis[:, :3].T, atol=1e-3)
