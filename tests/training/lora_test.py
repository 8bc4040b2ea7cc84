"""LoRA: initially equal to the base, trains only the factors, exports plain kernels."""

import dataclasses
import json
import shutil

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
import toy_stage
from flax import traverse_util
from jax.sharding import PartitionSpec

from seetalk_jax.errors import CheckpointError, ConfigError
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.releases import storage
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import (
  adapted_stage,
  checkpoint,
  first_state,
  initial_weights,
  loop,
  lora,
  state,
  step,
)

RANK, TARGETS = 2, ('widen', 'project')
LORA = {'lora.toy_net.rank': RANK, 'lora.toy_net.alpha': 4.0, 'lora.toy_net.targets': TARGETS}


@pytest.fixture(autouse=True)
def toy():
  toy_stage.register()


def train(workdir, **changes):
  # A constant learning rate, because the schedule depends on the planned number of steps.
  changes = {'optimizer.final_fraction': 1.0, 'eval_batches': 0, **changes}
  return loop.train(toy_stage.get_config(**changes), workdir, make_batches=toy_stage.make_batches)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
  """Folders of a run and of a LoRA run of eight steps on top of it."""
  toy_stage.register()
  root = tmp_path_factory.mktemp('runs')
  train(root / 'base', num_steps=2)
  train(root / 'adapted', **{'init.toy_net': str(root / 'base'), **LORA})
  return root / 'base', root / 'adapted'


def read(workdir, *names):
  with checkpoint.Checkpoints(workdir) as saved:
    return saved.read(names)


def flat(tree):
  return traverse_util.flatten_dict(tree, sep='/')


def test_options():
  fields = {'rank': 4, 'alpha': 8.0, 'targets': ('a', 'fc1_*')}
  assert lora.read('net', fields) == lora.LowRank(4, 8.0, ('a', 'fc1_*'))
  assert lora.read('net', fields | {'rank': 0}) is None
  assert lora.LowRank(4).scale == 1 and lora.LowRank(4, 8.0).scale == 2
  for wrong, message in (
    ({'rank': -1}, 'net.rank=-1 is negative: use 0 or more'),
    ({'alpha': -0.5}, 'net.alpha=-0.5 is negative'),
    ({'breadth': 3}, "net has no field 'breadth': use rank, alpha and targets"),
  ):
    with pytest.raises(ConfigError, match=f'config.lora.{message}'):
      lora.read('net', fields | wrong)
  options = lora.LowRank(targets=('to_q', 'fc1_*'))
  assert options.adapts('a/to_q/kernel', 2) and options.adapts('fc1_3/kernel', 2)
  for path, ndim in (('a/to_q/bias', 1), ('a/to_k/kernel', 2), ('to_q/b/kernel', 2), ('to_q/kernel', 4)):
    assert not options.adapts(path, ndim)


def test_convolutions_are_matrices_of_their_inputs():
  rng = np.random.default_rng(0)
  params = {
    'conv': {'kernel': rng.normal(size=(3, 3, 4, 5)).astype(np.float32), 'bias': np.zeros(5, np.float32)},
    'dense': {'kernel': rng.normal(size=(4, 5)).astype(np.float32)},
  }
  options = lora.LowRank(rank=2, alpha=4.0, targets=('*',), convolutions=True)
  factors = lora.start(jax.random.key(0), params, params, options)
  assert factors['conv']['lora_a'].shape == (36, 2) and factors['conv']['lora_b'].shape == (2, 5)
  assert factors['dense']['lora_a'].shape == (4, 2) and 'bias' not in factors['conv']
  same = lora.merge(params, factors, options.scale)
  np.testing.assert_array_equal(same['conv']['kernel'], params['conv']['kernel'])
  factors['conv']['lora_b'] = jnp.asarray(rng.normal(size=(2, 5)), jnp.float32)
  merged = lora.merge(params, factors, options.scale)
  np.testing.assert_array_equal(merged['dense']['kernel'], params['dense']['kernel'])
  # What a convolution with the merged kernel adds is one over all inputs of its window, of rank 2.
  added = np.asarray(merged['conv']['kernel'] - params['conv']['kernel'])
  a, b = np.asarray(factors['conv']['lora_a']), np.asarray(factors['conv']['lora_b'])
  np.testing.assert_allclose(added[1, 2, 3], 2.0 * a[1 * 12 + 2 * 4 + 3] @ b, rtol=1e-4, atol=1e-5)
  assert np.linalg.matrix_rank(added.reshape(36, 5), tol=1e-4) == 2
  # Without `convolutions`, dense layers alone.
  assert set(lora.start(jax.random.key(0), params, params, lora.LowRank(targets=('*',)))) == {'dense'}


def test_only_factors_are_trained(runs):
  parts = read(runs[1], 'params', 'ema_params', 'opt_state')
  factors = {f'toy_net/{layer}/{factor}' for layer in TARGETS for factor in ('lora_a', 'lora_b')}
  assert set(flat(parts['params'])) == set(flat(parts['ema_params'])) == factors
  assert flat(parts['params'])['toy_net/widen/lora_a'].shape == (16, RANK)
  assert flat(parts['params'])['toy_net/widen/lora_b'].shape == (RANK, 32)
  # Two moments per factor, and no others.
  sizes = sum(np.size(leaf) for leaf in flat(parts['params']).values())
  assert sum(np.size(leaf) for leaf in jax.tree.leaves(parts['opt_state']) if np.size(leaf) > 1) == 2 * sizes


def test_it_begins_as_the_base(runs):
  config = toy_stage.get_config(**{'init.toy_net': str(runs[0]), **LORA})
  initial = initial_weights.load_initial_weights(config.init)
  plain, frozen = base.build_stage(config, initial.modules), initial.frozen
  stage = adapted_stage.adapt(plain, config, initial)
  boxed, collections = stage.init(jax.random.key(0), frozen)
  params = device_mesh.unbox(boxed)
  assert np.abs(params['toy_net']['widen']['lora_a']).max() > 0.1
  whole = stage.merged(params, frozen)
  jax.tree.map(np.testing.assert_array_equal, whole['toy_net'], frozen.params['toy_net'])
  batch = base.fake_batch(stage.batch_spec(4))
  losses = [
    each.loss(own, frozen, collections, batch, jax.random.key(1), 0)[0]
    for each, own in ((stage, params), (plain, {'toy_net': frozen.params['toy_net']}))
  ]
  assert losses[0] == losses[1]
  # Factors are sharded like their kernel, never along the rank.
  auto = (jax.sharding.AxisType.Auto,) * 3
  mesh = jax.sharding.AbstractMesh((1, 2, 2), ('data', 'fsdp', 'tensor'), axis_types=auto)
  widen = {
    name: device_mesh.spec_for(leaf.names, leaf.value.shape, mesh)
    for name, leaf in boxed['toy_net']['widen'].items()
  }
  assert widen == {'lora_a': PartitionSpec('fsdp', None), 'lora_b': PartitionSpec(None, 'tensor')}


def test_what_is_handed_on_is_whole(runs, tmp_path):
  result, before = initial_weights.load_trained_stage(runs[1]), initial_weights.load_trained_stage(runs[0])
  have, old = flat(result.params['toy_net']), flat(before.params['toy_net'])
  ema = flat(read(runs[1], 'ema_params')['ema_params']['toy_net'])
  assert have.keys() == old.keys()
  for path, value in have.items():
    assert isinstance(value, np.ndarray)
    layer = path.removesuffix('kernel')
    if f'{layer}lora_a' in ema:
      wanted = old[path] + 4 / RANK * ema[f'{layer}lora_a'] @ ema[f'{layer}lora_b']
      np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=1e-7)
      assert np.abs(value - old[path]).max() > 1e-3
    else:
      np.testing.assert_array_equal(value, old[path])
  # Base kernels with factors give the same outputs as merged kernels.
  x, module = jax.random.normal(jax.random.key(0), (5, 8, 8, 3)), result.modules()['toy_net']
  variables = result.collections['toy_net']
  y = module.apply({'params': result.params['toy_net'], **variables}, x)
  trained = read(runs[1], 'ema_params')['ema_params']['toy_net']
  beside = lora.merge(before.params['toy_net'], trained, 2.0)
  np.testing.assert_allclose(y, module.apply({'params': beside, **variables}, x), rtol=1e-6, atol=1e-6)
  # The next run starts from the result, optionally with new factors.
  train(tmp_path / 'on', num_steps=1, **{'init.toy_net': str(runs[1]), 'optimizer.learning_rate': 0.0})
  again = initial_weights.load_trained_stage(tmp_path / 'on').params
  jax.tree.map(np.testing.assert_array_equal, again, result.params)
  train(tmp_path / 'twice', num_steps=2, **{'init.toy_net': str(runs[1]), **LORA})
  twice = flat(initial_weights.load_trained_stage(tmp_path / 'twice').params['toy_net'])
  np.testing.assert_array_equal(twice['conv_in/kernel'], old['conv_in/kernel'])
  assert np.abs(twice['widen/kernel'] - have['widen/kernel']).max() > 0


def test_runs_of_earlier_versions_are_read_and_resumed(runs, tmp_path):
  shutil.copytree(runs[1], tmp_path / 'old')
  path = tmp_path / 'old' / 'config.json'
  content = json.loads(path.read_text())
  content['config'] |= {
    'model': {'toy_net': 'tiny'},
    'lora': {'toy_net': 'rank=2, alpha=4, targets=widen|project'},
    'unfreeze': '',
    'keep_best': '',
  }
  path.write_text(json.dumps(content))
  old, new = (initial_weights.load_trained_stage(place) for place in (tmp_path / 'old', runs[1]))
  assert old.modules() == new.modules()
  jax.tree.map(np.testing.assert_array_equal, old.params, new.params)
  train(tmp_path / 'old', num_steps=9, **{'init.toy_net': str(runs[0]), **LORA})
  assert initial_weights.load_trained_stage(tmp_path / 'old').step == 9


def test_restart_changes_nothing(runs, tmp_path):
  changes = {'init.toy_net': str(runs[0]), **LORA}
  train(tmp_path, num_steps=4, **changes)
  for other, message in (
    ({'lora.toy_net.alpha': 2.0}, 'factors of toy_net.*belong to'),
    ({'lora.toy_net.rank': 3}, r'project/lora_a is \(32, 2\).*but \(32, 3\)'),
    ({'lora.toy_net.rank': 0}, 'absent'),
    ({'init.toy_net': str(runs[1])}, 'factors of toy_net.*belong to'),
  ):
    with pytest.raises(CheckpointError, match=message):
      train(tmp_path, num_steps=8, **{**changes, **other})
  train(tmp_path, num_steps=8, **changes)
  both = [read(place, 'params', 'ema_params', 'opt_state') for place in (tmp_path, runs[1])]
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6), *both)


def test_another_base_is_refused(runs, tmp_path):
  train(tmp_path / 'base', num_steps=1)
  train(tmp_path / 'adapted', num_steps=1, **{'init.toy_net': str(tmp_path / 'base'), **LORA})
  train(tmp_path / 'base', num_steps=2)
  with pytest.raises(CheckpointError, match='not what it was when its factors were trained'):
    initial_weights.load_trained_stage(tmp_path / 'adapted')


def test_mistakes_are_named(runs, tmp_path):
  place = {'init.toy_net': str(runs[0])}
  with pytest.raises(ConfigError, match='config.lora.toy_net needs pretrained weights'):
    train(tmp_path, **LORA)
  with pytest.raises(ConfigError, match='adapts nothing: no dense layer of .* is called conv_in or to_q'):
    train(tmp_path, **{**place, **LORA, 'lora.toy_net.targets': ('conv_in', 'to_q')})
  config = toy_stage.get_config(**place)
  with config.unlocked():
    config.lora.portrait_unet = {'rank': 2}
  with pytest.raises(ConfigError, match='config.lora.portrait_unet: stage toy trains toy_net'):
    loop.train(config, tmp_path, make_batches=toy_stage.make_batches)


FRESH = ('voice_proj/', 'token_proj/')


def portrait(tmp_path, **fields):
  """A tiny portrait stage on a converted UNet without FRESH, its initial weights, and a batch of features."""
  size = 64
  pretrained = {name: registry.make(name, 'tiny') for name in ('speech_encoder', 'autoencoder')}
  pretrained['portrait_unet'] = registry.make('portrait_unet', 'tiny')
  config = ml_collections.ConfigDict(
    {
      'stage': 'portrait',
      'model': {'sample_adaptive_weighting': registry.fields_for('sample_adaptive_weighting', 'tiny')},
      'options': {'image_size': size, 'draws': 1},
      'init': {'portrait_unet': str(tmp_path / 'release')},
      'dtype': 'float32',
      'optimizer': toy_stage.get_config().optimizer.to_dict() | {'warmup_steps': 1},
      **fields,
    }
  )
  plain = base.build_stage(config, pretrained)
  init = jax.jit(lambda key: device_mesh.unbox(plain.init(key, base.Frozen())[0]))
  # Freshly initialized networks end in zeros, which block the gradients of inner layers.
  whole = jax.tree.map(lambda a: np.asarray(a) + 0.01, init(jax.random.key(0))['portrait_unet'])
  kept = {path: value for path, value in flat(whole).items() if not path.startswith(FRESH)}
  storage.save_release(
    tmp_path / 'release',
    {'portrait_unet': (pretrained['portrait_unet'], traverse_util.unflatten_dict(kept, sep='/'))},
    provenance={'networks': {'portrait_unet': {'fresh': list(FRESH)}}},
    dtype='float32',
  )
  rng = np.random.default_rng(0)
  latent = plain.latent_shape
  statistics = {
    'portrait_unet': {'beta0': np.float32(1)},
    'face_prior': {
      'latent_scale': np.float32(1),
      'face_prior_mean': rng.standard_normal(latent).astype(np.float32),
      'face_prior_std': np.ones(latent, np.float32),
    },
  }
  encoder = pretrained['speech_encoder']
  batch = {
    'latent': rng.standard_normal((2, *latent)).astype(np.float32),
    'inside': np.ones((2, *latent[:2], 1), np.float32),
    'tokens': rng.standard_normal((2, 5, encoder.token_dim)).astype(np.float32),
    'valid': np.ones((2, 5), bool),
    'embedding': np.asarray(blocks.unit(jnp.asarray(rng.standard_normal((2, encoder.embedding_dim))))),
  }
  initial = dataclasses.replace(initial_weights.load_initial_weights(config.init), statistics=statistics)
  return config, plain, initial, batch, kept


@pytest.mark.slow
def test_a_converted_unet_learns_by_factors_and_its_new_parts_whole(tmp_path):
  config, plain, initial, batch, kept = portrait(
    tmp_path,
    lora={'portrait_unet': {'rank': 2}},
    unfreeze=(('sample_adaptive_weighting', 2), ('portrait_unet', 1), ('portrait_unet/down', -1)),
  )
  stage, frozen = adapted_stage.adapt(plain, config, initial), initial.frozen
  fresh = first_state.fresh_paths(stage, initial)
  assert fresh == [f'portrait_unet/{part}' for part in FRESH]
  optimizer = state.make_optimizer(stage, config.optimizer, config.unfreeze, fresh)
  create = jax.jit(lambda f: device_mesh.unbox(state.create_state(stage, optimizer, jax.random.key(0), f)))
  states = [create(frozen)]
  root = jax.random.key(1)
  recipe = step.Recipe(stage, optimizer, config.optimizer, root)
  run = jax.jit(lambda s, f, b: step.train_step(recipe, s, f, b, 0.0)[0])
  for _ in range(4):
    states.append(run(states[-1], frozen, batch))
  first = flat(states[0].params['portrait_unet'])
  assert {path.rpartition('/')[2] for path in first if not path.startswith(FRESH)} == {'lora_a', 'lora_b'}
  assert sum(path.endswith('lora_a') for path in first) == 8 * sum(
    p.endswith('attn1/to_q/lora_a') for p in first
  )
  whole = flat(stage.merged(states[0].params, frozen)['portrait_unet'])
  assert all(np.array_equal(whole[path], value) for path, value in kept.items())

  def moved(path, i):
    old, new = (flat(states[j].params)[path] for j in (i, i + 1))
    return bool(jnp.any(old != new))

  def moment(path, i):
    tree = states[i].opt_state[1]
    return float(sum(jnp.abs(flat(part)[path]).max() for part in (tree.mu, tree.nu)))

  paths = flat(states[0].params)
  down = next(p for p in paths if p.startswith('portrait_unet/down') and p.endswith('lora_b'))
  middle = next(p for p in paths if p.startswith('portrait_unet/mid') and p.endswith('lora_b'))
  saw = next(p for p in paths if p.startswith('sample_adaptive_weighting') and p.endswith('fc2/bias'))
  new = 'portrait_unet/voice_proj/kernel'
  for path, start in ((down, 99), (middle, 1), (saw, 2), (new, 0)):
    assert [moved(path, i) for i in range(4)] == [i >= start for i in range(4)], path
    assert [moment(path, i + 1) > 0 for i in range(4)] == [i >= start for i in range(4)], path
  ema = flat(states[-1].ema_params)
  np.testing.assert_array_equal(ema[down], paths[down])
  assert jnp.any(ema[middle] != paths[middle])


def test_all_else_is_the_stage_itself():
  stage = adapted_stage.AdaptedStage(toy_stage.ToyStage({}, {}), {}, {}, {})
  assert dataclasses.replace(stage, fresh={'a': ()}).name == 'toy'
  assert stage.kind == 'steps' and stage.batch_spec(2).keys() == {'image', 'target'}
