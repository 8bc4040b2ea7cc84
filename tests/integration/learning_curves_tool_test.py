"""tools/learning_curves.py: the table and the strip of a run."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

TOOLS = pathlib.Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def tool(monkeypatch):
  monkeypatch.syspath_prepend(str(TOOLS))
  import learning_curves

  return learning_curves


def write_phase(path, name, values):
  (path / 'samples').mkdir(parents=True)
  rows = []
  for i, value in enumerate(values, 1):
    rows += [{'step': 100 * i, 'minutes': 10.0 * i}, {'step': 100 * i, f'held_out/{name}': value}]
    Image.fromarray(np.full((20, 40, 3), 60 * i, np.uint8)).save(path / 'samples' / f'{100 * i:07}.png')
  (path / 'metrics.jsonl').write_text('\n'.join(map(json.dumps, rows)))


def test_table_and_strip_show_all_phases_in_order(tool, tmp_path, capsys):
  write_phase(tmp_path / 'motion_codec', 'psnr_warped', [21.0, 22.0])
  write_phase(tmp_path / 'motion_codec_1', 'psnr_warped', [17.0, 18.0, 19.0, 20.0])
  write_phase(tmp_path / 'autoencoder', 'psnr', [27.5])
  strip = tmp_path / 'strip.png'
  assert tool.main([str(tmp_path), '--cores', '2', '--strip', str(strip), '--side', '20']) == 0
  lines = capsys.readouterr().out.splitlines()
  assert lines[2:] == [
    '| `autoencoder` | 100 | 20 | PSNR, dB | 27.5 | 27.5 | 27.5 |',
    '| `motion_codec_1` | 400 | 80 | PSNR of the warped head, dB | 17 | 18 | 20 |',
    '| `motion_codec` | 200 | 40 | PSNR of the warped head, dB | 21 | 21 | 22 |',
  ]
  pixels = np.asarray(Image.open(strip))
  assert pixels.shape[0] == 3 * (20 + 16)
  assert [pixels[60, x, 0] for x in (10, 50, 90)] == [60, 120, 240]


def test_a_folder_without_stages_is_one_line_and_an_exit_status(tool, tmp_path, capsys):
  assert tool.main([str(tmp_path)]) == 1
  assert 'no directory of a stage' in capsys.readouterr().err
