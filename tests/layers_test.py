"""Data walks one way through the house: no room imports a room that stands after it."""

from __future__ import annotations

import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / 'seetalk_jax'

# What every package may import; these files import the standard library alone.
SHARED = {'constants', 'files', 'errors', '_lazy'}
# package or module -> what it may import besides itself and SHARED
ALLOWED = {
  **{name: set() for name in SHARED},
  'media': set(),
  'models': set(),
  'diffusion': set(),
  'data': {'media'},
  'sampling': {'models', 'diffusion'},
  'stages': {'models', 'diffusion', 'sampling', 'data', 'media'},
  'training': {
    'stages',
    'models',
    'data',
    'media',
    'released',
    'described',
    'example_inputs',
    'retired',
  },
  'planning': {'training', 'stages', 'models', 'example_inputs'},
  'example_inputs': {'models'},
  'retired': set(),
  'described': {'models', 'example_inputs', 'retired'},
  'tensor_file': set(),
  'released': {'models', 'media', 'described', 'retired', 'tensor_file'},
  'batching': set(),
  'program': set(),
  'renderer': {'models', 'program', 'batching'},
  'loaded': {'media', 'released', 'described', 'clip'},
  'collect': {'released', 'training'},
  'speech_to_portrait': {
    'models',
    'diffusion',
    'sampling',
    'media',
    'released',
    'loaded',
    'program',
    'clip',
  },
  'pipeline': {
    'speech_to_portrait',
    'sampling',
    'models',
    'media',
    'loaded',
    'renderer',
    'clip',
    'controls',
    'job',
  },
  'controls': {'job'},
  'clip': {'media', 'job'},
  'job': {'media'},
  'metrics': {
    'models',
    'data',
    'media',
    'pipeline',
    'renderer',
    'loaded',
    'released',
    'clip',
    'sampling',
    'diffusion',
    'batching',
  },
}
# The command line, the package's front door, the weights and whole experiments see everything.
OUTSIDE = {'cli', 'commands', '__init__', '__main__', 'weights', 'convert', 'experiments'}


def _room(path: pathlib.Path) -> str:
  return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


def _imports(path: pathlib.Path):
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
def test_imports_walk_one_way(path):
  room = _room(path)
  for line, name in _imports(path):
    top = name.split('.')[0]
    here = path.relative_to(PACKAGE).as_posix()
    # Torch's own files of weights cannot be read without it; nothing else here may want it.
    foreign = {'tensorflow'} if here == 'convert/tensors.py' else {'tensorflow', 'torch'}
    assert top not in foreign, f'{path}:{line} imports {top}'
    if top == 'orbax':
      assert here == 'training/checkpoint.py', 'one importer of Orbax'
    if room in SHARED:
      assert top in sys.stdlib_module_names, f'{path}:{line}: `{room}` imports the standard library alone'
    if top != 'seetalk_jax' or room in OUTSIDE:
      continue
    inside = name.removeprefix('seetalk_jax').lstrip('.')
    if not inside or inside == '__version__' or inside.split('.')[0] == room:
      continue
    allowed = ALLOWED[room] | SHARED
    assert any(inside == a or inside.startswith(a + '.') for a in allowed), (
      f'{path}:{line}: room `{room}` must not import `{name}`; it may use {sorted(allowed)}'
    )


def test_no_room_is_forgotten():
  rooms = {_room(path) for path in FILES}
  assert rooms <= set(ALLOWED) | OUTSIDE, rooms - set(ALLOWED) - OUTSIDE
