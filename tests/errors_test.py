"""Errors: one line for errors of the machine, whatever the number; the rest are bugs."""

import errno
import os
import pickle

import pytest

from seetalk_jax.errors import InputError, OutputError, chain, explain_system_error


def test_an_output_error_is_an_input_error_and_an_os_error():
  error = OutputError.of(OSError(errno.ENOSPC, 'No space left on device'), 'talk.mp4')
  assert isinstance(error, InputError) and isinstance(error, OSError)
  assert (str(error), error.errno) == ('no space left, talk.mp4: free some', errno.ENOSPC)
  copy = pickle.loads(pickle.dumps(error))  # workers of a process pool
  assert type(copy) is OutputError and (str(copy), copy.errno) == (str(error), errno.ENOSPC)


@pytest.mark.parametrize('number', [errno.ESTALE, errno.ENOENT, errno.EBUSY])
def test_every_error_of_an_output_is_one_line(number):
  message = str(OutputError.of(OSError(number, 'x'), 'a'))
  assert message == f'{os.strerror(number).lower()}, a: give another place'


def test_only_errors_of_the_machine_are_explained():
  assert explain_system_error(OSError(errno.EFBIG, 'x', 'a')).startswith('file too large')
  assert (
    explain_system_error(OSError(errno.EACCES, 'x', 'a')) == 'permission denied, a: check its permissions'
  )
  for bug in (OSError(errno.EACCES, 'x'), OSError(errno.ENOENT, 'x', 'a'), OSError('x')):
    assert explain_system_error(bug) is None


def test_a_chain_of_errors_that_refers_to_itself_ends():
  first, second = ValueError('first'), OSError('second')
  first.__cause__, second.__context__ = second, first
  assert list(chain(first)) == [first, second]
  assert list(chain(None)) == []
