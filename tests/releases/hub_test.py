"""Releases on the Hugging Face Hub, against a stand-in for its HTTP interface: upload, download, resuming, errors."""

import contextlib
import json
import logging
import pickle
import sys

import hub_stand_in
import pytest

import seetalk_jax
from seetalk_jax.cli import main
from seetalk_jax.errors import CheckpointError, InputError
from seetalk_jax.releases import hub as hub_lib
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release

constants = pytest.importorskip('huggingface_hub.constants')


@pytest.fixture(scope='module')
def release(tmp_path_factory):
  """Folder of a release of two networks, and of a file that is no part of it."""
  folder = tiny_release.make(tmp_path_factory.mktemp('release') / 'mine', ('autoencoder', 'speech_encoder'))
  (folder / 'notes.pkl').write_bytes(pickle.dumps('private'))
  return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
  """A running stand-in with a cache and a token of its own."""
  monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'cache'))
  monkeypatch.setattr(constants, 'HF_TOKEN_PATH', str(tmp_path / 'token'))
  monkeypatch.setattr(constants, 'HF_HUB_DISABLE_XET', True)
  monkeypatch.delenv('HF_TOKEN', raising=False)
  monkeypatch.delenv('HUGGING_FACE_HUB_TOKEN', raising=False)
  monkeypatch.setattr('time.sleep', lambda seconds: None)  # between attempts
  hub_lib.show_progress(False)
  with hub_stand_in.running() as running:
    monkeypatch.setenv('HF_ENDPOINT', running.url)
    # Older versions read these in addresses of commits.
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', running.url + template)
    monkeypatch.setattr(constants, 'ENDPOINT', running.url)
    yield running
  hub_lib.cached_folder.cache_clear()


@pytest.fixture
def token(monkeypatch):
  monkeypatch.setenv('HF_TOKEN', hub_stand_in.TOKEN)


def contents(folder):
  names = ['seetalk.json', *hub_lib.files_of(folder / 'seetalk.json')]
  return {name: (folder / name).read_bytes() for name in names}


def fresh():
  """As a new process."""
  hub_lib.cached_folder.cache_clear()


def test_what_is_pushed_comes_back(hub, token, release, tmp_path):
  commit = hub_lib.push(release, 'owner/name')
  repository = hub.repositories['owner/name']
  assert commit.startswith(hub.url) and repository.private
  assert set(repository.head()) == {*contents(release), 'README.md', '.gitattributes'}  # and no other file
  assert hub_lib.pull('owner/name', tmp_path / 'theirs') == tmp_path / 'theirs'
  assert contents(tmp_path / 'theirs') == contents(release)
  loaded = seetalk_jax.load_networks('hf:owner/name', only=['autoencoder'])
  assert loaded.directory.parts[-2] == 'snapshots'
  assert storage.is_release('hf:owner/name')


def test_the_commands(hub, token, release, tmp_path, capsys):
  def say(*argv):
    assert main.main([*map(str, argv), '--json']) == 0
    return json.loads(capsys.readouterr().out)

  pushed = say('push', release, 'owner/name')
  assert set(pushed) == {'repository', 'commit'}  # as in tests/public_names_test.py
  pulled = say('pull', 'owner/name', '-o', tmp_path / 'theirs')
  assert set(pulled) == {'output', 'repository', 'networks'}
  assert main.main(['pull', 'owner/name', '-o', str(tmp_path / 'theirs')]) == 2
  assert '--overwrite' in capsys.readouterr().err
  assert say('pull', 'owner/name', '-o', tmp_path / 'theirs', '--overwrite') == pulled
  assert main.main(['info', 'hf:owner/name', '--card']) == 0
  assert capsys.readouterr().out.encode() == hub.repositories['owner/name'].head()['README.md']


def test_a_second_push_removes_networks_of_the_first(hub, token, release, tmp_path):
  hub_lib.push(release, 'owner/name', public=True)
  assert not hub.repositories['owner/name'].private
  smaller = tiny_release.make(tmp_path / 'smaller', ('autoencoder',))
  sent = sum(path.startswith('/lfs/') for _, path in hub.requests)
  hub_lib.push(smaller, 'owner/name')
  assert 'speech_encoder.safetensors' not in hub.repositories['owner/name'].head()
  assert (
    sum(path.startswith('/lfs/') for _, path in hub.requests) - sent <= 2
  )  # what is there is not sent again
  hub_lib.push(release, 'owner/name@other')
  assert 'speech_encoder.safetensors' not in hub.repositories['owner/name'].head()
  assert 'speech_encoder.safetensors' in hub.repositories['owner/name'].head('other')


def test_only_files_that_the_release_names_are_downloaded(hub, release):
  hub.add('owner/name', contents(release) | {'model.pkl': b'x', 'code.py': b'x', 'other.safetensors': b'x'})
  folder = hub_lib.pull('owner/name')
  assert {path.name for path in folder.iterdir()} == set(contents(release))


def test_revisions(hub, release, tmp_path):
  repository = hub.add('owner/name', contents(tiny_release.make(tmp_path / 'first', ('autoencoder',))))
  first = repository.refs['main']
  repository.commit(contents(release))

  def networks(text):
    return set(storage.read_info(text)[1]['networks'])

  assert networks('hf:owner/name') == {'autoencoder', 'speech_encoder'}
  assert networks(f'hf:owner/name@{first}') == {'autoencoder'}
  with pytest.raises(CheckpointError, match='no such revision, owner/name@none: give a branch'):
    networks('hf:owner/name@none')


def test_a_cached_release_needs_no_network(hub, release, monkeypatch):
  hub.add('owner/name', contents(release))
  folder = hub_lib.pull('owner/name')
  fresh()
  hub.down = True
  assert hub_lib.pull('owner/name') == folder
  with pytest.raises(
    InputError, match='cannot be reached, and this release was not here before, owner/other'
  ):
    hub_lib.pull('owner/other')
  fresh()
  monkeypatch.setattr(constants, 'HF_HUB_OFFLINE', True)
  assert hub_lib.pull('owner/name') == folder


def test_an_interrupted_download_is_resumed(hub, release, monkeypatch):
  files = contents(release)
  hub.add('owner/name', files)
  largest = max(files, key=lambda name: len(files[name]))
  monkeypatch.setattr(constants, 'DOWNLOAD_CHUNK_SIZE', 1000)  # what arrives in pieces of this size is kept
  hub.cut[largest] = len(files[largest]) // 2
  with contextlib.suppress(InputError):  # newer versions of huggingface_hub go on by themselves
    hub_lib.pull('owner/name')
  hub_lib.pull('owner/name')
  assert hub.sent[largest] - len(files[largest]) < 1000  # hardly a byte twice


def test_changed_files_are_refused(hub, release, tmp_path):
  files = contents(release)
  files['autoencoder.safetensors'] = files['autoencoder.safetensors'][:-1] + b'\1'
  hub.add('owner/name', files)
  with pytest.raises(CheckpointError, match='sha256 differs'):
    hub_lib.pull('owner/name', tmp_path / 'theirs')
  assert not (tmp_path / 'theirs').exists()
  with pytest.raises(CheckpointError, match='sha256 differs'):
    seetalk_jax.load_networks('hf:owner/name')


@pytest.mark.parametrize('name', ['../seetalk.py', '*', 'weights.pkl', 'a/b.safetensors'])
def test_names_of_files_are_checked(hub, release, name):
  info = json.loads((release / 'seetalk.json').read_text())
  info['networks']['autoencoder']['file'] = name
  hub.add('owner/name', contents(release) | {'seetalk.json': json.dumps(info).encode()})
  with pytest.raises(CheckpointError, match='a release has safetensors files'):
    hub_lib.pull('owner/name')


def test_missing_access_is_one_line(hub, release):
  hub.add('owner/gated', contents(release), gated=True)
  hub.add('owner/private', contents(release), private=True)
  hub.add('owner/empty', {'README.md': b''})
  for name, line in {
    'gated': 'access is restricted, owner/gated: accept its terms at .*, and log in with',
    'private': 'no such repository at .*, or a private one, owner/private: check its name, or log in',
    'none': 'no such repository',
    'empty': 'no release of seetalk-jax .it has no seetalk.json., owner/empty',
  }.items():
    with pytest.raises(CheckpointError, match=line) as error:
      hub_lib.pull(f'owner/{name}')
    assert '\n' not in str(error.value)
  with pytest.raises(InputError, match='no permission at .*, owner/name: log in|no token for'):
    hub_lib.push(release, 'owner/name')


def test_a_hub_that_is_not_there_is_one_line(hub, token, release, monkeypatch):
  monkeypatch.setenv('HF_ENDPOINT', 'http://127.0.0.1:9')
  for transfer in (lambda: hub_lib.pull('owner/name'), lambda: hub_lib.push(release, 'owner/name')):
    with pytest.raises(InputError, match='http://127.0.0.1:9 cannot be reached'):
      transfer()


@pytest.mark.parametrize('text', ['name', 'hf:name', 'a/b/c', 'owner/name@', 'hf:../..', 'owner /name'])
def test_what_is_no_repository_is_one_line(text):
  with pytest.raises(InputError, match='write owner/name or owner/name@revision'):
    hub_lib.parse(text) if text != 'hf:../..' else hub_lib.parse('hf:../../x')


def test_the_extra_is_named(monkeypatch):
  fresh()
  monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
  with pytest.raises(InputError, match=r"pip install 'seetalk-jax\[hub\]'"):
    storage.resolve('hf:owner/name')


def test_warnings_of_retries_are_silent(hub):
  """The one line of the error is not preceded by those of huggingface_hub's attempts."""
  logger, child = logging.getLogger('huggingface_hub'), logging.getLogger('huggingface_hub.utils._http')
  level = logger.level
  with hub_lib._one_line_errors(hub_lib.parse('hf:owner/name'), hub_lib._api()):
    assert not child.isEnabledFor(logging.WARNING) and child.isEnabledFor(logging.ERROR)
  assert logger.level == level and child.isEnabledFor(logging.WARNING)
