"""seetalk adapt: consent is required, results as JSON and in `seetalk info`, an interrupt keeps the best state."""

import contextlib
import json
import os
import signal
import threading

import numpy as np
import pytest

from seetalk_jax.adaptation import fitting
from seetalk_jax.cli import interrupts, main
from seetalk_jax.media import image
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release
from tests.helpers import plain_face

CONSENT = 'I am the person in these pictures'


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
  """A working directory with a portrait crop; fits take two steps."""
  monkeypatch.chdir(tmp_path)
  plain_face.use_none(monkeypatch)
  pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
  image.save_png('face.png', pixels)
  monkeypatch.setattr(fitting, '_share_done', lambda seconds, steps, limit, most: steps / 2)
  return tmp_path


def adapt(*argv):
  common = ['--checkpoint', tiny_release.shared(), '--device', 'cpu', '--aligned', '--rank', '1']
  return main.main(['adapt', 'face.png', '-o', 'mine', *common, *argv])


@pytest.mark.slow
def test_result(capsys):
  assert adapt('--consent', CONSENT, '--json') == 0
  printed = capsys.readouterr()
  made = json.loads(printed.out)
  assert (made['photos'], made['num_steps'], made['psnr_after'], made['consent']) == (1, 2, None, CONSENT)
  assert made['sharpness_after'] is None and made['fit_sharpness_before'] > 0 and made['measured_frames'] == 0
  assert printed.err.count('no face landmarker') == 1
  assert main.main(['info', 'mine']) == 0
  text = capsys.readouterr().out
  assert CONSENT in text and 'one person: 1 photo, 0 s of video' in text
  assert adapt('--consent', CONSENT) == 2  # the release exists
  assert 'the release exists, mine' in capsys.readouterr().err
  assert adapt('--consent', CONSENT, '--overwrite') == 0
  text = capsys.readouterr().out
  assert 'photos cannot teach' in text and 'sharpness of the face, recorded = 1: ' in text


@pytest.mark.parametrize(
  ('argv', 'line'),
  [
    ([], "no consent is stated, command line: give --consent 'WHO agreed, and how'"),
    (['--consent', ' '], 'states no consent'),
    (['--consent', CONSENT, '--held-out', '1'], 'is not between 0 and 0.9'),
  ],
)
def test_mistakes_are_one_line_before_any_work(argv, line, capsys, folder, monkeypatch):
  monkeypatch.setattr(storage, 'load_networks', lambda *args, **options: pytest.fail('no work'))
  assert adapt(*argv) == 2
  error = capsys.readouterr().err
  assert line in error and error.count('\n') == 1
  assert not (folder / 'mine').exists()


def test_an_interrupt_keeps_what_is_fitted(capsys, monkeypatch):
  step, as_request, requests = fitting._Run.step, interrupts.as_request, []

  @contextlib.contextmanager
  def observed(note):
    with as_request(note) as request:
      requests.append(request)
      yield request

  def interrupted(self, share):
    assert threading.current_thread() is not threading.main_thread()  # which handles signals meanwhile
    os.kill(os.getpid(), signal.SIGTERM)
    assert requests[0].wait(10)
    return step(self, share)

  monkeypatch.setattr(interrupts, 'as_request', observed)
  monkeypatch.setattr(fitting._Run, 'step', interrupted)
  assert adapt('--consent', CONSENT, '--json') == 0
  printed = capsys.readouterr()
  made = json.loads(printed.out)
  assert 'ends after this step' in printed.err
  assert made['stopped'] and made['num_steps'] == 1
  assert storage.read_info('mine')[1]['networks']['hr_decoder']['consent'] == CONSENT
