"""Training of the large configurations at 1024 px: shapes of a step at full widths, and a real step at tiny ones."""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.planning import blueprint
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import config_files, state, step

SIDE = 1024
ROOT = pathlib.Path(__file__).resolve().parents[2]
# Stage -> its pictures in a batch. These stages take the size of portraits and frames.
PICTURES = {
  'autoencoder': 'image',
  'portrait': 'portrait',
  'codebook': 'image',
  'motion_codec': 'source',
  'code_transformer': 'source',
  'render': 'source',
}

pytestmark = pytest.mark.slow  # traces large networks, and convolves large pictures


def large(stage):
  """The configuration `large` of a stage at 1024 px."""
  config = config_files.load(ROOT / 'configs' / f'{stage}.py', 'large').unlock()
  config.options.image_size = SIDE
  return config


@pytest.mark.parametrize('stage', PICTURES)
def test_a_step_of_full_width_has_its_shapes(stage):
  config = large(stage)
  plan = blueprint.make(config, 'large')
  recipe = step.Recipe(plan.stage, plan.optimizer, config.optimizer, jax.random.key(0))
  before = device_mesh.unbox(plan.state)
  batch, progress = plan.stage.batch_spec(2), jax.ShapeDtypeStruct((), jnp.float32)
  assert batch[PICTURES[stage]].shape == (2, SIDE, SIDE, 3)
  after, metrics = jax.eval_shape(
    functools.partial(step.train_step, recipe), before, plan.frozen, batch, progress
  )
  assert jax.tree.map(lambda a: (a.shape, a.dtype), after) == jax.tree.map(
    lambda a: (a.shape, a.dtype), before
  )
  assert all(value.shape == () for value in metrics.values())
  if stage == 'render':
    assert {'lips', 'sync', 'discriminator'} <= set(metrics)


def tiny_frozen(names):
  """Tiny networks that a stage reads, with random parameters."""
  modules = {name: registry.make(name, 'tiny') for name in names}
  params, collections = {}, {}
  for i, (name, module) in enumerate(modules.items()):
    inputs = [jnp.zeros(a.shape, a.dtype) for a in module.example_inputs(modules, 64)]
    variables = dict(blocks.init_variables(module, jax.random.key(i), *inputs))
    params[name] = variables.pop('params')
    if variables:
      collections[name] = variables
  return modules, base.Frozen(params=params, collections=collections)


@pytest.mark.parametrize(
  'stage', [pytest.param(stage, marks=() if stage == 'render' else pytest.mark.proof) for stage in PICTURES]
)
def test_a_real_step_trains(stage):
  config = large(stage)
  config.dtype = 'float32'  # CPUs have no arithmetic of bfloat16
  config.optimizer.warmup_steps = 1
  if stage == 'render':
    config.options.roundtrip_rate = 1.0  # of the one portrait: the autoencoder runs
  for name in config.model:
    config.model[name] = registry.fields_for(name, 'tiny')
  modules, frozen = tiny_frozen(base.uses(config).frozen)
  built = base.build_stage(config, modules)
  batch = base.fake_batch(built.batch_spec(1))
  frozen = frozen.replace(statistics=built.prepare(frozen, iter([batch])))
  optimizer = state.make_optimizer(built, config.optimizer)
  create = jax.jit(lambda f: device_mesh.unbox(state.create_state(built, optimizer, jax.random.key(0), f)))
  before = create(frozen)
  recipe = step.Recipe(built, optimizer, config.optimizer, jax.random.key(1))
  after, metrics = jax.jit(functools.partial(step.train_step, recipe))(before, frozen, batch, 0.0)
  assert all(np.isfinite(value) for value in metrics.values()), metrics
  assert metrics['grad_norm'] > 0 and after.step == 1
  for name in built.networks:
    changes = jax.tree.map(lambda a, b: np.abs(a - b).max(), after.params[name], before.params[name])
    assert max(jax.tree.leaves(changes)) > 0, name
