"""Evaluation: figures on held-out synthetic speakers and texts, with their targets.

    python evaluate.py --config configs/demo.py
    python evaluate.py --config configs/demo.py:quick --only lips,codec --config.checkpoint=DIR
    python evaluate.py --config configs/demo.py --sheet docs/pictures/results.png
    python evaluate.py --config configs/demo.py --only none --speech-dir RECORDINGS
    python evaluate.py --config configs/figure3.py --workdir runs/figure3 --config.init.face_encoder=runs/demo/conre

Parts: lips, life, voice, identity, codec, reenactment, flicker, refinement, speed; retrieval needs --config.conre, a
run of that stage. Parts of an experiment (configs/figure3.py): train, measure. Renderings and attribute readers do
not depend on the checkpoint and are kept in --workdir. The table goes to stdout, progress to stderr, figures to --json.
"""

from __future__ import annotations

import functools
import os
import sys
import time

from absl import app, flags, logging
from ml_collections import config_flags

from seetalk_jax.errors import InputError

_CONFIG = config_flags.DEFINE_config_file('config', 'configs/demo.py', 'What to measure.', lock_config=True)
_WORKDIR = flags.DEFINE_string('workdir', 'build/evaluation', 'Where renderings and readers are kept.')
_ONLY = flags.DEFINE_list('only', [], 'Parts to measure; all by default, "none" for none.')
_JSON = flags.DEFINE_string('json', '', 'File for the figures; WORKDIR/figures.json by default.')
_SHEET = flags.DEFINE_string('sheet', '', 'Only draw the picture sheet of results into this PNG file.')
_SPEECH_DIR = flags.DEFINE_string('speech-dir', '', 'Also make a video of every recording in this folder.')


def main(arguments: list[str]) -> None:
  """Measures, prints, writes."""
  if not flags.FLAGS['verbosity'].present:
    logging.set_verbosity(logging.WARNING)  # Orbax logs every thread
  if len(arguments) > 1:
    raise InputError(f'unexpected argument {arguments[1]!r}, command line: see --help')
  # Imported late, so that --help is fast.
  import jax

  from seetalk_jax.evaluation import evaluation, generated, report, sheet
  from seetalk_jax.evaluation.experiments import figure3
  from seetalk_jax.evaluation.measures import sync
  from seetalk_jax.evaluation.parts import recordings, retrieval
  from seetalk_jax.evaluation.probes import worlds
  from seetalk_jax.inference import pipeline
  from seetalk_jax.training import initial_weights

  config = _CONFIG.value
  jax.config.update('jax_compilation_cache_dir', os.path.abspath(os.path.join(_WORKDIR.value, 'xla')))
  if config.get('experiment'):
    experiment = figure3.Figure3(config, _WORKDIR.value, worlds.MeasuredEmbeddedWorld())
    print(experiment.run(_ONLY.value or figure3.PARTS))
    if experiment.interrupted:
      sys.exit(128 + experiment.interrupted)
    return
  start = time.monotonic()

  @functools.cache
  def pipe():
    return pipeline.load(config.checkpoint)

  def make_generator():
    return generated.PipelineGenerator(pipe())

  towers = None
  if config.conre:
    networks = initial_weights.load_initial_weights(
      dict.fromkeys(('speech_encoder', 'face_encoder'), config.conre)
    ).networks
    towers = retrieval.Towers(*(part for each in networks.values() for part in (each.module, each.params)))
  elif 'retrieval' in _ONLY.value:
    raise InputError('the part retrieval needs both towers: set --config.conre=WORKDIR')
  sync_judge = None
  judges = {name: config[name] for name in ('sync_expert', 'syncnet') if config.get(name)}
  if judges:
    judge = initial_weights.load_initial_weights(judges).networks[next(iter(judges))]
    sync_judge = sync.SyncJudge(judge.module, judge.params)
  world = worlds.MeasuredEmbeddedWorld()
  evaluated = evaluation.Evaluation(config, world, make_generator, _WORKDIR.value, towers, sync_judge)
  if _SHEET.value:
    sheet.write_sheet(_SHEET.value, evaluated)
    print(_SHEET.value)
    return
  parts = [part for part in _ONLY.value if part != 'none'] if _ONLY.value else evaluation.PARTS
  figures = evaluated.run(parts)
  if _SPEECH_DIR.value:
    folder = os.path.join(_WORKDIR.value, 'recordings')
    figures += recordings.recording_figures(_SPEECH_DIR.value, folder, pipe(), config.seed)
  print(report.table(figures))
  seconds = time.monotonic() - start
  path = _JSON.value or os.path.join(_WORKDIR.value, 'figures.json')
  report.write_json(path, figures, report.about(config.checkpoint, seconds, config.to_dict()))
  missed = sum(figure.reached is False for figure in figures)
  print(f'{missed} targets missed; {seconds:.0f} s; figures in {path}', file=sys.stderr)


def run() -> None:
  """Runs `main`; a user error prints one line and exits with status 2."""

  def guarded(arguments: list[str]) -> None:
    try:
      main(arguments)
    except InputError as error:
      print(f'error: {error}', file=sys.stderr)
      sys.exit(2)

  app.run(guarded)


if __name__ == '__main__':
  run()
