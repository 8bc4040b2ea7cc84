"""Import order: a package imports only earlier packages, as listed in docs/architecture.md."""

from __future__ import annotations

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'seetalk_jax'

# Every module may import these; of the package, they import nothing but what ALLOWED lists.
GROUND = {'constants', 'blendshapes', 'errors', 'files', '_lazy', '__version__'}
# Package -> packages that it may import, besides itself and GROUND.
ALLOWED = {
  **{name: set() for name in GROUND},
  'configs': set(),
  'files': {'errors'},
  'constants': {'blendshapes'},
  'media': set(),
  'sharding': set(),
  'models': {'sharding'},
  'diffusion': set(),
  'sampling': {'models', 'diffusion'},
  'data': {'media'},
  'data.tfds': {'data', 'prepare', 'media'},
  'prepare': {'data', 'media'},
  'synthetic': {'data', 'media'},
  'stages': {'models', 'diffusion', 'sampling', 'sharding', 'data', 'media'},
  'releases': {'models', 'media', 'training'},
  'training': {'configs', 'stages', 'models', 'sharding', 'data', 'media', 'releases'},
  'planning': {'training', 'stages', 'models', 'sharding'},
  'provenance': {'media'},
  'inference': {'releases', 'models', 'diffusion', 'sampling', 'media', 'provenance'},
  'evaluation': {
    'inference',
    'releases',
    'training',
    'synthetic',
    'prepare',
    'sharding',
    'models',
    'diffusion',
    'sampling',
    'data',
    'media',
  },
  'serving': {'inference', 'media', 'cli'},
  'convert': {'releases', 'models'},
  'integrations': {'inference'},
  'adaptation': {'inference', 'releases', 'training', 'stages', 'models', 'prepare', 'data', 'media'},
}
# One direction only between these packages: the export of a training run into a release is the only file of
# `releases` that reads runs.
READS_RUNS = 'releases/collect.py'
# The command line, the public names of the package, the weights and the test helpers may import all packages.
UNCHECKED = {'cli', '__init__', '__main__', 'weights', 'app', 'testing'}


def package_of(path: pathlib.Path) -> str:
  """The key of ALLOWED, or of UNCHECKED, that a file belongs to."""
  parts = path.relative_to(PACKAGE).with_suffix('').parts
  dotted = '.'.join(parts[:2])
  return dotted if dotted in ALLOWED else parts[0]


def imports_of(path: pathlib.Path):
  """(line, dotted name) of every import in a file."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, f'{path}:{node.lineno}: imports are absolute'
      names = [f'{node.module}.{alias.name}' for alias in node.names]
    else:
      continue
    for name in names:
      yield node.lineno, name


FILES = sorted(PACKAGE.rglob('*.py'))


@pytest.mark.parametrize('path', FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_order(path):
  package, here = package_of(path), path.relative_to(PACKAGE).as_posix()
  for line, name in imports_of(path):
    top = name.split('.')[0]
    # PyTorch weight files cannot be read without PyTorch; no other file imports it.
    foreign = {'tensorflow'} if here == 'convert/tensors.py' else {'tensorflow', 'torch'}
    assert top not in foreign, f'{path}:{line} imports {top}'
    if top == 'orbax':
      assert here == 'training/checkpoint.py', 'one importer of Orbax'
    if top != 'seetalk_jax' or package in UNCHECKED:
      continue
    other = name.removeprefix('seetalk_jax').lstrip('.').split('.')[0]
    if other == 'training' and package == 'releases':
      assert here == READS_RUNS, (
        f'{path}:{line}: {READS_RUNS} is the one reader of training runs in `releases`'
      )
    allowed = ALLOWED[package] | (set() if package in GROUND else GROUND | {package.split('.')[0]})
    assert not other or other in allowed, (
      f'{path}:{line}: `{package}` must not import `{name}`; it may import {sorted(allowed)}'
    )


def test_every_package_has_a_place_in_the_order():
  packages = {package_of(path) for path in FILES}
  assert packages <= set(ALLOWED) | UNCHECKED, packages - set(ALLOWED) - UNCHECKED
