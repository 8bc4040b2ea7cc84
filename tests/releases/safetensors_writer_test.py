"""Streaming safetensors writer: files equal those of the safetensors library, atomic, with little memory."""

import hashlib
import tracemalloc

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from seetalk_jax.releases import safetensors_writer
from seetalk_jax.releases.safetensors_writer import LazyArray

RNG = np.random.default_rng(0)
ARRAYS = {
  'b/kernel': RNG.standard_normal((3, 5)).astype(np.float32),
  'a/kernel': RNG.standard_normal((4, 3, 2)).astype(np.float32).T,  # column-major
  'half': RNG.standard_normal(7).astype(np.float16),
  'double': RNG.standard_normal((2, 2)),
  'count': np.array(7, np.int64),
  'codes': np.arange(6, dtype=np.uint8).reshape(2, 3),
  'on': np.array([True, False, True]),
  'short': np.arange(3, dtype=np.int16),
  'step': np.array(3, np.int32),
  'empty': np.zeros((0, 4), np.float32),
  'ärmel "1"': np.ones(2, np.float32),
}


def lazy(array):
  return LazyArray(array.shape, array.dtype, lambda: array)


@pytest.mark.parametrize('form', [lambda array: array, lazy], ids=['arrays', 'lazy'])
def test_files_are_the_library_s_byte_for_byte(tmp_path, form):
  path = tmp_path / 'a.safetensors'
  digest = safetensors_writer.write(path, {name: form(array) for name, array in ARRAYS.items()})
  data = path.read_bytes()
  whole = {name: np.array(array, order='C') for name, array in ARRAYS.items()}
  assert data == safetensors.numpy.save(whole)
  assert digest == hashlib.sha256(data).hexdigest()
  found = safetensors.numpy.load_file(path)
  assert found.keys() == ARRAYS.keys()
  for name, array in ARRAYS.items():
    np.testing.assert_array_equal(found[name], array)
    assert found[name].dtype == array.dtype
  assert list(tmp_path.iterdir()) == [path]


def test_arrays_of_jax_and_no_arrays(tmp_path):
  path = tmp_path / 'a.safetensors'
  safetensors_writer.write(path, {'x': jnp.arange(3.0)})
  np.testing.assert_array_equal(safetensors.numpy.load_file(path)['x'], [0, 1, 2])
  safetensors_writer.write(path, {})
  assert safetensors.numpy.load_file(path) == {}


def broken():
  raise OSError('the disk went away')


@pytest.mark.parametrize(
  'last, error, message',
  [
    (LazyArray((2,), np.dtype(np.float32), broken), OSError, 'went away'),
    (LazyArray((2,), np.dtype(np.float32), lambda: np.zeros(3, np.float32)), ValueError, r'z is.*\(3,\)'),
    (LazyArray((2,), np.dtype(np.float32), lambda: np.zeros(2)), ValueError, 'float64.*announced as float32'),
    (np.zeros(2, np.complex64), ValueError, 'z is complex64'),
    (jnp.zeros(2, jnp.bfloat16), ValueError, 'z is bfloat16'),
  ],
)
def test_a_writer_that_fails_leaves_what_was_there(tmp_path, last, error, message):
  path = tmp_path / 'a.safetensors'
  arrays = {'a': np.ones(1000, np.float32), 'z': last}
  with pytest.raises(error, match=message):
    safetensors_writer.write(path, arrays)
  assert not list(tmp_path.iterdir())
  path.write_bytes(b'before')
  with pytest.raises(error, match=message):
    safetensors_writer.write(path, arrays)
  assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b'before'


def test_memory_holds_one_array(tmp_path):
  shape, count = (1 << 20,), 50  # 50 arrays of 4 MB

  def make():
    return np.ones(shape, np.float32)

  arrays = {f'{i:02}': LazyArray(shape, np.dtype(np.float32), make) for i in range(count)}
  tracemalloc.start()
  safetensors_writer.write(tmp_path / 'a.safetensors', arrays)
  peak = tracemalloc.get_traced_memory()[1]
  tracemalloc.stop()
  assert (tmp_path / 'a.safetensors').stat().st_size > 200 * 2**20
  assert peak < 1.5 * 4 * 2**20  # one array, not fifty
