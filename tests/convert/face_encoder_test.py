"""Face encoders: IResNet (ArcFace) and ViT, converted from random weights, match the reference outputs."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from in_memory import convert
from safetensors.numpy import save_file

from seetalk_jax.cli import main
from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import storage

# Channels and blocks per stage, side of the last feature map, width of the embedding.
IRESNETS = {
  'narrow': ((8, 16, 24, 32), (1, 1, 1, 1), 2, 24),
  'deeper': ((16, 24, 32, 40), (2, 3, 4, 2), 3, 32),
}
# Blocks of the published networks -> number of parameters.
PUBLISHED = {(3, 4, 14, 3): 43_590_848, (3, 13, 30, 3): 65_156_160}
VITS = {
  'even': dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8),
  # No patch covers the last five rows and columns.
  'odd': dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=2, image_size=37, patch_size=16),
}


def iresnet_source(folder, size='narrow', prefix=''):
  """Random weights and statistics under InsightFace's names."""
  channels, depths, side, embedding = IRESNETS[size]
  rng = np.random.default_rng(0)
  tensors = {}

  def add(name, *shape, scale=0.1):
    tensors[prefix + name] = (scale * rng.standard_normal(shape)).astype(np.float32)

  def norm(name, width):
    tensors[f'{prefix}{name}.weight'] = rng.uniform(0.5, 1.5, width).astype(np.float32)
    tensors[f'{prefix}{name}.running_var'] = rng.uniform(0.1, 2, width).astype(np.float32)
    tensors[f'{prefix}{name}.num_batches_tracked'] = np.array(12)
    add(f'{name}.bias', width), add(f'{name}.running_mean', width)

  add('conv1.weight', channels[0], 3, 3, 3), norm('bn1', channels[0]), add('prelu.weight', channels[0])
  before = channels[0]
  for i, (width, depth) in enumerate(zip(channels, depths, strict=True)):
    for j in range(depth):
      name = f'layer{i + 1}.{j}'
      norm(f'{name}.bn1', before), norm(f'{name}.bn2', width), norm(f'{name}.bn3', width)
      add(f'{name}.conv1.weight', width, before, 3, 3), add(f'{name}.conv2.weight', width, width, 3, 3)
      add(f'{name}.prelu.weight', width)
      if j == 0:
        add(f'{name}.downsample.0.weight', width, before, 1, 1), norm(f'{name}.downsample.1', width)
      before = width
  norm('bn2', before), norm('features', embedding)
  add('fc.weight', embedding, before * side**2), add('fc.bias', embedding)
  folder.mkdir(exist_ok=True)
  save_file(tensors, folder / 'backbone.safetensors')
  return tensors


def vit_source(folder, **changes):
  """Random weights of one layer under transformers' names, with a classifier."""
  config = dict(model_type='vit', hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
  config |= dict(intermediate_size=12, image_size=16, patch_size=8) | changes
  rng = np.random.default_rng(0)
  shapes = {'embeddings.cls_token': (1, 1, 8), 'embeddings.position_embeddings': (1, 5, 8)}
  parts = {
    'embeddings.patch_embeddings.projection': (8, 3, 8, 8),
    'layernorm': (8,),
    'encoder.layer.0.layernorm_before': (8,),
    'encoder.layer.0.layernorm_after': (8,),
    **{f'encoder.layer.0.attention.attention.{name}': (8, 8) for name in ('query', 'key', 'value')},
    'encoder.layer.0.attention.output.dense': (8, 8),
    'encoder.layer.0.intermediate.dense': (12, 8),
    'encoder.layer.0.output.dense': (8, 12),
  }
  for name, shape in parts.items():
    shapes |= {f'{name}.weight': shape, f'{name}.bias': shape[:1]}
  tensors = {f'vit.{name}': rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
  tensors |= {'classifier.weight': np.zeros((2, 8), np.float32), 'classifier.bias': np.zeros(2, np.float32)}
  folder.mkdir(exist_ok=True)
  save_file(tensors, folder / 'model.safetensors')
  (folder / 'config.json').write_text(json.dumps(config))
  return tensors


def test_an_iresnet_becomes_a_release(tmp_path, capsys):
  tensors = iresnet_source(tmp_path / 'arcface')
  target = tmp_path / 'released'
  assert main.main(['convert', 'arcface', str(tmp_path / 'arcface'), str(target), '--json']) == 0
  told = json.loads(capsys.readouterr().out)
  assert told['network'] == 'face_encoder' and told['fresh'] == [] and told['licence'].startswith('unknown')
  networks = storage.load_networks(target)
  module, params = networks.modules['face_encoder'], networks.params['face_encoder']
  assert module.norm == 'frozen' and module.image_size == 32 and module.embedding_dim == 24
  assert module.channels == (8, 16, 24, 32) and module.blocks == (1, 1, 1, 1)
  kernel = tensors['layer2.0.conv1.weight']
  np.testing.assert_array_equal(params['stage_1_0']['conv1']['kernel'], np.moveaxis(kernel, (0, 1), (3, 2)))

  def normed(x, name):
    spread = np.sqrt(tensors[f'{name}.running_var'] + 1e-5)
    return (x - tensors[f'{name}.running_mean']) / spread * tensors[f'{name}.weight'] + tensors[
      f'{name}.bias'
    ]

  rng = np.random.default_rng(1)
  x = rng.standard_normal((3, 8)).astype(np.float32)
  affine = params['stage_1_0']['norm1']
  np.testing.assert_allclose(x * affine['scale'] + affine['bias'], normed(x, 'layer2.0.bn1'), atol=1e-5)
  features = rng.standard_normal((1, 2, 2, 32)).astype(np.float32)  # the reference flattens channels first
  read = tensors['fc.weight'] @ np.moveaxis(features[0], -1, 0).reshape(-1) + tensors['fc.bias']
  dense = params['to_embedding']
  ours = features.reshape(-1) @ dense['kernel'] + dense['bias']
  np.testing.assert_allclose(ours, normed(read, 'features'), atol=1e-4)


def test_names_of_training_on_several_devices_are_known(tmp_path):
  iresnet_source(tmp_path / 'one')
  iresnet_source(tmp_path / 'many', prefix='module.')
  one, many = (convert('arcface', tmp_path / name) for name in ('one', 'many'))
  assert one.module == many.module
  jax.tree.map(np.testing.assert_array_equal, one.params, many.params)


@pytest.mark.parametrize(
  'name, value, message',
  [
    ('layer3.0.bn2.running_var', None, r'missing.*layer3\.0\.bn2\.running_var'),
    ('layer3.0.se.fc1.weight', np.zeros((2, 2)), r'unknown tensor.*layer3\.0\.se\.fc1\.weight \(2, 2\)'),
    ('fc.weight', np.zeros((24, 32 * 3)), r'fc\.weight \(24, 96\) reads no square map of 32 channels'),
    ('layer4.0.conv1.weight', None, 'no weights of an IResNet'),
    ('bn2.weight', np.zeros(31), r'do not go together.*bn2\.weight \(31,\).*\(32,\)'),
  ],
)
def test_what_is_no_iresnet_is_named(tmp_path, name, value, message):
  tensors = iresnet_source(tmp_path) | {name: value}
  save_file({k: v for k, v in tensors.items() if v is not None}, tmp_path / 'backbone.safetensors')
  with pytest.raises(CheckpointError, match=message):
    convert('arcface', tmp_path)


def test_a_vit_becomes_a_release_that_training_completes(tmp_path, capsys):
  tensors = vit_source(tmp_path / 'vit')
  target = tmp_path / 'released'
  assert main.main(['convert', 'vit', str(tmp_path / 'vit'), str(target), '--json']) == 0
  told = json.loads(capsys.readouterr().out)
  assert told['fresh'] == ['to_embedding/']
  used = {name: value for name, value in tensors.items() if name.startswith('vit.')}
  assert told['parameters'] == sum(value.size for value in used.values())
  with pytest.raises(CheckpointError, match='to_embedding/ are not trained yet'):
    storage.load_networks(target)
  params = storage.load_networks(target, unfinished=True).params['face_encoder']
  query = tensors['vit.encoder.layer.0.attention.attention.query.weight']
  np.testing.assert_array_equal(params['layers_0']['attention']['to_q']['kernel'], query.T)


@pytest.mark.parametrize(
  'changes, message',
  [
    (dict(model_type='deit'), "model_type 'deit', only 'vit'"),
    (dict(hidden_act='gelu_new'), "hidden_act 'gelu_new', only 'gelu'"),
    (dict(layer_norm_eps=1e-6), 'layer_norm_eps 1e-06, only 1e-12'),
    (dict(qkv_bias=False), 'qkv_bias False, only True'),
    (dict(image_size=[16, 24]), r'image_size \[16, 24\], only .*squares'),
    (dict(num_attention_heads=3), 'num_attention_heads 3'),
    (dict(image_size=24), r'another shape.*position_embeddings \(1, 5, 8\).*\(10, 8\)'),
  ],
)
def test_other_vits_are_refused(tmp_path, changes, message):
  vit_source(tmp_path, **changes)
  with pytest.raises(CheckpointError, match=message):
    convert('vit', tmp_path)


def test_a_vit_needs_its_configuration(tmp_path):
  vit_source(tmp_path)
  (tmp_path / 'config.json').unlink()
  with pytest.raises(CheckpointError, match=r'vit needs the config\.json'):
    convert('vit', tmp_path)


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
