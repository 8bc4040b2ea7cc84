"""Conversion of a network: tensor by tensor; mismatches are reported before anything is written."""

import tracemalloc

import numpy as np
import pytest
from flax import traverse_util
from golden_outputs import golden, zeros
from in_memory import convert
from safetensors.numpy import load_file, save_file
from sources import autoencoder_source

from seetalk_jax.cli import main
from seetalk_jax.convert import network, tensors
from seetalk_jax.errors import CheckpointError
from seetalk_jax.releases import storage
from seetalk_jax.releases.safetensors_writer import LazyArray

FILE = 'diffusion_pytorch_model.safetensors'


@pytest.fixture
def reads(monkeypatch):
  """Names of tensors in the order of reading."""
  names = []
  original = tensors.open_tensors

  def watched(source):
    opened = original(source)
    return tensors.Tensors(opened.shapes, lambda name: names.append(name) or opened.read(name), opened.file)

  monkeypatch.setattr(tensors, 'open_tensors', watched)
  return names


def test_a_plan_reads_nothing_until_asked(tmp_path, reads):
  sources = autoencoder_source(tmp_path)
  planned = network.plan('sd-vae', tmp_path)
  leaves = traverse_util.flatten_dict(planned.params, sep='/')
  assert not reads and all(isinstance(leaf, LazyArray) for leaf in leaves.values())
  assert sum(leaf.size for leaf in leaves.values()) == sum(array.size for array in sources.values())
  np.asarray(leaves['encoder/conv_in/kernel'])
  assert reads == ['encoder.conv_in.weight']
  whole = traverse_util.flatten_dict(convert('sd-vae', tmp_path).params, sep='/')
  assert whole.keys() == leaves.keys()
  for path, array in whole.items():
    np.testing.assert_array_equal(array, leaves[path])
    assert array.flags.c_contiguous and array.dtype == np.float32 and array.shape == leaves[path].shape


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'encoder.conv_in.bias': None}, 'missing'),
    ({'encoder.conv_in.extra': np.zeros(2, np.float32)}, 'encoder.conv_in.extra (2,)'),
    ({'encoder.conv_in.bias': np.zeros(3, np.float32)}, 'encoder.conv_in.bias (3,)'),
  ],
)
def test_names_and_shapes_are_checked_before_anything_is_read(tmp_path, capsys, reads, changes, message):
  found = {**autoencoder_source(tmp_path / 'vae'), **changes}
  save_file({name: array for name, array in found.items() if array is not None}, tmp_path / 'vae' / FILE)
  assert main.main(['convert', 'sd-vae', str(tmp_path / 'vae'), str(tmp_path / 'out')]) == 2
  assert message in capsys.readouterr().err and not reads
  assert [path.name for path in tmp_path.iterdir()] == ['vae']


@pytest.mark.parametrize('value, options', [(np.nan, []), (1e5, ['--dtype', 'float16'])])
def test_values_are_checked_on_the_way_and_leave_nothing(tmp_path, capsys, reads, value, options):
  found = autoencoder_source(tmp_path / 'vae')
  found['quant_conv.bias'][0] = value
  save_file(found, tmp_path / 'vae' / FILE)
  assert main.main(['convert', 'sd-vae', str(tmp_path / 'vae'), str(tmp_path / 'out'), *options]) == 2
  error = capsys.readouterr().err
  assert 'autoencoder/quant/bias' in error and error.count('\n') == 1 and reads
  assert [path.name for path in tmp_path.iterdir()] == ['vae']


def test_converting_takes_the_memory_of_few_tensors(tmp_path):
  sources = autoencoder_source(tmp_path / 'vae', channels=(32, 640))
  sizes = [array.nbytes for array in sources.values()]
  source, largest = sum(sizes), max(sizes)
  assert source > 200 * 2**20 > 10 * largest
  kernel = np.moveaxis(sources['encoder.mid_block.resnets.0.conv1.weight'], (0, 1), (3, 2))
  del sources
  tracemalloc.start()
  assert main.main(['convert', 'sd-vae', str(tmp_path / 'vae'), str(tmp_path / 'out'), '--quiet']) == 0
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  # Measured: 30 MiB, two copies of the largest tensor (one read, one to write); the source has 212 MiB.
  assert peak < 3 * largest
  written = load_file(tmp_path / 'out' / 'autoencoder.safetensors')
  np.testing.assert_array_equal(written['encoder/mid_block_resnets_0/conv1/kernel'], kernel)
  assert storage.verify(tmp_path / 'out') == {}


def test_every_tensor_is_accounted_for(tmp_path):
  for kind, missing, extra in (
    ('syncnet', 'netcnnlip.9.running_var', 'netcnnlip.22.weight'),
    ('codeformer', 'ft_layers.3.self_attn.in_proj_bias', 'encoder.blocks.26.weight'),
  ):
    shapes, _ = golden(kind)
    small = {name: shape for name, shape in shapes.items() if name != missing}
    with pytest.raises(CheckpointError, match=r'is missing'):
      network.plan(kind, zeros(tmp_path, small))
    with pytest.raises(
      CheckpointError, match=f'unknown tensor.*{extra}'.replace('.', r'\.').replace(r'\.*', '.*')
    ):
      network.plan(kind, zeros(tmp_path, shapes | {extra: [3]}))


def test_unknown_kinds_and_missing_configurations_are_named(tmp_path):
  autoencoder_source(tmp_path)
  (tmp_path / 'config.json').unlink()
  with pytest.raises(CheckpointError, match=r'needs the config\.json'):
    convert('wavlm', tmp_path)
