"""Layout of the tests: tests/<folder>/<file>_test.py tests seetalk_jax/<folder>/<file>.py."""

import pathlib

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
PACKAGE = TESTS.parent / 'seetalk_jax'
FREE = {'integration', 'helpers'}  # tests of several files at once, and what tests share


def files_to_check(tests: pathlib.Path) -> list[str]:
  """Test files in folders other than FREE, relative to `tests`; the top level is free too."""
  paths = (path.relative_to(tests) for path in tests.rglob('*_test.py'))
  return sorted(path.as_posix() for path in paths if len(path.parts) > 1 and path.parts[0] not in FREE)


def source_of(test: str) -> str:
  """The source file, relative to the package, that a test file is named after."""
  return test.removesuffix('_test.py') + '.py'


@pytest.mark.parametrize('test', files_to_check(TESTS))
def test_a_test_file_has_the_name_of_its_source_file(test):
  assert (PACKAGE / source_of(test)).is_file(), (
    f'tests/{test} tests no file seetalk_jax/{source_of(test)}: name it after the file that it tests, '
    'or move it to tests/integration if it tests several'
  )


def test_misnamed_files_are_found(tmp_path):
  for name in ('media/sounds_test.py', 'integration/all_test.py', 'files_test.py', 'media/conftest.py'):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
  assert files_to_check(tmp_path) == ['media/sounds_test.py']
  assert source_of('models/nn/layers_test.py') == 'models/nn/layers.py'
