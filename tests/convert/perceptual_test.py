"""LPIPS, VGG and AlexNet towers: distances and features equal those of `lpips` and torchvision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from in_memory import convert
from safetensors.numpy import save_file

from seetalk_jax.convert import network
from seetalk_jax.convert import perceptual as kind
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.critics.perceptual import PerceptualTower


def source(folder, architecture='alex', calibrated=True, width=0.125):
  """Random weights of a narrow tower under LPIPS's or torchvision's names."""
  from seetalk_jax.models.critics.perceptual import layout

  rng = np.random.default_rng(0)
  layers, taps = layout(architecture)
  convolutions = [layer for layer in layers if layer != 'pool']
  tensors, before = {}, 3
  for i, ((channels, kernel, _, _), place) in enumerate(
    zip(convolutions, kind.layer_indices(architecture), strict=True)
  ):
    channels = round(width * channels)
    name = f'net.slice1.{place}' if calibrated else f'features.{place}'
    fan_in = before * kernel**2
    tensors[f'{name}.weight'] = rng.standard_normal((channels, before, kernel, kernel)) * np.sqrt(2 / fan_in)
    tensors[f'{name}.bias'] = 0.1 * rng.standard_normal(channels)
    if calibrated and i in taps:
      tensors[f'lin{taps.index(i)}.model.1.weight'] = rng.uniform(0, 1, (1, channels, 1, 1))
    before = channels
  save_file({key: value.astype(np.float32) for key, value in tensors.items()}, folder / 'w.safetensors')
  return folder / 'w.safetensors'


@pytest.mark.parity
@pytest.mark.parametrize('net', ['vgg', 'alex'])
@pytest.mark.parametrize('side', [(64, 64), (75, 90)])
def test_lpips_is_the_package_s(net, side, tmp_path):
  torch = pytest.importorskip('torch')
  lpips = pytest.importorskip('lpips')
  torch.manual_seed(0)
  reference = lpips.LPIPS(
    net=net, pnet_rand=True, verbose=False
  )  # published weights per channel, random trunk
  torch.save(reference.state_dict(), tmp_path / 'lpips.pth')
  converted = convert('lpips', tmp_path / 'lpips.pth')
  assert (
    converted.module.calibrated and converted.module.architecture == {'vgg': 'vgg16', 'alex': 'alex'}[net]
  )
  rng = np.random.default_rng(1)
  one, other = (rng.uniform(-1, 1, (2, *side, 3)).astype(np.float32) for _ in range(2))
  other[1] = one[1] + 0.05 * other[1]

  def theirs(a):
    return reference(a.permute(0, 3, 1, 2), torch.from_numpy(other).permute(0, 3, 1, 2)).reshape(-1)

  def ours(a, params):  # an argument, because the compiler would fold constants of this size for minutes
    return converted.module.apply({'params': params}, a, other)

  given = torch.from_numpy(one).requires_grad_()
  wanted = theirs(given)
  wanted.sum().backward()
  assert wanted.min() > 1e-5
  found = jax.jit(ours)(one, converted.params)
  np.testing.assert_allclose(found, wanted.detach(), atol=1e-4)
  np.testing.assert_allclose(found, wanted.detach(), rtol=1e-3)
  gradient = jax.jit(jax.grad(lambda a, params: ours(a, params).sum()))(one, converted.params)
  assert np.linalg.norm(gradient - given.grad.numpy()) <= 1e-3 * np.linalg.norm(given.grad.numpy())


@pytest.mark.parity
@pytest.mark.parametrize('name', ['vgg16', 'vgg19', 'alexnet'])
def test_features_are_torchvision_s(name, tmp_path):
  torch = pytest.importorskip('torch')
  torchvision = pytest.importorskip('torchvision')
  torch.manual_seed(0)
  reference = getattr(torchvision.models, name)(weights=None).eval()
  torch.save(reference.state_dict(), tmp_path / f'{name}.pth')
  converted = convert('vgg', tmp_path / f'{name}.pth')
  assert not converted.module.calibrated
  image = np.random.default_rng(2).uniform(-1, 1, (1, 64, 80, 3)).astype(np.float32)
  mean, spread = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
  x = ((torch.from_numpy(image).permute(0, 3, 1, 2) + 1) / 2 - mean) / spread
  maps = {}
  with torch.no_grad():
    for place, layer in enumerate(reference.features):
      x = layer(x).clone()
      maps[place] = x.permute(0, 2, 3, 1).numpy()
  taps = {'vgg16': (3, 8, 15, 22, 29), 'vgg19': (1, 6, 11, 20, 29), 'alexnet': (1, 4, 7, 9, 11)}[name]

  @jax.jit
  def features(params, x):
    return converted.module.apply({'params': params}, x, method='features')

  found = features(converted.params, image)
  assert len(found) == 5
  for ours, place in zip(found, taps, strict=True):
    np.testing.assert_allclose(ours, maps[place], atol=1e-4)


def test_a_distance_is_one(tmp_path):
  """Zero between a picture and itself, symmetric, with a finite gradient at zero."""
  for calibrated in (True, False):
    converted = convert('lpips' if calibrated else 'vgg', source(tmp_path, calibrated=calibrated))
    assert converted.module == PerceptualTower('alex', calibrated, 0.125)
    rng = np.random.default_rng(3)
    one, other = (rng.uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32) for _ in range(2))
    run = jax.jit(lambda a, b, c=converted: c.module.apply({'params': c.params}, a, b))
    np.testing.assert_allclose(run(one, one), 0, atol=1e-7)
    np.testing.assert_allclose(run(one, other), run(other, one), rtol=1e-5)
    near = run(one, 0.9 * one + 0.1 * other)
    assert (near < run(one, other)).all() and (near > 0).all()
    gradient = jax.grad(lambda a, b, run=run: run(a, b).sum())(one, one)
    assert jnp.isfinite(gradient).all()


def test_what_is_no_tower_is_named(tmp_path):
  path = source(tmp_path, 'vgg16', calibrated=False)
  assert network.plan('vgg', path).module.architecture == 'vgg16'
  save_file({'features.0.weight': np.zeros((8, 3, 3, 3), np.float32)}, path)
  with pytest.raises(CheckpointError, match=r'no weights of a VGG-16.*\[0\]'):
    network.plan('vgg', path)
