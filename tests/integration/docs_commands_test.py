"""Commands in the documentation: every command line of `seetalk` and `train.py` parses, with fields that exist."""

import pathlib
import re
import shlex

import pytest

from seetalk_jax.cli import config_fields, main
from seetalk_jax.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[2]
_NAMES = ('real_recordings', 'training', 'data', 'adaptation', 'public_weights', 'inference', 'scaling')
_NAMES += ('method/stage2', 'blendshapes', 'releases')
PAGES = ['README.md', *(f'docs/{name}.md' for name in _NAMES)]


def commands(page):
  """The command lines in shell blocks of a page, as lists of words."""
  blocks = re.findall(r'^```sh\n(.*?)^```', (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
  lines, found = '\n'.join(blocks).replace('\\\n', ' ').splitlines(), []
  while lines:
    line = lines.pop(0)
    try:
      words = shlex.split(line, comments=True)
    except ValueError:  # a quoted part of several lines
      lines[0] = f'{line}\n{lines[0]}'
      continue
    found += [words] if words else []
  return found


def parse_training(words):
  """The configuration of a `train.py` or `seetalk train` command, or an error for what does not exist."""
  args = main.make_parser().parse_args(words)
  return config_fields.read(args.config, args.fields)


@pytest.mark.parametrize('page', PAGES)
def test_command_lines_parse(page, monkeypatch):
  monkeypatch.chdir(ROOT)
  parser, count = main.make_parser(), 0
  for words in commands(page):
    if words[:2] == ['python', 'train.py'] and '...' not in words:
      words = ['seetalk', 'train', *words[2:]]
    if words[:2] == ['seetalk', 'train']:
      parse_training(words[1:])
    elif words[0] == 'seetalk':
      parser.parse_args(words[1:])
    else:
      continue
    count += 1
  assert count


def test_unknown_fields_do_not_parse(monkeypatch):
  monkeypatch.chdir(ROOT)
  start = ['train', '--config', 'configs/all.py:real-demo', '--workdir', 'x']
  assert parse_training([*start, "--config.corpora=('a',)"]).corpora == ('a',)
  for wrong in ('--config.corpus=a', '--config.overrides.motion.data.batch=1', '--wordir=x'):
    with pytest.raises(InputError):
      parse_training([*start, wrong])


def test_settings_in_the_text_on_recordings_are_fields(monkeypatch):
  monkeypatch.chdir(ROOT)
  text = (ROOT / 'docs/real_recordings.md').read_text()
  settings = re.findall(r'`(--config\.[^`]+)`', text)
  assert len(settings) > 6
  for setting in settings:
    words = shlex.split(setting.replace('STAGE', 'motion'))
    parse_training(['train', '--config', 'configs/all.py:real', '--workdir', 'x', *words])
