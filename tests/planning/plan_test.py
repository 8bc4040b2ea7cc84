"""`seetalk plan`: output, errors, and a real plan where libtpu is installed."""

import importlib.util
import json
import pathlib

import jax
import pytest

from seetalk_jax import files
from seetalk_jax.cli import main
from seetalk_jax.cli import plan as command
from seetalk_jax.errors import InputError
from seetalk_jax.planning import compiled

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAN = {
  'stage': 'portrait',
  'topology': 'v5e:4x4',
  'mesh': {'data': 2, 'fsdp': 8, 'tensor': 1},
  'batch_size': 64,
  'parameters': 861_000_000,
  'fits': True,
  'memory': {
    'arguments': 2**30,
    'temporaries': 3 * 2**30,
    'total': 4 * 2**30,
    'chip': 16 * 2**30,
  },
  'model_flops': 6e12,
  'hardware_flops': 8e12,
  'memory_traffic': 40e9,
  'collectives': {'all-gather': {'count': 12, 'bytes': 3e9}},
  'seconds': {'compute': 0.04, 'memory': 0.05, 'links': 0.015, 'step': 0.05},
  'compiler_seconds': 0.07,
  'predicted_mfu': 0.6,
  'compile_seconds': 100.0,
}


def test_what_is_said_of_a_plan():
  text = command.describe(PLAN)
  assert 'fits: 4.00 of 16 GiB a chip' in text and 'all-gather: 12 times, 3 GB' in text
  assert 'an MFU of at most 60 %, bound by memory' in text and 'HBM bounds it' in text
  linked = {**PLAN, 'seconds': {**PLAN['seconds'], 'links': 0.1, 'step': 0.1}}
  assert 'links bound it' in command.describe(linked)
  full = {**PLAN, 'fits': False}
  assert 'DOES NOT FIT' in command.describe(full) and 'activations weigh most' in command.describe(full)
  heavy = {**full, 'memory': {**PLAN['memory'], 'arguments': 20 * 2**30}}
  assert 'let mesh.fsdp take over' in command.describe(heavy)


@pytest.mark.parametrize(
  'argv, message',
  [
    (['--config', 'none.py:base', '--topology', 'v5e:4x4'], 'no such configuration, none.py'),
    (
      ['--config', '{root}/configs/motion.py:base', '--topology', 'v5e:4x4', '--set', 'mesh.fsdp=x'],
      'write FIELD=JSON',
    ),
    (['--config', '{root}/configs/motion.py:huge', '--topology', 'v5e:4x4'], "variant 'huge' is unknown"),
    (['--config', '{root}/configs/motion.py:tiny', '--topology', 'v1:4x4'], "topology 'v1:4x4'"),
    (['--config', '{root}/configs/motion.py:tiny', '--topology', 'v5e:2x2', '--set', 'mesh.fdsp=8'], 'fdsp'),
    (
      ['--config', '{root}/configs/motion.py:tiny', '--topology', 'v5e:2x2', '--set', 'num_steps="x"'],
      'num_steps',
    ),
  ],
)
def test_mistakes_are_one_line(argv, message, tmp_path, monkeypatch, capsys):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  assert main.main(['plan', '--quiet', *(a.replace('{root}', str(ROOT)) for a in argv)]) == 2
  err = capsys.readouterr().err
  assert err.startswith('error: ') and err.count('\n') == 1 and message in err
  assert not list(tmp_path.rglob('*.json'))


@pytest.mark.parametrize('folder', [None, '/proc/plans'])
def test_a_plan_without_a_cache(folder, monkeypatch, capsys):
  monkeypatch.setattr(files, 'cache_dir', lambda: folder and pathlib.Path(folder))
  monkeypatch.setattr(command, '_compile', lambda *_: {'fits': True})
  argv = ['plan', '--config', str(ROOT / 'configs/motion.py:tiny'), '--topology', 'v5e:2x2', '--json']
  assert main.main(argv) == 0
  assert json.loads(capsys.readouterr().out) == {'fits': True}


class _Lowered:
  """A fake lowered program: compilation only writes `texts` (file name -> content)."""

  def __init__(self, texts):
    self._texts = texts

  def compile(self, compiler_options):
    for name, text in self._texts.items():
      pathlib.Path(compiler_options['xla_dump_to'], name).write_text(text)
    return self

  def as_text(self):
    return ''


@pytest.mark.parametrize(
  'texts',
  [
    {},
    {'m.after_optimizations.txt': 'HloModule m', 'm.another-memory-report.txt': '{}'},
    {
      'm.after_optimizations.txt': 'module @m { }',
      'm.after_optimizations-memory-usage-report.txt': 'Memory Space: default\n Total bytes: 12',
    },
  ],
)
def test_an_unknown_libtpu_is_an_input_error_of_one_line(texts, tmp_path, monkeypatch):
  monkeypatch.setattr(jax.config, 'update', lambda *_: None)  # keeps the compilation cache on for other tests
  with pytest.raises(InputError, match=f'libtpu .* tested with libtpu {compiled.TESTED_LIBTPU}') as raised:
    compiled.compile_program(_Lowered(texts), tmp_path, whole=True)
  assert '\n' not in str(raised.value)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec('libtpu') is None, reason='needs libtpu (extra tpu)')
def test_a_real_plan_is_made_once(tmp_path, monkeypatch, capsys):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  argv = ['plan', '--config', str(ROOT / 'configs/motion.py:tiny'), '--topology', 'v5e:2x2', '--set']
  argv += ['data.batch_size=8', '--json']
  assert main.main(argv) == 0
  plan = json.loads(capsys.readouterr().out)
  assert (
    plan['fits'] and 0 < plan['predicted_mfu'] < 1 and plan['mesh'] == {'data': 4, 'fsdp': 1, 'tensor': 1}
  )
  assert plan['hardware_flops'] >= plan['model_flops'] > 0 and plan['collectives']['all-reduce']['bytes'] > 0
  monkeypatch.setattr(command, '_compile', lambda *_: pytest.fail('compiled again'))
  assert main.main(argv) == 0 and json.loads(capsys.readouterr().out) == plan
