"""Face encoders: IResNet (ArcFace) and ViT, converted from random weights, match the reference outputs."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from in_memory import convert
from sources import IRESNETS

# Blocks of the published networks -> number of parameters.
PUBLISHED = {(3, 4, 14, 3): 43_590_848, (3, 13, 30, 3): 65_156_160}
VITS = {
  'even': dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8),
  # No patch covers the last five rows and columns.
  'odd': dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=2, image_size=37, patch_size=16),
}


def reference_iresnet(channels, depths, side, embedding):
  """The published structure, under the published names."""
  from torch import nn

  class Block(nn.Module):
    def __init__(self, before, after, stride):
      super().__init__()
      self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(width) for width in (before, after, after))
      self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
      self.conv2 = nn.Conv2d(after, after, 3, stride=stride, padding=1, bias=False)
      self.prelu = nn.PReLU(after)
      self.downsample = nn.Identity()
      if stride > 1:
        shortcut = nn.Conv2d(before, after, 1, stride=stride, bias=False)
        self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(after))

    def forward(self, x):
      y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
      return self.bn3(self.conv2(y)) + self.downsample(x)

  class Backbone(nn.Module):
    def __init__(self):
      super().__init__()
      self.conv1 = nn.Conv2d(3, channels[0], 3, padding=1, bias=False)
      self.bn1, self.prelu = nn.BatchNorm2d(channels[0]), nn.PReLU(channels[0])
      before = (channels[0], *channels)
      for i, (width, depth) in enumerate(zip(channels, depths, strict=True)):
        stage = [Block(before[i] if j == 0 else width, width, 2 if j == 0 else 1) for j in range(depth)]
        setattr(self, f'layer{i + 1}', nn.Sequential(*stage))
      self.bn2 = nn.BatchNorm2d(channels[-1])
      self.fc = nn.Linear(channels[-1] * side**2, embedding)
      self.features = nn.BatchNorm1d(embedding)

    def forward(self, x):
      x = self.prelu(self.bn1(self.conv1(x)))
      for i in range(len(channels)):
        x = getattr(self, f'layer{i + 1}')(x)
      return self.features(self.fc(self.bn2(x).flatten(1)))

  return Backbone()


def converted_iresnet(size, folder):
  """(reference on channels-last pictures, our module, its parameters); statistics are measured on noise."""
  import torch

  torch.manual_seed(0)
  reference = reference_iresnet(*IRESNETS[size])
  with torch.no_grad():
    for name, parameter in reference.named_parameters():
      if parameter.ndim < 2 and name != 'features.weight':  # scales, offsets and slopes
        parameter.add_(0.1 * torch.randn(parameter.shape))
    side = 16 * IRESNETS[size][2]
    reference.train()
    for _ in range(3):
      reference(torch.rand(4, 3, side, side) * 2 - 1)
    for name, statistic in reference.named_buffers():  # different from the statistics of the test input
      if name.endswith(('mean', 'var')):
        statistic.mul_(torch.empty(statistic.shape).uniform_(0.8, 1.25))
  reference.eval()
  torch.save(reference.state_dict(), folder / 'backbone.pth')
  converted = convert('arcface', folder)
  assert converted.fresh == ()
  return lambda x: reference(x.permute(0, 3, 1, 2)), converted.module, converted.params


def converted_vit(size, folder):
  """(class token of the reference on channels-last pictures, our module, its parameters)."""
  import torch
  import transformers

  torch.manual_seed(0)
  config = transformers.ViTConfig(**VITS[size], intermediate_size=56)
  reference = transformers.ViTModel(config).eval()
  with torch.no_grad():
    for parameter in reference.parameters():
      parameter.add_(0.05 * torch.randn(parameter.shape))
  if size == 'odd':  # names as in the modules; `save_pretrained` uses those of published files
    torch.save(reference.state_dict(), folder / 'pytorch_model.bin')
    (folder / 'config.json').write_text(json.dumps(config.to_dict()))
  else:
    reference.save_pretrained(folder)
  converted = convert('vit', folder)
  # The new layer is set to return the class token unchanged.
  width = VITS[size]['hidden_size']
  dense = {'kernel': np.eye(width, 512, dtype=np.float32), 'bias': np.zeros(512, np.float32)}
  params = {**converted.params, 'to_embedding': dense}

  def token(x):
    state = reference(x.permute(0, 3, 1, 2)).last_hidden_state[:, 0]
    return torch.nn.functional.pad(state, (0, 512 - width))

  return token, converted.module, params


@pytest.fixture(params=[*IRESNETS, *VITS], scope='module')
def pair(request, tmp_path_factory):
  """(reference without normalization, our module, its parameters)."""
  pytest.importorskip('torch'), pytest.importorskip('transformers')
  make = converted_iresnet if request.param in IRESNETS else converted_vit
  return make(request.param, tmp_path_factory.mktemp(request.param))


def our_features(module, params):
  """Output of `to_embedding` before and after normalization to unit length."""

  def run(image):
    unit, seen = module.apply(
      {'params': params}, image, capture_intermediates=lambda part, _: part.name == 'to_embedding'
    )
    return seen['intermediates']['to_embedding']['__call__'][0], unit

  return jax.jit(run)


def pictures(module, seed):
  shape = (2, module.image_size, module.image_size, 3)
  return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parity
def test_embeddings_are_the_reference_s(pair):
  import torch

  reference, module, params = pair
  image = pictures(module, 0)
  with torch.no_grad():
    wanted = reference(torch.from_numpy(image))
  assert wanted.std() > 0.1  # otherwise the tolerance means little
  features, unit = our_features(module, params)(image)
  np.testing.assert_allclose(features, wanted, atol=1e-4)
  np.testing.assert_allclose(unit, torch.nn.functional.normalize(wanted, dim=-1), atol=1e-5)


@pytest.mark.parity
def test_the_gradient_of_the_picture_is_the_reference_s(pair):
  import torch

  reference, module, params = pair
  image = pictures(module, 1)
  given = torch.from_numpy(image).requires_grad_()
  out = reference(given)
  weights = np.random.default_rng(2).standard_normal(out.shape).astype(np.float32)
  (torch.from_numpy(weights) * out).sum().backward()
  run = our_features(module, params)
  gradient = jax.grad(lambda x: jnp.sum(weights * run(x)[0]))(image)
  theirs = given.grad.numpy()
  assert np.linalg.norm(gradient - theirs) <= 1e-3 * np.linalg.norm(theirs)


@pytest.mark.parity
@pytest.mark.parametrize('depths', PUBLISHED)
def test_the_references_are_as_large_as_published(depths):
  torch = pytest.importorskip('torch')
  with torch.device('meta'):
    reference = reference_iresnet((64, 128, 256, 512), depths, 7, 512)
  assert sum(parameter.numel() for parameter in reference.parameters()) == PUBLISHED[depths]


@pytest.mark.parity
def test_vit_b_is_as_large_as_published():
  torch, transformers = pytest.importorskip('torch'), pytest.importorskip('transformers')
  with torch.device('meta'):
    whole, body = (
      transformers.ViTModel(transformers.ViTConfig(), add_pooling_layer=pool) for pool in (True, False)
    )
  counts = [sum(parameter.numel() for parameter in model.parameters()) for model in (whole, body)]
  assert counts == [86_389_248, 85_798_656]
