"""Conversion rules: every tensor is covered; a one-line error names the tensor that does not match."""

import json

import numpy as np
import pytest
from in_memory import read_all
from safetensors.numpy import save_file

from seetalk_jax.convert.rules import Rule, affine, convolution, linear, plan
from seetalk_jax.convert.tensors import open_tensors
from seetalk_jax.errors import CheckpointError

RULES = [
  *affine(r'layers\.(\d+)\.fc', 'layers_{0}/fc'),
  Rule((r'(conv)\.gain', '{0}.direction'), 'conv/kernel', lambda gain, direction: gain * direction),
  Rule('counter', None),
]
WANTED = {'layers_0/fc/kernel': (3, 2), 'layers_0/fc/bias': (2,), 'conv/kernel': (4,)}


def source(tmp_path, **changes):
  tensors = {
    'layers.0.fc.weight': np.arange(6, dtype=np.float32).reshape(2, 3),
    'layers.0.fc.bias': np.ones(2, np.float16),
    'conv.gain': np.full(1, 2, np.float32),
    'conv.direction': np.arange(4, dtype=np.float32),
    'counter': np.array(7),
  }
  tensors |= {name.replace('__', '.'): value for name, value in changes.items()}
  save_file({k: v for k, v in tensors.items() if v is not None}, tmp_path / 'model.safetensors')
  return open_tensors(tmp_path)


def test_every_tensor_finds_its_place(tmp_path):
  found = read_all(plan(source(tmp_path), RULES, WANTED))
  assert found.keys() == WANTED.keys()
  np.testing.assert_array_equal(found['layers_0/fc/kernel'], np.arange(6).reshape(2, 3).T)
  np.testing.assert_array_equal(found['conv/kernel'], [0, 2, 4, 6])
  assert all(value.dtype == np.float32 for value in found.values())


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'counter2': np.zeros((5, 2))}, r'unknown tensor.*counter2 \(5, 2\)'),
    ({'layers__0__fc__bias': None}, r'missing.*layers_0/fc/bias \(2,\)'),
    ({'layers__0__fc__bias': np.zeros(3)}, r'another shape.*layers\.0\.fc\.bias \(3,\).*\(2,\)'),
    ({'layers__1__fc__bias': np.zeros(2)}, r'too many.*layers\.1\.fc\.bias \(2,\)'),
    ({'conv__direction': None}, r'missing.*conv\.direction'),
  ],
)
def test_what_does_not_fit_is_named(tmp_path, changes, message):
  with pytest.raises(CheckpointError, match=message):
    plan(source(tmp_path, **changes), RULES, WANTED)


def test_fresh_parameters_may_be_missing(tmp_path):
  found = plan(source(tmp_path), RULES, {**WANTED, 'head/kernel': (9, 9)}, fresh=('head/',))
  assert 'head/kernel' not in found


def test_kernels_are_turned():
  weight = np.arange(24).reshape(2, 3, 4)  # out, in, window
  assert convolution(weight).shape == (4, 3, 2) and convolution(weight)[1, 2, 0] == weight[0, 2, 1]
  assert linear(weight[..., :1]).shape == (3, 2)


def test_shards_are_read_as_one(tmp_path):
  whole = source(tmp_path)
  names = list(whole.shapes)
  for i, part in enumerate((names[:2], names[2:])):
    save_file({name: whole.read(name) for name in part}, tmp_path / f'model-{i}.safetensors')
  where = {name: f'model-{int(i >= 2)}.safetensors' for i, name in enumerate(names)}
  (tmp_path / 'model.safetensors').unlink()
  (tmp_path / 'model.safetensors.index.json').write_text(json.dumps({'weight_map': where}))
  assert plan(open_tensors(tmp_path), RULES, WANTED).keys() == WANTED.keys()
  (tmp_path / 'model-1.safetensors').unlink()
  with pytest.raises(CheckpointError, match=r'shard is missing.*model-1'):
    open_tensors(tmp_path)
