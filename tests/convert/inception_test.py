"""Inception-v3 of FID: features and distances equal pytorch-fid's; every tensor is accounted for."""

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
from seetalk_jax.evaluation.measures import frechet, frechet_features
from seetalk_jax.models.critics.inception import InceptionV3
from seetalk_jax.models.nn import image_ops
from seetalk_jax.releases import network_spec, storage

PARTS = ('weight', 'bias', 'running_mean', 'running_var')


def state(width=0.0625):
  """Random weights and statistics under the published names."""
  rng, found = np.random.default_rng(0), {}
  for path, shape in network_spec.shapes_of(InceptionV3(width)).items():
    layer, kind = path.replace('/', '.').rsplit('.', 1)
    if kind == 'kernel':
      *window, before, out = shape
      spread = np.sqrt(2 / (before * np.prod(window)))
      found[f'{layer}.conv.weight'] = spread * rng.standard_normal((out, before, *window))
      found[f'{layer}.bn.weight'], found[f'{layer}.bn.bias'] = (
        rng.uniform(0.5, 1.5, out),
        rng.uniform(0, 1, out),
      )
      found[f'{layer}.bn.running_mean'] = 0.1 * rng.standard_normal(out)
      found[f'{layer}.bn.running_var'] = rng.uniform(0.5, 2, out)
  found |= {'fc.weight': rng.standard_normal((1008, 128)), 'fc.bias': rng.standard_normal(1008)}
  whole = {name: value.astype(np.float32) for name, value in found.items()}
  norms = [name.removesuffix('.running_var') for name in found if name.endswith('.running_var')]
  return whole | {f'{norm}.num_batches_tracked': np.array(3) for norm in norms}


@pytest.fixture(scope='module')
def source(tmp_path_factory):
  path = tmp_path_factory.mktemp('inception') / 'weights.safetensors'
  save_file(state(), path)
  return path


def test_every_tensor_is_used_and_batch_norms_are_folded(source, monkeypatch):
  reads, original = collections.Counter(), tensors.open_tensors

  def watched(path):
    opened = original(path)
    return tensors.Tensors(opened.shapes, lambda name: reads.update([name]) or opened.read(name), opened.file)

  monkeypatch.setattr(tensors, 'open_tensors', watched)
  params = traverse_util.flatten_dict(read_all(network.plan('inception', source).params), sep='/')
  published = state()
  left = {name for name in published if name not in reads}
  assert left == {
    name for name in published if name.startswith('fc.') or name.endswith('num_batches_tracked')
  }
  assert len(params) == 2 * 94  # convolutions of Inception-v3
  name, path = 'Mixed_6c.branch7x7_2', 'Mixed_6c/branch7x7_2'
  weight, bias, mean, variance = (published[f'{name}.bn.{part}'].astype(np.float64) for part in PARTS)
  scale = weight / np.sqrt(variance + 1e-3)
  wanted = published[f'{name}.conv.weight'][2, 3, 0, 5] * scale[2]
  np.testing.assert_allclose(params[f'{path}/kernel'][0, 5, 3, 2], wanted, rtol=1e-6)
  np.testing.assert_allclose(params[f'{path}/bias'], bias - mean * scale, rtol=1e-5, atol=1e-7)


def test_it_becomes_a_release_with_licence_and_origin(source, tmp_path, capsys):
  options = ['--licence', 'Apache-2.0', '--origin', 'a file', '--json']
  assert main.main(['convert', 'inception', str(source), str(tmp_path / 'out'), *options]) == 0
  summary = json.loads(capsys.readouterr().out)
  assert summary['network'] == 'inception' and summary['fresh'] == [] and summary['licence'] == 'Apache-2.0'
  assert storage.load_networks(tmp_path / 'out').modules['inception'] == InceptionV3(0.0625)


def test_features_of_pictures_of_any_size(source):
  converted = convert('inception', source)
  run = jax.jit(lambda params, x: converted.module.apply({'params': params}, x))
  image = jnp.asarray(np.random.default_rng(1).uniform(-1, 1, (2, 45, 64, 3)), jnp.float32)
  features = run(converted.params, image)
  assert features.shape == (2, 128) and features.dtype == jnp.float32
  assert (features >= 0).all() and (features > 0).any() and np.ptp(features, axis=0).max() > 0.01
  resized = image_ops.resize_bilinear(image, (299, 299))
  np.testing.assert_allclose(run(converted.params, resized), features, rtol=1e-4, atol=1e-5)
  with pytest.raises(ValueError, match=r'\[b, h, w, 3\], got \(45, 64, 3\)'):
    converted.module.apply({'params': converted.params}, image[0])


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'Mixed_5c.branch_pool.bn.running_var': None}, r'missing.*Mixed_5c\.branch_pool\.bn\.running_var'),
    ({'Mixed_5c.branch_pool.conv.weight': None}, r'missing.*Mixed_5c/branch_pool/kernel \(1, 1, 16, 4\)'),
    (
      {'Mixed_5c.extra.conv.scale': np.zeros((2, 2))},
      r'unknown tensor.*Mixed_5c\.extra\.conv\.scale \(2, 2\)',
    ),
    ({'AuxLogits.fc.weight': np.zeros((2, 2))}, r'unknown tensor.*AuxLogits\.fc\.weight \(2, 2\)'),
    ({'Mixed_5c.branch_pool.bn.weight': np.zeros(3)}, r'do not go together.*branch_pool\.bn\.weight \(3,\)'),
    (
      {'Mixed_7b.branch1x1.conv.weight': np.zeros((20, 81, 1, 1))},
      r'another shape.*Mixed_7b\.branch1x1\.conv\.weight \(20, 81, 1, 1\).*\(1, 1, 80, 20\)',
    ),
    (
      {'fc.weight': np.zeros((1000, 128))},
      r"another Inception-v3 than pytorch-fid's: fc\.weight \(1000, 128\)",
    ),
  ],
)
def test_what_is_no_inception_is_named(tmp_path, changes, message):
  whole = state() | {
    name: value if value is None else value.astype(np.float32) for name, value in changes.items()
  }
  save_file({name: value for name, value in whole.items() if value is not None}, tmp_path / 'w.safetensors')
  with pytest.raises(CheckpointError, match=message) as error:
    network.plan('inception', tmp_path / 'w.safetensors')
  assert '\n' not in str(error.value)


def test_other_weights_are_refused(tmp_path):
  save_file({'conv1.weight': np.zeros((3, 3), np.float32)}, tmp_path / 'w.safetensors')
  with pytest.raises(CheckpointError, match='no weights of an Inception-v3: 94 of its 94 .*Conv2d_1a_3x3'):
    network.plan('inception', tmp_path / 'w.safetensors')


@pytest.fixture(scope='module')
def both(tmp_path_factory):
  """pytorch-fid's network with random weights, and the network converted from them."""
  import torch
  import torchvision
  from pytorch_fid import inception as published

  def random_network():
    made = torchvision.models.inception_v3(
      num_classes=1008, aux_logits=False, weights=None, init_weights=False
    )
    made.Mixed_5b = published.FIDInceptionA(192, pool_features=32)
    for name in ('Mixed_5c', 'Mixed_5d'):
      setattr(made, name, published.FIDInceptionA(getattr(made, name).branch1x1.conv.in_channels, 64))
    for name, inner in (('Mixed_6b', 128), ('Mixed_6c', 160), ('Mixed_6d', 160), ('Mixed_6e', 192)):
      setattr(made, name, published.FIDInceptionC(768, channels_7x7=inner))
    made.Mixed_7b, made.Mixed_7c = published.FIDInceptionE_1(1280), published.FIDInceptionE_2(2048)
    with torch.no_grad():
      for layer in made.modules():
        if isinstance(layer, torch.nn.Conv2d):
          torch.nn.init.kaiming_normal_(layer.weight)
        if isinstance(layer, torch.nn.BatchNorm2d):
          layer.weight.uniform_(0.5, 1.5)
          layer.bias.uniform_(-0.5, 0.5)
          layer.running_mean.uniform_(-0.5, 0.5)
          layer.running_var.uniform_(0.5, 1.5)
    return made

  torch.manual_seed(0)
  weights = random_network()
  path = tmp_path_factory.mktemp('fid') / 'inception.pth'
  torch.save(weights.state_dict(), path)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(published, 'fid_inception_v3', lambda: weights)  # the original downloads them
    reference = published.InceptionV3([published.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()

  def features(pictures):
    """Of uint8 pictures `[b, h, w, 3]`, float32 `[b, 2048]`."""
    with torch.no_grad():
      given = torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).float() / 255
      return reference(given)[0][:, :, 0, 0].numpy()

  return features, convert('inception', path)


def pictures(size, count, seed):
  """Smooth random pictures, uint8 `[count, *size, 3]`, so that features differ between them."""
  rng = np.random.default_rng(seed)
  coarse = rng.uniform(-1, 1, (count, 6, 7, 3)) * rng.uniform(0.2, 1, (count, 1, 1, 3))
  smooth = image_ops.resize_bilinear(jnp.asarray(coarse, jnp.float32), size)
  return np.asarray(image_ops.to_uint8(smooth + 0.1 * rng.standard_normal(smooth.shape)))


@pytest.mark.parity
@pytest.mark.parametrize('size', [(299, 299), (75, 130), (401, 333)])
def test_features_are_those_of_pytorch_fid(both, size):
  reference, converted = both
  assert converted.module == InceptionV3() and converted.fresh == ()
  given = pictures(size, 2, 1)
  theirs = reference(given)
  (ours,) = frechet_features.inception_features(converted.module, converted.params, [given], batch_size=2)
  np.testing.assert_allclose(ours, theirs, atol=1e-4 * theirs.max())
  # Features of the pictures differ by more than the tolerance.
  difference = theirs[1] - theirs[0]
  assert np.abs(difference).max() > 0.01 * theirs.max()
  np.testing.assert_allclose(ours[1] - ours[0], difference, atol=1e-4 * np.abs(difference).max())


@pytest.mark.parity
def test_fid_is_that_of_pytorch_fid(both, monkeypatch):
  from pytorch_fid import fid_score

  # Newer versions of SciPy have no argument `disp`; it adds an estimate of the error, which pytorch-fid ignores.
  root = fid_score.linalg.sqrtm
  monkeypatch.setattr(fid_score.linalg, 'sqrtm', lambda matrix, disp: (root(matrix), None))
  reference, converted = both
  sets = [pictures((64, 80), 12, 2), pictures((64, 80), 10, 3)]
  theirs = [reference(each) for each in sets]
  moments = [(each.mean(axis=0), np.cov(each, rowvar=False)) for each in theirs]
  wanted = fid_score.calculate_frechet_distance(*moments[0], *moments[1])
  ours = [
    frechet.GaussianStatistics.of(
      frechet_features.inception_features(
        converted.module, converted.params, np.split(each, [5]), batch_size=4
      )
    )
    for each in sets
  ]
  found = frechet.frechet_distance(*ours)
  assert found == pytest.approx(wanted, rel=1e-4)
