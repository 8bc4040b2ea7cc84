"""Measure a release on held-out synthetic speakers and texts, or videos by one protocol, or an experiment. Any field of
the configuration is a flag: --config.checkpoint=DIR. The table goes to stdout, progress to stderr, figures to --json.
Renderings and attribute readers do not depend on the checkpoint and are kept in --workdir."""

from __future__ import annotations

import argparse
import os

from seetalk_jax.cli import config_fields, interrupts

HELP = 'measure a release, folders of videos, or an experiment'
EXAMPLE = 'seetalk evaluate --config demo:quick --only lips,codec --config.checkpoint=DIR'
TAKES_FIELDS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk evaluate`."""
  parser.add_argument(
    '--config', default='demo', metavar='NAME:VARIANT', help=f'{config_fields.CONFIG_HELP} (default demo)'
  )
  parser.add_argument(
    '--workdir',
    default='build/evaluation',
    metavar='DIR',
    help='where renderings and readers are kept (default build/evaluation)',
  )
  parser.add_argument(
    '--only',
    default='',
    metavar='PART,PART',
    help='parts to measure (default: all), none for none. Parts: lips, life, voice, portraits, identity, codec, '
    'reenactment, flicker, theval, refinement, retrieval, speed. retrieval needs --config.conre, a run of that '
    'stage; FID in portraits needs --config.inception, a release of `seetalk convert inception`. Parts of the '
    'experiment figure3: train, measure',
  )
  parser.add_argument(
    '--json', default='', metavar='FILE', help='file for the figures (default WORKDIR/figures.json)'
  )
  parser.add_argument(
    '--sheet',
    default='',
    metavar='PNG',
    help='only draw the picture sheet of results into this file (default: no sheet)',
  )
  parser.add_argument(
    '--speech-dir',
    default='',
    metavar='DIR',
    help='also make a video of every recording in this folder (default: none)',
  )
  parser.add_argument(
    '--landmarker',
    default='',
    metavar='FILE',
    help="MediaPipe's face_landmarker.task, for the part theval, which also needs the extra data (default: "
    'SEETALK_FACE_LANDMARKER)',
  )
  parser.add_argument(
    '--video-dir',
    default='',
    metavar='DIR',
    help='folder of real talking videos to compare with in the part theval (default: none)',
  )


def run(args: argparse.Namespace) -> int:
  """Runs what the configuration and the flags ask for; returns the exit status."""
  interrupts.leave_to_command()
  config = config_fields.read(args.config, args.fields)
  from seetalk_jax.evaluation import runner
  from seetalk_jax.inference import devices, loaded_release

  devices.check_platform()
  loaded_release.use_compilation_cache(os.path.abspath(os.path.join(args.workdir, 'xla')))
  options = runner.Options(
    workdir=args.workdir,
    only=tuple(filter(None, args.only.split(','))),
    json=args.json,
    sheet=args.sheet,
    speech_dir=args.speech_dir,
    landmarker=args.landmarker,
    video_dir=args.video_dir,
  )
  return runner.run(config, options)
