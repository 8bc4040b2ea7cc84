"""Release storage: saved and loaded networks are equal, and every kind of damage gives a one-line error."""

import hashlib
import json
import shutil

import jax
import numpy as np
import pytest
from flax import core, traverse_util
from flax import linen as nn

from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models import registry
from seetalk_jax.models.nn import blocks
from seetalk_jax.releases import storage

STATISTICS = {
  'latent_scale': 0.18,
  'beta0': np.float32(1.0),
  'motion_mean': np.arange(4, dtype=np.float32),
  'face_prior_mean': np.ones((4, 4, 4), np.float32),
}


@pytest.fixture(scope='module')
def network():
  """(module, params) of a network that traces quickly."""
  module = registry.make('sample_adaptive_weighting', 'tiny')
  params = blocks.init_params(
    module, jax.random.key(0), *(np.zeros(a.shape, a.dtype) for a in module.example_inputs())
  )
  return module, jax.tree.map(np.asarray, params)


@pytest.fixture
def release(tmp_path, network):
  provenance = {
    'stages': {'portrait': {'steps': 3}},
    'networks': {'sample_adaptive_weighting': {'licence': 'CC0', 'origin': 'a test'}},
  }
  directory = tmp_path / 'release'
  return storage.save_release(
    directory, {'sample_adaptive_weighting': network}, STATISTICS, provenance, dtype='float32'
  )


def edit(directory, change):
  path = directory / RELEASE_FILE
  info = json.loads(path.read_text())
  change(info)
  path.write_text(json.dumps(info))


def test_round_trip(release, network):
  module, params = network
  loaded = storage.load_networks(release)
  assert loaded.modules == {'sample_adaptive_weighting': module}
  jax.tree.map(np.testing.assert_array_equal, loaded.params['sample_adaptive_weighting'], params)
  assert set(loaded.statistics) == set(STATISTICS)
  for name, value in STATISTICS.items():
    np.testing.assert_array_equal(loaded.statistics[name], np.float32(value))
    assert loaded.statistics[name].dtype == np.float32
  entry = loaded.info['networks']['sample_adaptive_weighting']
  assert (entry['licence'], entry['origin'], entry['dtype']) == ('CC0', 'a test', 'float32')
  assert loaded.info['provenance']['stages']['portrait']['steps'] == 3
  assert [path.name for path in release.parent.iterdir()] == ['release']


def test_half_precision_loads_as_float32(tmp_path, network):
  module, params = network
  directory = storage.save_release(tmp_path / 'half', {'sample_adaptive_weighting': network}, dtype='float16')
  loaded = storage.load_networks(directory).params['sample_adaptive_weighting']
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4), loaded, params)
  assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(loaded))
  assert storage.load_networks(directory, only=[]).params == {}


def test_weights_that_cannot_be_released(tmp_path, network):
  module, params = network
  first = next(iter(traverse_util.flatten_dict(params, sep='/')))

  def save(value, **kwargs):
    flat = dict(traverse_util.flatten_dict(params, sep='/'))
    flat[first] = np.full_like(flat[first], value)
    tree = traverse_util.unflatten_dict(flat, sep='/')
    storage.save_release(tmp_path / 'bad', {'sample_adaptive_weighting': (module, tree)}, **kwargs)

  with pytest.raises(ValueError, match=f'{first}.*NaN'):
    save(np.nan)
  with pytest.raises(ValueError, match=f'{first}.*too large'):
    save(1e5, dtype='float16')
  save(1e5)
  shutil.rmtree(tmp_path / 'bad')
  with pytest.raises(ValueError, match='absent'):
    storage.save_release(tmp_path / 'bad', {'sample_adaptive_weighting': (module, {})})
  assert not list(tmp_path.iterdir())


def test_only_releases_are_replaced(release, network):
  before = storage.load_networks(release).info
  storage.save_release(release, {'sample_adaptive_weighting': network}, {'beta0': 0.5})
  assert storage.load_networks(release).statistics == {'beta0': 0.5} != before
  (release / RELEASE_FILE).unlink()
  with pytest.raises(CheckpointError, match='other things'):
    storage.save_release(release, {'sample_adaptive_weighting': network})


def missing_folder(release):
  shutil.rmtree(release)
  return 'no such checkpoint'


def no_index(release):
  (release / RELEASE_FILE).unlink()
  return 'not a released checkpoint'


def training_run(release):
  (release / RELEASE_FILE).unlink()
  (release / 'conre' / 'checkpoints').mkdir(parents=True)
  return 'seetalk export'


def broken_index(release):
  (release / RELEASE_FILE).write_text('{"format_version": 1')
  return 'damaged seetalk.json'


def newer_format(release):
  edit(release, lambda info: info.update(format_version=99))
  return 'release format 99'


def missing_weights(release):
  (release / 'sample_adaptive_weighting.safetensors').unlink()
  return 'missing'


def changed_weights(release):
  path = release / 'sample_adaptive_weighting.safetensors'
  data = bytearray(path.read_bytes())
  data[-1] ^= 1
  path.write_bytes(data)
  return 'sha256'


def no_safetensors(release):
  path = release / 'sample_adaptive_weighting.safetensors'
  path.write_bytes(b'\x80\x04pickled')
  digest = hashlib.sha256(path.read_bytes()).hexdigest()
  edit(release, lambda info: info['networks']['sample_adaptive_weighting'].update(sha256=digest))
  return 'damaged weights'


def other_configuration(release):
  edit(release, lambda info: info['networks']['sample_adaptive_weighting']['fields'].update(hidden=32))
  return r'weights of another configuration.*to_k/kernel is \(16, 16\) there, but \(32, 32\)'


def unknown_field(release):
  edit(release, lambda info: info['networks']['sample_adaptive_weighting']['fields'].update(colour='red'))
  return 'no field colour'


def unknown_network(release):
  edit(release, lambda info: info['networks']['sample_adaptive_weighting'].update({'class': 'os.system'}))
  return 'unknown network'


def path_outside(release):
  entry = {'file': '../elsewhere.safetensors'}
  edit(release, lambda info: info['networks']['sample_adaptive_weighting'].update(entry))
  return 'damaged'


@pytest.mark.parametrize('damage', [
  missing_folder, no_index, training_run, broken_index, newer_format, missing_weights, changed_weights,
  no_safetensors, other_configuration, unknown_field, unknown_network, path_outside,
])  # fmt: skip
def test_damage_is_named(release, damage):
  message = damage(release)
  with pytest.raises(CheckpointError, match=message) as caught:
    storage.load_networks(release)
  assert str(release) in str(caught.value) and '\n' not in str(caught.value)


def test_parameters_are_stored_as_they_are(tmp_path, network):
  module, params = network
  fine = jax.tree.map(lambda x: x + np.float32(1e-5), params)
  directory = storage.save_release(tmp_path / 'fine', {'sample_adaptive_weighting': (module, fine)})
  loaded = storage.load_networks(directory)
  jax.tree.map(np.testing.assert_array_equal, loaded.params['sample_adaptive_weighting'], fine)
  assert loaded.info['networks']['sample_adaptive_weighting']['dtype'] == 'float32'


def test_one_name_is_a_string(release):
  assert set(storage.load_networks(release, only='sample_adaptive_weighting').params) == {
    'sample_adaptive_weighting'
  }
  with pytest.raises(CheckpointError, match='holds no motion_codec'):
    storage.load_networks(release, only='motion_codec')


@pytest.mark.parametrize('frozen', [False, True])
def test_boxed_parameters_are_unboxed(tmp_path, network, frozen):
  module, params = network
  boxed = jax.tree.map(lambda x: nn.LogicallyPartitioned(x, (None,) * x.ndim), params)
  boxed = core.freeze(boxed) if frozen else boxed
  directory = storage.save_release(tmp_path / 'boxed', {'sample_adaptive_weighting': (module, boxed)})
  loaded = storage.load_networks(directory).params['sample_adaptive_weighting']
  jax.tree.map(np.testing.assert_array_equal, loaded, params)


class MyRefiner(nn.Module):
  @nn.compact
  def __call__(self, x):
    return nn.Dense(2)(x)


@pytest.mark.parametrize(
  'name, network, message',
  [
    ('my_refiner', (MyRefiner(), {}), "no network is called 'my_refiner'.*use one of.*lip_refiner"),
    ('lip_refiner', (MyRefiner(), {}), 'lip_refiner is a MyRefiner.*a LipRefiner'),
    ('lip_refiner', {'params': {}}, r'lip_refiner is a dict.*\(module, params\)'),
  ],
)
def test_networks_that_a_release_cannot_describe(tmp_path, name, network, message):
  with pytest.raises(CheckpointError, match=message) as caught:
    storage.save_release(tmp_path / 'bad', {name: network})
  assert '\n' not in str(caught.value) and not list(tmp_path.iterdir())


def test_a_network_that_is_not_there(release):
  with pytest.raises(CheckpointError, match='holds no hr_decoder.*--base demo'):
    storage.load_networks(release, only=['hr_decoder'])
  with pytest.raises(CheckpointError, match='holds no hr_decoder.*--base demo'):
    storage.load_networks(release).variables('hr_decoder')


def test_demo_that_is_not_installed(tmp_path, monkeypatch):
  monkeypatch.setattr(storage, 'DEMO_FOLDER', tmp_path / 'none')
  with pytest.raises(CheckpointError, match='demo'):
    storage.resolve('demo')
