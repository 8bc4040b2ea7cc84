"""Sources of a run: licences and origins pass through training, export, --base and resumed runs."""

import json

import jax
import jax.numpy as jnp
import pytest
import toy_stage

from seetalk_jax.cli import main
from seetalk_jax.data import sources as record_sources
from seetalk_jax.releases import collect, network_spec, storage
from seetalk_jax.training import initial_weights, loop, run_sources
from seetalk_jax.training.run_sources import Source

SYNTHETIC = Source('corpus', 'faces', 'Apache-2.0', 'synthetic data')
VIDEOS = Source('corpus', 'mine', 'unknown', 'the corpus mine')
RESTRICTED = Source('start', 'net', 'CC-BY-NC-4.0', 'private videos')


@pytest.fixture(autouse=True)
def toy(monkeypatch):
  """The toy stage, exported like the stages of the library."""
  toy_stage.register()
  picture = jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32)
  monkeypatch.setattr(toy_stage.ToyNet, 'example_inputs', lambda *_: (picture,), raising=False)
  monkeypatch.setattr(network_spec, 'COLLECTIONS', ('counts',))
  monkeypatch.setattr(collect, 'STAGES', ('toy',))


@pytest.mark.parametrize(
  'sources, licence, origin',
  [
    ([SYNTHETIC], 'Apache-2.0', 'trained with seetalk-jax on synthetic data'),
    ([], 'unknown', 'trained with seetalk-jax on data that is not recorded'),
    ([VIDEOS], 'unknown', 'trained with seetalk-jax on the corpus mine'),
    ([SYNTHETIC, VIDEOS], 'unknown', 'trained with seetalk-jax on synthetic data and the corpus mine'),
    (
      [RESTRICTED, SYNTHETIC],
      'CC-BY-NC-4.0',
      'private videos; trained further with seetalk-jax on synthetic data',
    ),
    (
      [RESTRICTED, VIDEOS],
      'CC-BY-NC-4.0 AND unknown',
      'private videos; trained further with seetalk-jax on the corpus mine',
    ),
    (  # trained together with another network, whose initial weights are not its own
      [Source('start', 'other', 'MIT', 'x'), SYNTHETIC],
      'unknown',
      'trained with seetalk-jax on synthetic data, by means of other (MIT)',
    ),
    (
      [Source('read', 'encoder', 'MIT', 'published'), SYNTHETIC],
      'unknown',
      'trained with seetalk-jax on synthetic data, by means of encoder (MIT)',
    ),
    (
      [Source('read', 'encoder', 'Apache-2.0', 'demo'), SYNTHETIC],
      'Apache-2.0',
      'trained with seetalk-jax on synthetic data',
    ),
    (
      [Source('start', 'net', 'unknown', 'somewhere'), SYNTHETIC],
      'unknown',
      'somewhere; trained further with seetalk-jax on synthetic data',
    ),
  ],
)
def test_licence_and_origin(sources, licence, origin):
  assert run_sources.notes_of('net', sources) == {'licence': licence, 'origin': origin}


def test_a_stated_origin_keeps_that_of_the_initial_weights():
  assert run_sources.notes_of('net', [SYNTHETIC], 'my words')['origin'] == 'my words'
  stated = run_sources.notes_of('net', [RESTRICTED, VIDEOS], 'my words')['origin']
  assert stated == 'private videos; my words'


def test_training_again_on_the_same_data_adds_nothing():
  first = run_sources.notes_of('net', [RESTRICTED, SYNTHETIC])
  again = run_sources.notes_of('net', [Source('start', 'net', **first), SYNTHETIC])
  assert again == first


def test_a_run_that_goes_on_keeps_its_first_start():
  later = [Source('start', 'net', 'Apache-2.0', 'demo'), VIDEOS]
  assert run_sources.merged([RESTRICTED, SYNTHETIC], later, ['net']) == [RESTRICTED, SYNTHETIC, VIDEOS]
  (unknown, *rest) = run_sources.merged(None, later, ['net'])
  assert (unknown.kind, unknown.name, unknown.licence) == ('start', 'net', 'unknown') and rest == [VIDEOS]


def test_only_rendered_corpora_are_synthetic(tmp_path):
  rendered = {'num': 8, 'records_per_speaker': 4}
  record_sources.add_part(tmp_path / 'faces', 'faces', 'train', rendered)
  record_sources.add_part(tmp_path / 'own', 'real', 'train', {'num': 8, 'speakers': 1})
  record_sources.add_part(tmp_path / 'mixed', 'faces', 'train', rendered)
  record_sources.add_part(tmp_path / 'mixed', 'real', 'train', {'num': 8, 'speakers': 1})
  record_sources.add_part(tmp_path / 'made', 'faces', 'train', {'num': 8})
  found = {
    name: record_sources.is_synthetic(tmp_path / name) for name in ('faces', 'own', 'mixed', 'made', 'no')
  }
  assert found == {'faces': True, 'own': False, 'mixed': False, 'made': False, 'no': False}


# ---- whole runs --------------------------------------------------------------------------------------


def train(workdir, corpora=('faces',), root=None, **changes):
  changes = {'num_steps': 1, 'eval_batches': 0, **changes}
  if root is None:
    return loop.train(toy_stage.get_config(**changes), workdir, make_batches=toy_stage.make_batches)
  config = toy_stage.get_config(**changes, data_root=str(root), **{'data.corpora': corpora})
  return loop.train(config, workdir)


@pytest.fixture
def root(tmp_path, monkeypatch):
  """data_root with a rendered corpus `faces` and recordings `mine`; their batches are those of the toy stage."""
  from seetalk_jax.data import pipeline

  record_sources.add_part(tmp_path / 'data/faces', 'faces', 'train', {'num': 8, 'records_per_speaker': 4})
  record_sources.add_part(tmp_path / 'data/mine', 'real', 'train', {'num': 8, 'speakers': 1})
  monkeypatch.setattr(pipeline, 'make_batches', toy_stage.make_batches)
  return tmp_path / 'data'


def export(workdir, target, *options):
  assert main.main(['export', str(workdir), str(target), '--quiet', *map(str, options)]) == 0
  entry = storage.read_info(target)[1]['networks']['toy_net']
  return entry['licence'], entry['origin']


def test_licences_pass_through_training_and_export(tmp_path, root, capsys):
  scratch = 'trained with seetalk-jax on synthetic data'
  train(tmp_path / 'scratch', root=root)
  capsys.readouterr()
  assert export(tmp_path / 'scratch', tmp_path / 'R0') == ('Apache-2.0', scratch)
  assert capsys.readouterr().err == ''

  stated = ('--licence', 'CC-BY-NC-4.0', '--origin', 'private videos')
  assert export(tmp_path / 'scratch', tmp_path / 'R1', *stated) == ('CC-BY-NC-4.0', 'private videos')
  train(tmp_path / 'second', root=root, **{'init.toy_net': str(tmp_path / 'R1')})
  inherited = ('CC-BY-NC-4.0', f'private videos; {scratch.replace("trained", "trained further", 1)}')
  capsys.readouterr()
  assert export(tmp_path / 'second', tmp_path / 'R2') == inherited
  assert capsys.readouterr().err == ''

  # A run as the start, and a release as the base of another export.
  train(tmp_path / 'third', root=root, **{'init.toy_net': str(tmp_path / 'second')})
  assert export(tmp_path / 'third', tmp_path / 'R3') == inherited
  based = collect.collect(tmp_path / 'third', base=str(tmp_path / 'R1'), leave_out=['toy_net'])
  assert based.notes['toy_net']['licence'] == 'CC-BY-NC-4.0'

  # Another licence may be stated, with a warning that names the start.
  capsys.readouterr()
  assert export(tmp_path / 'second', tmp_path / 'R4', '--licence', 'Apache-2.0')[0] == 'Apache-2.0'
  (warning,) = capsys.readouterr().err.splitlines()
  assert 'toy_net' in warning and 'CC-BY-NC-4.0' in warning and warning.startswith('warning: ')
  assert main.main(['info', str(tmp_path / 'R2')]) == 0
  assert 'CC-BY-NC-4.0' in capsys.readouterr().out


def test_own_videos_are_unknown_until_stated(tmp_path, root, capsys):
  train(tmp_path / 'run', root=root, corpora=('faces', 'mine'))
  capsys.readouterr()
  assert export(tmp_path / 'run', tmp_path / 'R0')[0] == 'unknown'
  (warning,) = capsys.readouterr().err.splitlines()
  assert 'toy_net' in warning and '--licence' in warning
  assert export(tmp_path / 'run', tmp_path / 'R1', '--licence', 'CC0-1.0')[0] == 'CC0-1.0'
  assert capsys.readouterr().err == ''


def test_a_network_that_is_only_read_counts(tmp_path, root):
  train(tmp_path / 'given', root=root)
  given = initial_weights.load_trained_stage(tmp_path / 'given')
  release = storage.save_release(
    tmp_path / 'R0',
    {'toy_given': (given.modules()['toy_net'], given.params['toy_net'], given.collections['toy_net'])},
    provenance={'networks': {'toy_given': {'licence': 'MIT', 'origin': 'published'}}},
  )
  train(tmp_path / 'run', root=root, **{'init.toy_given': str(release)})
  licence, origin = export(tmp_path / 'run', tmp_path / 'R1')
  assert licence == 'unknown' and 'toy_given (MIT)' in origin


def test_batches_of_the_caller_are_unknown(tmp_path):
  train(tmp_path / 'run')
  assert initial_weights.load_trained_stage(tmp_path / 'run').notes('toy_net')['licence'] == 'unknown'


def test_a_resumed_run_keeps_its_record(tmp_path, root):
  train(tmp_path / 'run', root=root, corpora=('mine',))
  train(tmp_path / 'run', root=root, corpora=('faces',), num_steps=2)
  notes = initial_weights.load_trained_stage(tmp_path / 'run').notes('toy_net')
  assert notes['licence'] == 'unknown' and 'mine' in notes['origin']


def test_runs_of_earlier_versions_are_unknown(tmp_path, root):
  train(tmp_path / 'run', root=root)
  path = tmp_path / 'run/config.json'
  content = json.loads(path.read_text())
  del content['sources']
  path.write_text(json.dumps(content))
  assert export(tmp_path / 'run', tmp_path / 'R0')[0] == 'unknown'
  train(tmp_path / 'on', root=root, **{'init.toy_net': str(tmp_path / 'run')})
  assert export(tmp_path / 'on', tmp_path / 'R1')[0] == 'unknown'
  train(tmp_path / 'run', root=root, num_steps=2)  # goes on, now with a record
  assert export(tmp_path / 'run', tmp_path / 'R2')[0] == 'unknown'
  assert export(tmp_path / 'run', tmp_path / 'R3', '--licence', 'MIT')[0] == 'MIT'
