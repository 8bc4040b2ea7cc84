"""I3D: logits equal those of the published structure, written out in PyTorch; every tensor is accounted for."""

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
from seetalk_jax.models.critics.i3d import InceptionI3D
from seetalk_jax.models.nn import image_ops
from seetalk_jax.releases import network_spec, storage

PARTS = ('weight', 'bias', 'running_mean', 'running_var')


def state(width=0.0625, num_classes=10):
  """Random weights and statistics under the published names."""
  rng, found = np.random.default_rng(0), {}
  for path, shape in network_spec.shapes_of(InceptionI3D(width, num_classes)).items():
    layer, kind = path.replace('/', '.').rsplit('.', 1)
    if layer == 'logits':
      found['logits.conv3d.weight'] = rng.standard_normal((num_classes, 64, 1, 1, 1)) / 8
      found['logits.conv3d.bias'] = rng.standard_normal(num_classes)
    elif kind == 'kernel':
      *window, before, out = shape
      spread = np.sqrt(2 / (before * np.prod(window)))
      found[f'{layer}.conv3d.weight'] = spread * rng.standard_normal((out, before, *window))
      found[f'{layer}.bn.weight'], found[f'{layer}.bn.bias'] = (
        rng.uniform(0.5, 1.5, out),
        rng.uniform(0, 1, out),
      )
      found[f'{layer}.bn.running_mean'] = 0.1 * rng.standard_normal(out)
      found[f'{layer}.bn.running_var'] = rng.uniform(0.5, 2, out)
  whole = {name: value.astype(np.float32) for name, value in found.items()}
  norms = [name.removesuffix('.running_var') for name in found if name.endswith('.running_var')]
  return whole | {f'{norm}.num_batches_tracked': np.array(3) for norm in norms}


@pytest.fixture(scope='module')
def source(tmp_path_factory):
  path = tmp_path_factory.mktemp('i3d') / 'weights.safetensors'
  save_file(state(), path)
  return path


def test_every_tensor_is_used_and_batch_norms_are_folded(source, monkeypatch):
  reads, original = collections.Counter(), tensors.open_tensors

  def watched(path):
    opened = original(path)
    return tensors.Tensors(opened.shapes, lambda name: reads.update([name]) or opened.read(name), opened.file)

  monkeypatch.setattr(tensors, 'open_tensors', watched)
  params = traverse_util.flatten_dict(read_all(network.plan('i3d', source).params), sep='/')
  published = state()
  left = {name for name in published if name not in reads}
  assert left == {name for name in published if name.endswith('num_batches_tracked')}
  assert len(params) == 2 * (3 + 9 * 6 + 1)
  name, path = 'Mixed_4d.b1b', 'Mixed_4d/b1b'
  weight, bias, mean, variance = (published[f'{name}.bn.{part}'].astype(np.float64) for part in PARTS)
  scale = weight / np.sqrt(variance + 1e-3)
  wanted = published[f'{name}.conv3d.weight'][2, 3, 0, 1, 2] * scale[2]
  np.testing.assert_allclose(params[f'{path}/kernel'][0, 1, 2, 3, 2], wanted, rtol=1e-6)
  np.testing.assert_allclose(params[f'{path}/bias'], bias - mean * scale, rtol=1e-5, atol=1e-7)


def test_it_becomes_a_release_with_licence_and_origin(source, tmp_path, capsys):
  options = ['--licence', 'Apache-2.0', '--origin', 'a file', '--json']
  assert main.main(['convert', 'i3d', str(source), str(tmp_path / 'out'), *options]) == 0
  summary = json.loads(capsys.readouterr().out)
  assert summary['network'] == 'i3d' and summary['fresh'] == [] and summary['licence'] == 'Apache-2.0'
  assert storage.load_networks(tmp_path / 'out').modules['i3d'] == InceptionI3D(0.0625, 10)


def test_clips_of_another_shape_are_named():
  for shape in ((1, 8, 32, 32, 3), (16, 32, 32, 3), (1, 16, 32, 32, 2)):
    with pytest.raises(ValueError, match='t at least 9, got'):
      jax.eval_shape(InceptionI3D().init, jax.random.key(0), jnp.zeros(shape))


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'Mixed_4c.b2b.bn.running_var': None}, r'missing.*Mixed_4c\.b2b\.bn\.running_var'),
    ({'Mixed_4c.b2b.conv3d.weight': None}, r'missing.*Mixed_4c/b2b/kernel \(3, 3, 3, 2, 4\)'),
    ({'Mixed_4c.b4.gate': np.zeros((2, 2))}, r'unknown tensor.*Mixed_4c\.b4\.gate \(2, 2\)'),
    ({'Mixed_4c.b2b.bn.weight': np.zeros(3)}, r'do not go together.*b2b\.bn\.weight \(3,\)'),
    (
      {'Conv3d_1a_7x7.conv3d.weight': np.zeros((4, 2, 7, 7, 7))},  # of the network for optical flow
      r'another shape.*Conv3d_1a_7x7\.conv3d\.weight \(4, 2, 7, 7, 7\).*\(7, 7, 7, 3, 4\)',
    ),
    ({'logits.conv3d.weight': None}, r'no weights of an I3D.*logits\.conv3d\.weight is not there'),
  ],
)
def test_what_is_no_i3d_is_named(tmp_path, changes, message):
  whole = state() | {
    name: value if value is None else value.astype(np.float32) for name, value in changes.items()
  }
  save_file({name: value for name, value in whole.items() if value is not None}, tmp_path / 'w.safetensors')
  with pytest.raises(CheckpointError, match=message) as error:
    network.plan('i3d', tmp_path / 'w.safetensors')
  assert '\n' not in str(error.value)


# The published blocks: channels of the input and of the layers b0, b1a, b1b, b2a, b2b and b3b.
BLOCKS = {
  'Mixed_3b': (192, (64, 96, 128, 16, 32, 32)),
  'Mixed_3c': (256, (128, 128, 192, 32, 96, 64)),
  'Mixed_4b': (480, (192, 96, 208, 16, 48, 64)),
  'Mixed_4c': (512, (160, 112, 224, 24, 64, 64)),
  'Mixed_4d': (512, (128, 128, 256, 24, 64, 64)),
  'Mixed_4e': (512, (112, 144, 288, 32, 64, 64)),
  'Mixed_4f': (528, (256, 160, 320, 32, 128, 128)),
  'Mixed_5b': (832, (256, 160, 320, 32, 128, 128)),
  'Mixed_5c': (832, (384, 192, 384, 48, 128, 128)),
}


def reference_network():
  """The published structure, under the published names."""
  import torch
  from torch import nn
  from torch.nn import functional

  def same(x, window, strides):
    """Zeros around `x [b, c, t, h, w]` as by TensorFlow's 'SAME': what is odd goes to the end."""
    margins = []
    for size, side, stride in zip(x.shape[:1:-1], window[::-1], strides[::-1], strict=True):
      total = max((-(-size // stride) - 1) * stride + side - size, 0)
      margins += [total // 2, total - total // 2]
    return functional.pad(x, margins)

  def pooled(x, window, strides):
    return functional.max_pool3d(same(x, window, strides), window, strides)

  class Unit(nn.Module):
    def __init__(self, before, after, side, stride=1, last=False):
      super().__init__()
      self.conv3d = nn.Conv3d(before, after, side, stride, bias=last)
      self.bn = None if last else nn.BatchNorm3d(after, eps=1e-3)

    def forward(self, x):
      x = self.conv3d(same(x, self.conv3d.kernel_size, self.conv3d.stride))
      return x if self.bn is None else functional.relu(self.bn(x))

  class Block(nn.Module):
    def __init__(self, before, channels):
      super().__init__()
      self.b0, self.b3b = Unit(before, channels[0], 1), Unit(before, channels[5], 1)
      self.b1a, self.b1b = Unit(before, channels[1], 1), Unit(channels[1], channels[2], 3)
      self.b2a, self.b2b = Unit(before, channels[3], 1), Unit(channels[3], channels[4], 3)

    def forward(self, x):
      last = self.b3b(pooled(x, (3, 3, 3), (1, 1, 1)))
      return torch.cat([self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), last], dim=1)

  class Network(nn.Module):
    def __init__(self):
      super().__init__()
      self.Conv3d_1a_7x7, self.Conv3d_2b_1x1 = Unit(3, 64, 7, 2), Unit(64, 64, 1)
      self.Conv3d_2c_3x3 = Unit(64, 192, 3)
      for name, (before, channels) in BLOCKS.items():
        self.add_module(name, Block(before, channels))
      self.logits = Unit(1024, 400, 1, last=True)

    def forward(self, x):
      """Clips `[b, 3, t, 224, 224]` to logits `[b, 400]`."""
      x = pooled(self.Conv3d_1a_7x7(x), (1, 3, 3), (1, 2, 2))
      x = pooled(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), (1, 3, 3), (1, 2, 2))
      for name in BLOCKS:
        if name == 'Mixed_4b':
          x = pooled(x, (3, 3, 3), (2, 2, 2))
        if name == 'Mixed_5b':
          x = pooled(x, (2, 2, 2), (2, 2, 2))
        x = self.get_submodule(name)(x)
      x = self.logits(functional.avg_pool3d(x, (2, 7, 7), stride=1))
      return x[..., 0, 0].mean(dim=-1)

  return Network()


@pytest.fixture(scope='module')
def both(tmp_path_factory):
  """The published structure with random weights, and the network converted from them."""
  import torch

  torch.manual_seed(0)
  reference = reference_network()
  with torch.no_grad():
    for layer in reference.modules():
      if isinstance(layer, torch.nn.Conv3d):
        torch.nn.init.kaiming_normal_(layer.weight)
      if isinstance(layer, torch.nn.BatchNorm3d):
        layer.weight.uniform_(0.5, 1.5)
        layer.bias.uniform_(-0.5, 0.5)
        layer.running_mean.uniform_(-0.5, 0.5)
        layer.running_var.uniform_(0.5, 1.5)
  path = tmp_path_factory.mktemp('i3d') / 'i3d.pt'
  torch.save(reference.state_dict(), path)
  return reference.eval(), convert('i3d', path)


def clips(shape, seed):
  """Smooth random clips that move, uint8 `[*shape, 3]` with shape (b, t, h, w)."""
  rng = np.random.default_rng(seed)
  b, t, *size = shape
  coarse = rng.uniform(-1, 1, (b, t, 5, 6, 3)) * rng.uniform(0.2, 1, (b, 1, 1, 1, 3))
  smooth = image_ops.resize_bilinear(jnp.asarray(coarse, jnp.float32), tuple(size))
  return np.asarray(image_ops.to_uint8(smooth))


@pytest.mark.parity
@pytest.mark.parametrize('size, frames', [((224, 224), 16), ((75, 130), 16), ((301, 267), 27)])
def test_logits_are_those_of_the_published_structure(both, size, frames):
  import torch

  reference, converted = both
  assert converted.module == InceptionI3D() and converted.fresh == ()
  given = clips((2, frames, *size), 1)
  with torch.no_grad():
    pixels = torch.from_numpy(given.copy()).permute(0, 1, 4, 2, 3).float() / 127.5 - 1
    resized = torch.nn.functional.interpolate(
      pixels.flatten(0, 1), size=(224, 224), mode='bilinear', align_corners=False
    )
    theirs = reference(resized.unflatten(0, (2, frames)).transpose(1, 2)).numpy()
  ours = np.asarray(jax.jit(converted.module.apply)({'params': converted.params}, image_ops.to_float(given)))
  np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())
  # Logits of the clips differ by more than the tolerance.
  difference = theirs[1] - theirs[0]
  assert np.abs(difference).max() > 0.01 * np.abs(theirs).max()
  np.testing.assert_allclose(ours[1] - ours[0], difference, atol=1e-4 * np.abs(difference).max())
