"""Tiny release with random networks, for tests of everything that needs a release."""

from __future__ import annotations

import atexit
import functools
import pathlib
import tempfile

import numpy as np
from flax import traverse_util

from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec, storage

SIDE = 64  # pixels of portraits and frames

INFERENCE = (
  'speech_encoder',
  'autoencoder',
  'portrait_unet',
  'sample_adaptive_weighting',
  'motion_codec',
  'motion_transformer',
  'lip_refiner',
  'codebook',
  'code_transformer',
  'hr_decoder',
)


SAMPLING = {'portrait_steps': 2, 'portrait_guidance': 2.0, 'motion_steps': 2, 'motion_guidance': 1.5}


def random_arrays(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
  """Random float32 arrays with the scale of an initialization.

  Unlike after an initialization, no array is zero, so that every input has an effect.

  Args:
    shapes: path -> shape.
    seed: seed of the values.

  Returns:
    path -> array.
  """
  rng = np.random.default_rng(seed)
  arrays = {}
  for path, shape in sorted(shapes.items()):
    fan_in = max(1, int(np.prod(shape[:-1])))
    noise = rng.standard_normal(shape) / np.sqrt(fan_in)
    leaf = path.rsplit('/', 1)[-1]
    if leaf == 'scale':
      noise = 1 + 0.1 * noise
    elif leaf == 'subspace':
      noise = np.linalg.qr(noise)[0]
    elif len(shape) < 2:
      noise = 0.1 * noise
    arrays[path] = np.asarray(noise, np.float32)
  return arrays


@functools.cache
def shared() -> str:
  """Folder of a release that all tests of a process share; removed at exit."""
  folder = tempfile.TemporaryDirectory(prefix='seetalk-test-')
  atexit.register(folder.cleanup)
  return str(make(pathlib.Path(folder.name) / 'tiny'))


@functools.cache
def live() -> str:
  """Folder of a release for live sessions, whose motion transformer takes past frames; removed at exit."""
  folder = tempfile.TemporaryDirectory(prefix='seetalk-test-')
  atexit.register(folder.cleanup)
  return str(make(pathlib.Path(folder.name) / 'live', changes={'motion_transformer': {'with_past': True}}))


def make(
  directory: pathlib.Path, names=INFERENCE, seed: int = 0, sampling=SAMPLING, changes=None
) -> pathlib.Path:
  """Writes a release; the arrays of a network do not depend on the other networks. Returns its folder.

  Args:
    changes: name -> fields of the network that differ from those of its tiny size.
  """
  changes = changes or {}
  modules = {name: registry.make(name, 'tiny', **changes.get(name, {})) for name in names}
  networks = {}
  for name, module in modules.items():
    trees = traverse_util.unflatten_dict(
      random_arrays(network_spec.shapes_of(module, modules), seed), sep='/'
    )
    collections = {key: trees.pop(key) for key in network_spec.COLLECTIONS if key in trees}
    networks[name] = (module, trees, collections)
  rng = np.random.default_rng(seed)
  statistics = {
    'latent_scale': 0.5,
    'beta0': 1.0,
    'face_prior_mean': rng.standard_normal((SIDE // 8, SIDE // 8, 4)).astype(np.float32),
    'face_prior_std': np.ones((SIDE // 8, SIDE // 8, 4), np.float32),
  }
  if 'motion_codec' in modules:
    motion_dim = modules['motion_codec'].motion_dim
    statistics |= {
      'motion_mean': np.zeros(motion_dim, np.float32),
      'motion_std': np.ones(motion_dim, np.float32),
    }
  return storage.save_release(directory, networks, statistics, dtype='float32', sampling=sampling)


def load(checkpoint: str, device: str | None = None, cache: bool = False):
  """Loads the pipeline of a release; one per process, so that all tests share the compiled functions.

  Args:
    cache: ignored; an argument of `SeeTalk.load`, which this function replaces in tests.
  """
  del cache
  from seetalk_jax.inference import devices

  return _load(checkpoint, devices.find_device(device))


@functools.cache
def _load(checkpoint, device):
  from seetalk_jax.inference import loaded_release, pipeline

  return pipeline.SeeTalk(loaded_release.LoadedRelease(storage.load_networks(checkpoint), checkpoint, device))
