"""Options of several commands: ranges of numbers, results as text or JSON, output folders, equal paths."""

import argparse
import json
import math

import pytest

from seetalk_jax.cli import options
from seetalk_jax.errors import InputError


@pytest.mark.parametrize(
  'parse, text, value',
  [
    (options.whole(1, 1000), '1000', 1000),
    (options.number(0, 50), '1e1', 10.0),
    (options.number(-1, 1), '-0.5', -0.5),
    (options.video_side, '4096', 4096),
  ],
)
def test_numbers_in_range(parse, text, value):
  assert parse(text) == value


@pytest.mark.parametrize(
  'parse, text, message',
  [
    (options.whole(1, 1000), '0', '0 is not between 1 and 1000'),
    (options.whole(1, 1000), '2.5', "'2.5' is not a whole number"),
    (options.number(0, 50), '50.1', '50.1 is not between 0 and 50'),
    (options.number(0, math.inf), 'inf', 'inf is not between'),
    (options.number(0, 50), 'nan', 'nan is not between 0 and 50'),
    (options.number(0, 50), 'two', "'two' is not a number"),
    (options.video_side, '65', '65 is odd'),
    (options.video_side, '62', '62 is not between 64 and 4096'),
  ],
)
def test_other_numbers_are_refused(parse, text, message):
  with pytest.raises(argparse.ArgumentTypeError, match=message):
    parse(text)


def test_results_as_text_or_json(capsys):
  def printed(**flags):
    options.report(argparse.Namespace(**({'json': False, 'quiet': False} | flags)), {'frames': 3}, '3 frames')
    return capsys.readouterr().out

  assert printed() == '3 frames\n' and printed(quiet=True) == ''
  assert json.loads(printed(json=True)) == json.loads(printed(json=True, quiet=True)) == {'frames': 3}


def test_output_folders_need_not_exist(tmp_path):
  options.check_folder(tmp_path / 'a' / 'b')
  assert not list(tmp_path.iterdir())
  (tmp_path / 'file').touch()
  for path in (tmp_path / 'file', tmp_path / 'file' / 'a'):
    with pytest.raises(InputError, match='the output folder is a file'):
      options.check_folder(path)


def test_two_paths_of_one_file(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'face.png').touch()
  (tmp_path / 'link.png').symlink_to('face.png')
  assert options.same_file('face.png', tmp_path / 'link.png')
  assert options.same_file('new.mp4', './x/../new.mp4')
  assert not options.same_file('face.png', 'other.png')
