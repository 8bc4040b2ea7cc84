"""Files and folders: atomic writes, also between processes; locks; leftovers of killed writers."""

import errno
import fcntl
import os
import pathlib
import pwd
import stat
import subprocess
import sys
import time
from unittest import mock

import pytest
import small_files

from seetalk_jax import files
from seetalk_jax.errors import OutputError

ROOT = pathlib.Path(__file__).resolve().parent.parent


def start(code, *arguments):
  """Starts a Python process that runs `code` with `files` imported."""
  return subprocess.Popen(
    [
      sys.executable,
      '-c',
      f'import os, sys, time\nfrom seetalk_jax import files\n{code}',
      *map(str, arguments),
    ],
    env={**os.environ, 'PYTHONPATH': str(ROOT)},
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    text=True,
  )


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_at_the_end(tmp_path):
  path = tmp_path / 'new' / 'a.b.npz'
  with files.replacing(path) as part:
    assert part.parent == path.parent and part.suffix == '.npz' and part.match(files.UNFINISHED)
    part.write_bytes(b'whole')
    assert not path.exists()
  assert path.read_bytes() == b'whole' and names(path.parent) == ['a.b.npz']
  files.write_text(path, 'ü')
  files.write_text(str(path), 'ä')
  assert path.read_bytes() == 'ä'.encode() and names(path.parent) == ['a.b.npz']


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_what_was_there(tmp_path, error):
  path = tmp_path / 'a.json'
  for before in (None, b'before'):
    if before:
      path.write_bytes(before)
    with pytest.raises(error), files.replacing(path) as part:
      part.write_bytes(b'half')
      raise error
    assert names(tmp_path) == (['a.json'] if before else [])
  assert path.read_bytes() == b'before'
  with pytest.raises(FileNotFoundError), files.replacing(path):
    pass  # nothing was written
  assert path.read_bytes() == b'before'


def test_permissions_are_those_of_a_new_file_and_links_are_replaced(tmp_path):
  before = os.umask(0o027)
  try:
    files.write_bytes(tmp_path / 'a', b'')
    with files.replacing_folder(tmp_path / 'folder') as part:
      (part / 'x').touch()
  finally:
    os.umask(before)
  assert stat.S_IMODE((tmp_path / 'a').stat().st_mode) == 0o640
  assert stat.S_IMODE((tmp_path / 'folder').stat().st_mode) == 0o750
  target = tmp_path / 'target'
  target.write_bytes(b'target')
  (tmp_path / 'link').symlink_to(target)
  files.write_bytes(tmp_path / 'link', b'new')
  assert not (tmp_path / 'link').is_symlink() and target.read_bytes() == b'target'


def test_writers_of_one_file_do_not_mix(tmp_path):
  path = tmp_path / 'a'
  code = """
for _ in range(100):
  files.write_bytes(sys.argv[1], sys.argv[2].encode() * 100_000)
"""
  writers = [start(code, path, letter) for letter in 'ab']
  seen = set()
  while any(writer.poll() is None for writer in writers):
    if path.exists():
      data = path.read_bytes()
      assert len(data) == 100_000 and len(set(data)) == 1
      seen.add(data[:1])
  assert [writer.returncode for writer in writers] == [0, 0]
  assert seen and names(tmp_path) == ['a']


def test_leftovers_of_killed_writers_are_removed(tmp_path):
  path = tmp_path / 'faces.00001.array_record'
  code = """
with files.replacing(sys.argv[1]) as part:
  part.write_bytes(b'half')
  print('written', flush=True)
  sys.stdin.readline()
  raise RuntimeError
"""
  killed, running = start(code, path), start(code, path)
  try:
    for writer in (killed, running):
      assert writer.stdout.readline() == 'written\n'
    files.remove_leftovers(path)
    assert len(names(tmp_path)) == 2
    killed.kill()
    killed.wait()
    (tmp_path / '.faces.notes.part.array_record').touch()  # not from this library
    files.remove_leftovers(path)
    left = names(tmp_path)
    assert len(left) == 2 and any(f'.{running.pid}-' in name for name in left)
    running.communicate()  # closes its stdin
    assert running.returncode == 1
    assert names(tmp_path) == ['.faces.notes.part.array_record']
  finally:
    killed.kill()
    running.kill()


@pytest.mark.skipif(not os.path.exists('/proc/self/stat'), reason='needs /proc')
def test_leftovers_of_an_ended_process_that_nobody_waited_for_are_removed(tmp_path):
  ended = subprocess.Popen([sys.executable, '-c', ''])
  os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # ended, its exit status unread
  (tmp_path / f'.faces.{ended.pid}-0123abcd.part.array_record').touch()
  files.remove_leftovers(tmp_path / 'faces.array_record')
  assert names(tmp_path) == []
  ended.wait()


LONG_NAMES = ('x' * 251 + '.mp4', '漢' * 83 + '.json', 'é' * 125 + '.part', 'a.' + 'b' * 253, '.' + 'c' * 254)


@pytest.mark.parametrize('name', LONG_NAMES)
def test_names_of_255_bytes_are_written(tmp_path, name):
  assert len(os.fsencode(name)) > 250
  files.write_text(tmp_path / name, 'whole')
  assert (tmp_path / name).read_text() == 'whole' and names(tmp_path) == [name]
  with files.replacing_folder(tmp_path / 'folder' / name) as part:
    assert part.match(files.UNFINISHED)
  with files.replacing_folder(tmp_path / 'folder' / name) as part:
    (part / 'new').touch()
  assert names(tmp_path / 'folder' / name) == ['new'] and names(tmp_path / 'folder') == [name]
  files.hidden(tmp_path / name, '.unfinished').mkdir()


def test_hidden_names_of_two_long_names_differ(tmp_path):
  first, second = (tmp_path / f'{"漢" * 82}{end}.mp4' for end in 'ab')
  for path in (first, second):
    hidden = files.hidden(path, '.unfinished').name
    assert hidden.startswith('.漢漢') and hidden.endswith('.unfinished') and len(hidden.encode()) <= 255
    assert files.hidden(path, '.unfinished').name == hidden
  assert files.hidden(first, '.unfinished') != files.hidden(second, '.unfinished')
  # A killed writer of one does not leave a file that belongs to the other.
  killed = files.unfinished(first)
  assert killed.suffix == '.mp4' and len(killed.name.encode()) <= 255
  killed = killed.with_name(killed.name.replace(f'.{os.getpid()}-', f'.{2**22 + 1}-'))
  killed.touch()
  files.remove_leftovers(second)
  assert killed.exists()
  files.remove_leftovers(first)
  assert not killed.exists()


def test_short_names_are_hidden_as_they_are_and_small_limits_are_kept(tmp_path, monkeypatch):
  path = tmp_path / 'talk.mp4'
  assert files.hidden(path, '.unfinished') == tmp_path / '.talk.mp4.unfinished'
  assert files.unfinished(path).name.startswith(f'.talk.{os.getpid()}-')
  monkeypatch.setattr(os, 'pathconf', lambda folder, name: 143)  # eCryptfs
  long = tmp_path / ('x' * 139 + '.mp4')
  assert len(files.hidden(long, '.unfinished').name) <= 143 and len(files.unfinished(long).name) <= 143


def test_errors_of_an_output_are_one_line(tmp_path):
  path = tmp_path / 'a.npz'
  with pytest.raises(OutputError, match='no space left, .*/a.npz: free some') as raised:
    with files.replacing(path):
      raise OSError(errno.ENOSPC, 'No space left on device')  # a write does not name its file
  assert raised.value.errno == errno.ENOSPC
  with pytest.raises(OutputError, match='a.npz'), files.replacing(path) as part:
    raise OSError(errno.ENODATA, 'x', str(part))
  with pytest.raises(OutputError, match='folder'), files.replacing_folder(tmp_path / 'folder') as part:
    raise OSError(errno.ENOENT, 'x', str(part / 'weights'))
  for other in (OSError(errno.ENOENT, 'x', 'source'), OSError(errno.EPIPE, 'x'), OSError('x')):
    with pytest.raises(OSError) as raised, files.replacing(path):
      raise other  # from something else than the output
    assert raised.value is other
  with pytest.raises(OutputError, match='too large'), small_files.file_size_limit(8192):
    files.write_bytes(path, bytes(10_000))
  (tmp_path / 'file').touch()
  with pytest.raises(OutputError, match='exists'):
    files.make_folder(tmp_path / 'file')
  with pytest.raises(OutputError, match='not a directory'), files.locked(tmp_path / 'file' / 'lock'):
    pass
  assert names(tmp_path) == ['file']


@pytest.mark.parametrize('target', ['a.mp4', 'new/folder/a.mp4'])
def test_check_writable_creates_and_removes_a_file(tmp_path, monkeypatch, target):
  files.check_writable(tmp_path / target)
  assert not list(tmp_path.iterdir())
  with pytest.raises(OutputError, match='file name too long'):
    files.check_writable(tmp_path / target / ('x' * 256))
  with pytest.raises(OutputError, match='file name too long'):
    files.check_writable((tmp_path / target).with_name('x' * 256))
  refused = OSError(errno.EROFS, os.strerror(errno.EROFS))
  monkeypatch.setattr(pathlib.Path, 'touch', mock.Mock(side_effect=refused))
  with pytest.raises(OutputError, match=f'read-only file system, .*{target}: give another place'):
    files.check_writable(tmp_path / target)
  assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='no /proc')
def test_check_writable_does_not_trust_permission_bits():
  assert os.access('/proc', os.W_OK) or os.getuid()
  with pytest.raises(OutputError, match='/proc/o.mp4'):
    files.check_writable('/proc/o.mp4')


def test_a_folder_is_replaced_whole(tmp_path):
  path = tmp_path / 'parent' / 'release-0.1'
  with files.replacing_folder(path) as part:
    (part / 'old').touch()
    assert not path.exists()
  assert names(path) == ['old']
  with files.replacing_folder(path) as part:
    (part / 'new').touch()
    assert names(path) == ['old']
  assert names(path) == ['new'] and names(path.parent) == ['release-0.1']
  with pytest.raises(RuntimeError), files.replacing_folder(path) as part:
    (part / 'newer').touch()
    raise RuntimeError
  assert names(path) == ['new'] and names(path.parent) == ['release-0.1']


def test_of_a_linked_folder_the_link_is_replaced(tmp_path):
  (tmp_path / 'target').mkdir()
  (tmp_path / 'target' / 'a').touch()
  (tmp_path / 'link').symlink_to('target')
  with files.replacing_folder(tmp_path / 'link') as part:
    (part / 'b').touch()
  assert names(tmp_path) == ['link', 'target'] and not (tmp_path / 'link').is_symlink()
  assert names(tmp_path / 'link') == ['b'] and names(tmp_path / 'target') == ['a']


def test_a_folder_does_not_replace_a_file(tmp_path):
  (tmp_path / 'a').write_text('a file')
  with pytest.raises(NotADirectoryError), files.replacing_folder(tmp_path / 'a'):
    pass
  assert (tmp_path / 'a').read_text() == 'a file'


def test_a_folder_that_cannot_be_renamed_leaves_the_old_one(tmp_path, monkeypatch):
  path = tmp_path / 'a'
  path.mkdir()
  (path / 'old').touch()
  rename = os.rename

  def failing(source, target):
    if '.part' in str(source):
      raise OSError('no')
    rename(source, target)

  with monkeypatch.context() as patch, pytest.raises(OSError, match='no'):
    patch.setattr(os, 'rename', failing)
    with files.replacing_folder(path) as part:
      (part / 'new').touch()
  assert names(tmp_path) == ['a'] and names(path) == ['old']


def test_a_lock_holds_between_processes_and_ends_with_a_kill(tmp_path):
  path = tmp_path / 'lock'
  code = """
with files.locked(sys.argv[1]):
  print('held', flush=True)
  time.sleep(60)
"""
  holder = start(code, path)
  try:
    assert holder.stdout.readline() == 'held\n'
    with pytest.raises(BlockingIOError), files.locked(path, wait=False):
      pass
    waiter = start("with files.locked(sys.argv[1]):\n  print('mine', time.time(), flush=True)", path)
    time.sleep(0.5)
    released = time.time()
    holder.kill()
    word, when = waiter.stdout.readline().split()
    assert word == 'mine' and float(when) >= released and waiter.wait() == 0
  finally:
    holder.kill()
  with files.locked(path, wait=False):
    with pytest.raises(BlockingIOError), files.locked(path, wait=False):
      pass  # nor can this process acquire it twice
  with files.locked(path, wait=False):
    pass


@pytest.mark.parametrize(
  'number', [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL]
)
@pytest.mark.parametrize('wait', [True, False])
def test_a_file_system_without_locks_is_noted_once(tmp_path, monkeypatch, caplog, number, wait):
  monkeypatch.setattr(fcntl, 'flock', mock.Mock(side_effect=OSError(number, os.strerror(number))))
  files._note_missing_locks.cache_clear()
  ran = []
  for _ in range(2):
    with files.locked(tmp_path / 'lock', wait=wait):
      ran.append(1)
  assert ran == [1, 1]
  (record,) = caplog.records
  assert 'no locks' in record.getMessage() and str(tmp_path) in record.getMessage()


@pytest.mark.parametrize('number', [errno.EWOULDBLOCK, errno.EACCES])
def test_a_lock_of_another_process_is_not_a_missing_lock(tmp_path, monkeypatch, number):
  # EACCES: fcntl locks, by which NFS emulates flock
  monkeypatch.setattr(fcntl, 'flock', mock.Mock(side_effect=OSError(number, os.strerror(number))))
  with pytest.raises(BlockingIOError), files.locked(tmp_path / 'lock', wait=False):
    pass


def test_checksums_and_the_cache_folder(tmp_path, monkeypatch):
  (tmp_path / 'a').write_bytes(b'abc')
  assert files.checksum(tmp_path / 'a').startswith('ba7816bf8f01cfea')
  assert len(files.code_checksum()) == 64
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  assert files.cache_dir() == tmp_path / 'seetalk-jax'
  monkeypatch.delenv('XDG_CACHE_HOME')
  assert files.cache_dir() == pathlib.Path.home() / '.cache' / 'seetalk-jax'


def test_a_user_without_a_home_has_no_cache_folder(monkeypatch):
  monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
  monkeypatch.delenv('HOME', raising=False)
  monkeypatch.setattr(pwd, 'getpwuid', mock.Mock(side_effect=KeyError))  # docker run -u 12345
  assert files.cache_dir() is None
