"""EfficientNet-Lite0: features equal those of the published structure; the distance and its parts."""

import collections
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from in_memory import convert, read_all
from safetensors.numpy import save_file

from seetalk_jax.cli import main
from seetalk_jax.convert import network, tensors
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.critics.perceptual import PerceptualTower
from seetalk_jax.releases import storage

# The published blocks: kernel, strides, expansion, input and output channels.
BLOCKS = [
  (3, 1, 1, 32, 16),
  (3, 2, 6, 16, 24),
  (3, 1, 6, 24, 24),
  (5, 2, 6, 24, 40),
  (5, 1, 6, 40, 40),
  (3, 2, 6, 40, 80),
  (3, 1, 6, 80, 80),
  (3, 1, 6, 80, 80),
  (5, 1, 6, 80, 112),
  (5, 1, 6, 112, 112),
  (5, 1, 6, 112, 112),
  (5, 2, 6, 112, 192),
  (5, 1, 6, 192, 192),
  (5, 1, 6, 192, 192),
  (5, 1, 6, 192, 192),
  (3, 1, 6, 192, 320),
]
LAST_OF_STRIDES = (0, 2, 4, 10, 15)  # 2, 4, 8, 16, 32


def state(width=0.125):
  """Random weights and statistics under the published names."""
  rng = np.random.default_rng(0)
  found = {}

  def layer(name, norm, out, before, kernel):
    fan_in = before * kernel**2
    found[f'{name}.weight'] = rng.standard_normal((out, before, kernel, kernel)) * np.sqrt(2 / fan_in)
    found[f'{norm}.weight'], found[f'{norm}.bias'] = rng.uniform(0.5, 1.5, out), rng.standard_normal(out)
    found[f'{norm}.running_mean'] = 0.1 * rng.standard_normal(out)
    found[f'{norm}.running_var'] = rng.uniform(0.5, 2, out)

  layer('_conv_stem', '_bn0', round(32 * width), 3, 3)
  for i, (kernel, _, expansion, before, after) in enumerate(BLOCKS):
    before, after, name = round(width * before), round(width * after), f'_blocks.{i}'
    if expansion > 1:
      layer(f'{name}._expand_conv', f'{name}._bn0', expansion * before, before, 1)
    layer(f'{name}._depthwise_conv', f'{name}._bn1', expansion * before, 1, kernel)
    layer(f'{name}._project_conv', f'{name}._bn2', after, expansion * before, 1)
  layer('_conv_head', '_bn1', 20, after, 1)
  found |= {'_fc.weight': rng.standard_normal((7, 20)), '_fc.bias': rng.standard_normal(7)}
  norms = [name.removesuffix('.running_var') for name in found if name.endswith('.running_var')]
  whole = {name: value.astype(np.float32) for name, value in found.items()}
  return whole | {f'{norm}.num_batches_tracked': np.array(3) for norm in norms}


@pytest.fixture(scope='module')
def source(tmp_path_factory):
  path = tmp_path_factory.mktemp('lite') / 'weights.safetensors'
  save_file(state(), path)
  return path


def test_every_tensor_is_used_once_and_batch_norms_are_folded(source, monkeypatch):
  reads, original = collections.Counter(), tensors.open_tensors

  def watched(path):
    opened = original(path)
    return tensors.Tensors(opened.shapes, lambda name: reads.update([name]) or opened.read(name), opened.file)

  monkeypatch.setattr(tensors, 'open_tensors', watched)
  planned = network.plan('efficientnet-lite', source)
  params = traverse_util.flatten_dict(read_all(planned.params)['trunk'], sep='/')
  published = state()
  left = {name for name in published if name not in reads}
  assert all(name.startswith(('_conv_head', '_bn1', '_fc')) or 'num_batches' in name for name in left)
  # A kernel needs the scale and variance of its norm, the bias all four tensors.
  wanted = {'_conv.weight': 1, '_conv_stem.weight': 1, '.bias': 1, '.running_mean': 1, '.running_var': 2}
  for name, count in reads.items():
    assert count == next((n for end, n in wanted.items() if name.endswith(end)), 2), name
  assert len(params) == 2 * (1 + sum(2 + (expansion > 1) for _, _, expansion, _, _ in BLOCKS))
  norm = {
    part: published[f'_blocks.3._bn1.{part}'] for part in ('weight', 'bias', 'running_mean', 'running_var')
  }
  scale = norm['weight'] / np.sqrt(norm['running_var'] + 1e-3)
  kernel = published['_blocks.3._depthwise_conv.weight']
  for i, j, c in ((0, 0, 0), (4, 1, 17), (2, 3, 5)):
    np.testing.assert_allclose(
      params['blocks_3/depthwise/kernel'][i, j, 0, c], kernel[c, 0, i, j] * scale[c], rtol=1e-5
    )
  bias = norm['bias'] - norm['running_mean'] * scale
  np.testing.assert_allclose(params['blocks_3/depthwise/bias'], bias, rtol=1e-4, atol=1e-6)


def test_it_becomes_a_release_with_licence_and_origin(source, tmp_path, capsys):
  options = ['--licence', 'Apache-2.0', '--origin', 'a package', '--json']
  assert main.main(['convert', 'efficientnet-lite', str(source), str(tmp_path / 'out'), *options]) == 0
  summary = json.loads(capsys.readouterr().out)
  assert summary['network'] == 'perceptual' and summary['fresh'] == [] and summary['licence'] == 'Apache-2.0'
  released = storage.load_networks(tmp_path / 'out')
  assert released.modules['perceptual'] == PerceptualTower(
    'efficientnet-lite0', calibrated=False, width=0.125
  )
  assert released.info['provenance']['networks']['perceptual'] == {
    'licence': 'Apache-2.0',
    'origin': 'a package',
    'fresh': [],
  }


def test_its_distance(source):
  """Five levels; zero between equal pictures, symmetric, growing, with a finite gradient."""
  module, params = (converted := convert('efficientnet-lite', source)).module, converted.params
  rng = np.random.default_rng(1)
  one, other = (rng.uniform(-1, 1, (2, 45, 64, 3)).astype(np.float32) for _ in range(2))
  one[:, :20, :20] = 0.0

  def run(a, b):
    maps = [module.apply({'params': params}, x, method='features') for x in (a, b)]
    distances = module.apply({'params': params}, a, b)
    return distances.sum(), (distances, maps)

  slope = jax.jit(jax.grad(run, has_aux=True))
  gradient, (given, maps) = slope(one, other)
  sizes = [(2, -(-45 // s), 64 // s, c) for s, c in ((2, 2), (4, 3), (8, 5), (16, 14), (32, 40))]
  assert [level.shape for level in maps[0]] == sizes
  assert all(level.dtype == jnp.float32 and (level < 0).any() for level in maps[0])
  assert given.shape == (2,) and given.dtype == jnp.float32
  units = [[m / np.linalg.norm(m, axis=-1, keepdims=True) for m in levels] for levels in maps]
  wanted = sum(np.mean(np.sum((a - b) ** 2, axis=-1), axis=(1, 2)) for a, b in zip(*units, strict=True))
  np.testing.assert_allclose(given, wanted, rtol=1e-4)
  assert np.isfinite(gradient).all() and (np.abs(gradient).max(axis=(1, 2)) > 0).all()

  np.testing.assert_allclose(given, slope(other, one)[1][0], rtol=1e-5)
  near = slope(one, 0.9 * one + 0.1 * other)[1][0]
  assert (near > 0).all() and (near < given).all()
  gradient, (equal, _) = slope(one, one)
  np.testing.assert_allclose(equal, 0, atol=1e-7)
  np.testing.assert_allclose(gradient, 0, atol=1e-5)


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'_blocks.4._bn1.running_var': None}, r'missing.*_blocks\.4\._bn1\.running_var'),
    ({'_blocks.4.extra.weight': np.zeros((2, 2))}, r'unknown tensor.*_blocks\.4\.extra\.weight \(2, 2\)'),
    ({'_blocks.4._bn2.weight': np.zeros(4)}, r'do not go together.*_blocks\.4\._bn2\.weight \(4,\)'),
    ({'_blocks.2._project_conv.weight': np.zeros((3, 5, 1, 1))}, r'another shape.*_blocks\.2\._project_conv'),
    ({'_conv_stem.weight': None}, 'no weights of an EfficientNet-Lite0: 16 blocks'),
    ({'_blocks.16._project_conv.weight': np.zeros((3, 5, 1, 1))}, r'17 blocks \(of 16\)'),
    ({'_blocks.0._se_reduce.weight': np.zeros((2, 4, 1, 1))}, 'squeeze-and-excite'),
  ],
)
def test_what_is_no_efficientnet_lite_is_named(tmp_path, changes, message):
  whole = state() | {
    name: value if value is None else value.astype(np.float32) for name, value in changes.items()
  }
  save_file({name: value for name, value in whole.items() if value is not None}, tmp_path / 'w.safetensors')
  with pytest.raises(CheckpointError, match=message):
    network.plan('efficientnet-lite', tmp_path / 'w.safetensors')


def test_there_is_no_calibrated_efficientnet():
  image = jnp.zeros((1, 32, 32, 3))
  with pytest.raises(ValueError, match='set calibrated=False'):
    PerceptualTower('efficientnet-lite0').init(jax.random.key(0), image, image)
  with pytest.raises(ValueError, match="one of vgg16, vgg19, alex, efficientnet-lite0, got 'lite'"):
    PerceptualTower('lite').init(jax.random.key(0), image, image)


def reference_network():
  """The published structure, under the published names."""
  from torch import nn
  from torch.nn import functional

  class Same(nn.Conv2d):
    """Padding as TensorFlow's 'SAME': what is odd goes to the bottom and right."""

    def forward(self, x):
      margins = []
      for size in (x.shape[-1], x.shape[-2]):
        kernel, strides = self.kernel_size[0], self.stride[0]
        total = max((-(-size // strides) - 1) * strides + kernel - size, 0)
        margins += [total // 2, total - total // 2]
      return super().forward(functional.pad(x, margins))

  def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)

  class Block(nn.Module):
    def __init__(self, kernel, strides, expansion, before, after):
      super().__init__()
      wide = expansion * before
      self.expands, self.adds = expansion > 1, strides == 1 and before == after
      if self.expands:
        self._expand_conv, self._bn0 = Same(before, wide, 1, bias=False), norm(wide)
      self._depthwise_conv = Same(wide, wide, kernel, stride=strides, groups=wide, bias=False)
      self._bn1 = norm(wide)
      self._project_conv, self._bn2 = Same(wide, after, 1, bias=False), norm(after)

    def forward(self, x):
      y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
      y = functional.relu6(self._bn1(self._depthwise_conv(y)))
      y = self._bn2(self._project_conv(y))
      return x + y if self.adds else y

  class Network(nn.Module):
    def __init__(self):
      super().__init__()
      self._conv_stem, self._bn0 = Same(3, 32, 3, stride=2, bias=False), norm(32)
      self._blocks = nn.ModuleList(Block(*block) for block in BLOCKS)
      self._conv_head, self._bn1 = Same(320, 1280, 1, bias=False), norm(1280)
      self._fc = nn.Linear(1280, 1000)

    def features(self, x):
      x = functional.relu6(self._bn0(self._conv_stem(x)))
      maps = []
      for block in self._blocks:
        x = block(x)
        maps.append(x)
      return [maps[i] for i in LAST_OF_STRIDES]

  return Network()


@pytest.mark.parity
@pytest.mark.parametrize('side', [(64, 64), (75, 90)])
def test_features_are_those_of_the_published_structure(side, tmp_path):
  torch = pytest.importorskip('torch')
  torch.manual_seed(0)
  reference = reference_network()
  with torch.no_grad():
    for module in reference.modules():
      if isinstance(module, torch.nn.BatchNorm2d):
        for tensor, low, high in (
          (module.weight, 0.5, 1.5),
          (module.bias, -0.5, 1.0),
          (module.running_mean, -0.5, 0.5),
          (module.running_var, 0.05, 0.5),
        ):
          tensor.uniform_(low, high)
  reference.eval()
  torch.save(reference.state_dict(), tmp_path / 'lite.pth')
  converted = convert('efficientnet-lite', tmp_path / 'lite.pth')
  assert converted.module == PerceptualTower('efficientnet-lite0', calibrated=False, width=1.0)
  image = np.random.default_rng(2).uniform(-1, 1, (2, *side, 3)).astype(np.float32)
  given = torch.from_numpy(image).requires_grad_()
  pixels = (given.permute(0, 3, 1, 2) + 1) * 127.5
  wanted = reference.features((pixels - 127) / 128)
  sum((level**2).mean() for level in wanted).backward()

  def features(x, params):
    return converted.module.apply({'params': params}, x, method='features')

  found = jax.jit(features)(image, converted.params)
  for ours, theirs in zip(found, wanted, strict=True):
    theirs = theirs.detach().permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * max(1.0, np.abs(theirs).max()))
  loss = jax.grad(lambda x, params: sum((level**2).mean() for level in features(x, params)))
  gradient, theirs = jax.jit(loss)(image, converted.params), given.grad.numpy()
  # Activations within rounding of 0 or 6 have either slope in ReLU6; 1e-3 was seen.
  assert np.linalg.norm(gradient - theirs) <= 5e-3 * np.linalg.norm(theirs)
