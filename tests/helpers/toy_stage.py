"""Toy stage that trains in a second and has all features of real stages; also a program for kill tests.

python tests/helpers/toy_stage.py WORKDIR [field=value ...] trains it; delay=SECONDS slows the data down, and
meet=(PORT,COUNT,NUMBER) makes it one of several processes.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
import time

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from seetalk_jax.configs import common
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks, image_ops
from seetalk_jax.sharding import device_mesh
from seetalk_jax.stages import base
from seetalk_jax.training import hosts, loop


class ToyNet(nn.Module):
  """Pictures [b, 8, 8, 3] -> [b, 16]; counts its calls in a collection."""

  width: int = 16
  dtype: str = 'float32'

  @nn.compact
  def __call__(self, x):
    x = nn.gelu(blocks.conv(self.width, 3, 'conv_in')(x))
    x = blocks.layer_norm('norm')(x.mean((1, 2)))
    x = nn.gelu(blocks.dense(2 * self.width, 'widen')(x))
    calls = self.variable('counts', 'calls', lambda: jnp.zeros((), jnp.int32))
    if not self.is_initializing() and self.is_mutable_collection('counts'):
      calls.value += 1
    return blocks.dense(16, 'project', axes=('mlp', 'embed'))(x)


SIZES = {'tiny': {'width': 16}, 'demo': {'width': 32}}


@dataclasses.dataclass(frozen=True)
class ToyStage(base.Stage):
  networks: dict
  frozen: dict
  name: str = 'toy'
  view: str = 'toy'
  noise: float = 0.1
  nan_at: int = -1
  bad_gradient_at: int = -1

  def batch_spec(self, batch_size):
    return {
      'image': jax.ShapeDtypeStruct((batch_size, 8, 8, 3), jnp.uint8),
      'target': jax.ShapeDtypeStruct((batch_size, 16), jnp.float32),
    }

  def init(self, rng, frozen):
    variables = dict(self.networks['toy_net'].init(rng, jnp.zeros((1, 8, 8, 3))))
    return {'toy_net': variables.pop('params')}, {'toy_net': variables}

  def features(self, frozen, batch):
    return {'picture': image_ops.to_float(batch['image']), 'target': batch['target']}

  def loss(self, params, frozen, collections, batch, rng, step):
    batch = batch if 'picture' in batch else self.features(frozen, batch)
    x = batch['picture'] - frozen.statistics['toy_net']['mean']
    y, updated = self.networks['toy_net'].apply(
      {'params': params['toy_net'], **collections['toy_net']}, x, mutable=['counts']
    )
    noise = self.noise * jax.random.normal(rng, y.shape)
    loss = jnp.mean((y + noise - batch['target']) ** 2)
    if 'toy_given' in self.frozen:
      given = self.frozen['toy_given'].apply(frozen.variables('toy_given'), x)
      loss += jnp.mean((y - given) ** 2)
    # The square root at zero: a finite loss with an infinite gradient of one kernel.
    kernel = params['toy_net']['widen']['kernel']
    kernel = kernel.value if hasattr(kernel, 'value') else kernel
    loss += jnp.sqrt(jnp.where(step == self.bad_gradient_at, 0.0, 1.0) * jnp.sum(kernel**2)) * 1e-9
    extra = jnp.where(step == self.nan_at, jnp.nan, 0.0)
    return loss + extra, ({'extra': extra, 'target': jnp.mean(batch['target'])}, {'toy_net': updated})

  def prepare(self, frozen, batches):
    means = [jnp.mean(image_ops.to_float(next(batches)['image'])) for _ in range(2)]
    return {'toy_net': {'mean': np.mean(device_mesh.to_host(means), dtype=np.float32)}}

  def preview(self, params, frozen, collections, batch, rng):
    return np.asarray(batch['image'][0])

  def trainable(self, params):
    return jax.tree_util.tree_map_with_path(lambda path, _: 'norm' not in str(path), params)


@dataclasses.dataclass(frozen=True)
class ToyPass(base.PassStage):
  networks: dict
  frozen: dict
  name: str = 'toy_pass'
  view: str = 'toy'

  batch_spec = ToyStage.batch_spec

  def start(self, frozen):
    return {'sum': jnp.zeros(16), 'count': jnp.zeros(())}

  def update(self, accumulator, frozen, batch):
    count = accumulator['count'] + batch['target'].shape[0]
    return {'sum': accumulator['sum'] + batch['target'].sum(0), 'count': count}

  def finalize(self, accumulator):
    return {'toy_pass': {'target_mean': np.asarray(accumulator['sum'] / accumulator['count'])}}


def uses(config):
  if config.stage == 'toy_pass':
    return base.Uses()
  return base.Uses(trained=('toy_net',), frozen=('toy_given',) if config.init.toy_given else ())


def build(config, given):
  if config.stage == 'toy_pass':
    return ToyPass(networks={}, frozen={})
  networks, frozen = base.networks_for(uses(config), config, given)
  return ToyStage(networks=networks, frozen=frozen, **base.options_of(ToyStage, config))


def register() -> None:
  """Registers the toy as a stage and as a network."""
  module = sys.modules[__name__]
  sys.modules['seetalk_jax.models.toy_stage'] = module
  sys.modules['seetalk_jax.stages.toy_stage'] = module
  registry.NETWORKS['toy_net'] = registry.NETWORKS['toy_given'] = ('toy_stage', 'ToyNet')
  base.STAGES['toy'] = base.STAGES['toy_pass'] = 'seetalk_jax.stages.toy_stage'


class ToyBatches:
  """Batches that are functions of (seed, i); `seen` lists the indices of the returned batches."""

  seen: list[int] = []

  def __init__(self, batch_size, seed, start_index, rows, delay=0.0):
    self._shape = batch_size, seed
    self._index, self._rows, self._delay = start_index, rows, delay

  def __iter__(self):
    return self

  def __next__(self):
    time.sleep(self._delay)
    batch_size, seed = self._shape
    rng = np.random.default_rng([seed, self._index])
    ToyBatches.seen.append(self._index)
    self._index += 1
    batch = {
      'image': rng.integers(0, 256, (batch_size, 8, 8, 3), np.uint8),
      'target': rng.standard_normal((batch_size, 16)).astype(np.float32),
      'unused': np.zeros(batch_size),
    }
    return {name: value[self._rows] for name, value in batch.items()}

  def get_state(self):
    return self._index

  def close(self):
    pass


def make_batches(view, corpus_dirs, *, batch_size, seed, split, start_index, rows=None, delay=0.0, **_):
  assert view == 'toy'
  rows = np.arange(batch_size) if rows is None else np.asarray(rows)
  return ToyBatches(batch_size, seed + 1000 * (split != 'train'), start_index, rows, delay)


def get_config(**changes) -> ml_collections.ConfigDict:
  """Configuration with the fields of configs/common.py, set for eight fast steps."""
  register()
  variant = common.Variant('tiny', batch_size=8, num_steps=8, learning_rate=1e-2)
  config = common.stage_config('toy', variant, networks=('toy_net',), optional=('toy_given',))
  config.options.update(noise=0.1, nan_at=-1, bad_gradient_at=-1)
  config.data_root = ''
  config.data.update(corpora=('',), augment=False)
  config.optimizer.update(warmup_steps=2, final_fraction=0.0, ema_decay=0.99)
  config.update(log_every=2, sample_every=4, checkpoint_every=4, eval_batches=1)
  config.lock()
  config.update_from_flattened_dict(changes)
  return config


def main() -> None:
  register()
  workdir, *changes = sys.argv[1:]
  values = {name: ast.literal_eval(value) for name, value in (change.split('=') for change in changes)}
  delay = values.pop('delay', 0.0)
  if 'meet' in values:
    port, count, number = values.pop('meet')
    hosts.initialize(f'localhost:{port}', count, number)
  try:
    outcome = loop.train(
      get_config(**values), workdir, make_batches=lambda *a, **k: make_batches(*a, **k, delay=delay)
    )
  except Exception as e:  # as in train.py
    hosts.leave(e)
  print(outcome.reason, outcome.step)


if __name__ == '__main__':
  sys.modules['toy_stage'] = sys.modules['__main__']
  main()
