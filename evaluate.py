"""Evaluation: figures on held-out synthetic speakers and texts, with their targets.

    python evaluate.py --config configs/demo.py
    python evaluate.py --config configs/demo.py:quick --only lips,codec --config.checkpoint=DIR
    python evaluate.py --config configs/demo.py --sheet docs/pictures/results.png
    python evaluate.py --config configs/demo.py --only none --speech-dir RECORDINGS
    python evaluate.py --config configs/demo.py --only theval --landmarker face_landmarker.task --video-dir REAL_VIDEOS
    python evaluate.py --config configs/figure3.py --workdir runs/figure3 --config.init.face_encoder=runs/demo/conre
    python evaluate.py --config configs/eval.py --config.pred=DIR --config.real=DIR --workdir runs/eval
    python evaluate.py --config configs/tables.py:talking-hdtf --config.real=DIR --workdir runs/talking-hdtf

Parts: lips, life, voice, portraits, identity, codec, reenactment, flicker, theval, refinement, retrieval, speed.

The part retrieval needs --config.conre, a run of that stage; FID in the part portraits needs --config.inception, a
release of `seetalk convert inception`. The part theval needs the extra `data` and MediaPipe's face_landmarker.task
(--landmarker or SEETALK_FACE_LANDMARKER). Parts of an experiment (configs/figure3.py): train, measure. Renderings and
attribute readers do not depend on the checkpoint and are kept in --workdir. The table goes to stdout, progress to
stderr, figures to --json.
"""

from __future__ import annotations

import os
import sys

from absl import app, flags, logging
from ml_collections import config_flags

from seetalk_jax.errors import InputError, explain_system_error

_CONFIG = config_flags.DEFINE_config_file('config', 'configs/demo.py', 'What to measure.', lock_config=True)
_WORKDIR = flags.DEFINE_string('workdir', 'build/evaluation', 'Where renderings and readers are kept.')
_ONLY = flags.DEFINE_list('only', [], 'Parts to measure; all by default, "none" for none.')
_JSON = flags.DEFINE_string('json', '', 'File for the figures; WORKDIR/figures.json by default.')
_SHEET = flags.DEFINE_string('sheet', '', 'Only draw the picture sheet of results into this PNG file.')
_SPEECH_DIR = flags.DEFINE_string('speech-dir', '', 'Also make a video of every recording in this folder.')

_LANDMARKER = flags.DEFINE_string('landmarker', '', "MediaPipe's face_landmarker.task, for the part theval.")
_VIDEO_DIR = flags.DEFINE_string(
  'video-dir', '', 'Folder of real talking videos to compare with in the part theval.'
)


def main(arguments: list[str]) -> int:
  """Runs what the configuration and the flags ask for; returns the exit status."""
  if not flags.FLAGS['verbosity'].present:
    logging.set_verbosity(logging.WARNING)  # Orbax logs every thread
  if len(arguments) > 1:
    raise InputError(f'unexpected argument {arguments[1]!r}, command line: see --help')
  from seetalk_jax.evaluation import runner  # imported late, so that --help is fast
  from seetalk_jax.inference import devices, loaded_release

  devices.check_platform()
  loaded_release.use_compilation_cache(os.path.abspath(os.path.join(_WORKDIR.value, 'xla')))
  options = runner.Options(
    workdir=_WORKDIR.value,
    only=tuple(_ONLY.value),
    json=_JSON.value,
    sheet=_SHEET.value,
    speech_dir=_SPEECH_DIR.value,
    landmarker=_LANDMARKER.value,
    video_dir=_VIDEO_DIR.value,
  )
  return runner.run(_CONFIG.value, options)


def run() -> None:
  """Runs `main`; an error of the user or of the machine prints one line and exits with status 2."""

  def guarded(arguments: list[str]) -> int:
    try:
      return main(arguments)
    except InputError as error:
      print(f'error: {error}', file=sys.stderr)
      return 2
    except OSError as error:
      if (line := explain_system_error(error)) is None:
        raise
      print(f'error: {line}', file=sys.stderr)
      return 2

  app.run(guarded)


if __name__ == '__main__':
  run()
