"""Lists of speech files: encodings, comments, invalid lists."""

import json
import os
import pathlib

import pytest
import sounds

from seetalk_jax.cli import generate, main
from seetalk_jax.inference import pipeline
from seetalk_jax.testing import tiny_release


@pytest.mark.parametrize(
  'data, paths, comments',
  [
    (b'a.wav\nb.wav', ['a.wav', 'b.wav'], []),
    (b'\xef\xbb\xbfa.wav\r\nb.wav\r\n', ['a.wav', 'b.wav'], []),
    (b'\xef\xbb\xbf# old\n  a b.wav \n\n#b.wav', ['a b.wav'], ['# old', '#b.wav']),
    ('é.wav\na\u2028b.wav\n'.encode(), ['é.wav', 'a\u2028b.wav'], []),
    (b'./#1.wav\rb.wav', ['./#1.wav', 'b.wav'], []),
    (b'', [], []),
  ],
)
def test_read_list(tmp_path, data, paths, comments):
  (tmp_path / 'list.txt').write_bytes(data)
  assert generate.read_list(tmp_path / 'list.txt') == (paths, comments)


@pytest.mark.parametrize(
  'data, message',
  [
    ('a.wav\n'.encode('utf-16'), 'not UTF-8 text (line 1)'),
    ('a.wav\n'.encode('utf-16-le'), 'not UTF-8 text (zero bytes)'),
    (b'a.wav\n\xe9.wav\n', 'not UTF-8 text (line 2)'),
    (b'\xef\xbb\xbf\n# a.wav\n', 'the list is empty'),
    (None, 'cannot read the list (No such file or directory)'),
  ],
)
def test_invalid_lists_are_one_line(tmp_path, monkeypatch, capsys, data, message):
  monkeypatch.chdir(tmp_path)
  if data is not None:
    pathlib.Path('list.txt').write_bytes(data)
  assert main.main(['generate', '--list', 'list.txt', '--out-dir', 'out']) == 2
  err = capsys.readouterr().err
  assert err.startswith('error: ') and err.count('\n') == 1 and message in err and 'list.txt' in err


def test_names_that_are_not_utf_8(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  monkeypatch.chdir(tmp_path)
  sounds.write_sndfile('a.wav', sounds.tone(0.3), 16_000)
  speech, output = (os.fsdecode(b'\xe9.' + suffix) for suffix in (b'wav', b'mp4'))
  os.rename('a.wav', speech)
  argv = ['generate', speech, '-o', output, '--checkpoint', tiny_release.shared(), '--device', 'cpu']
  assert main.main(argv) == 0 and os.path.getsize(output) > 0
  assert '\\udce9.mp4: 8 frames' in capsys.readouterr().out.encode('ascii', 'backslashreplace').decode()
  assert main.main([*argv, '--json', '--overwrite']) == 0
  assert json.loads(capsys.readouterr().out)['output'] == output


def test_comments_that_name_files_are_noted(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  monkeypatch.chdir(tmp_path)
  for name in ('a.wav', '#1 take.wav'):
    sounds.write_sndfile(name, sounds.tone(0.3), 16_000)
  pathlib.Path('list.txt').write_text(f'#1 take.wav\n# {"x" * 300}\n#a.wav\na.wav\n')
  argv = [
    'generate',
    '--list',
    'list.txt',
    '--out-dir',
    'out',
    '--checkpoint',
    tiny_release.shared(),
    '--device',
    'cpu',
  ]
  assert main.main([*argv, '--json']) == 0
  err = capsys.readouterr().err
  assert err.startswith('list.txt: lines left out as comments that name files: 1 (#1 take.wav)')
  assert 'write ./#1 take.wav' in err and err.count('\n') == 1
  assert [path.name for path in pathlib.Path('out').iterdir()] == ['a.mp4']
  pathlib.Path('list.txt').write_text('./#1 take.wav\na.wav\n')
  assert main.main([*argv, '--overwrite', '--json']) == 0 and capsys.readouterr().err == ''
  assert sorted(path.name for path in pathlib.Path('out').iterdir()) == ['#1 take.mp4', 'a.mp4']
