"""Prepare raw recordings for training: find the speaker, crop, filter, store; resumable, bad files reported."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import shlex
import sys

from seetalk_jax.cli import options
from seetalk_jax.errors import InputError

HELP = 'raw recordings to a corpus'
EXAMPLE = 'seetalk prepare videos corpus/mine --landmarker face_landmarker.task'

_THRESHOLDS = {
  'min_seconds': (options.number(0, 1e9), 'shortest clip in seconds'),
  'min_side': (options.whole(0, 10**6), 'smallest portrait crop in the source, pixels of its side'),
  'max_outside': (
    options.number(0, 1),
    'share of the portrait crop outside of the picture, 0 to 1; edge pixels are repeated there',
  ),
  'min_seen': (options.number(0, 1), "share of a clip's frames in which the face is found, 0 to 1"),
  'min_speech': (options.number(0, 1), 'share of the time with speech, 0 to 1'),
  'min_sharpness': (options.number(0, 1e9), 'variance of the Laplacian of the 128-pixel grey crop'),
  'max_yaw': (options.number(0, 360), 'largest turn of the head away from the camera in degrees'),
  'max_offset': (
    options.whole(0, 1000),
    'largest delay between sound and mouth in frames, where it is certain (default: none, only flagged)',
  ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk prepare`."""
  parser.add_argument('raw', metavar='RAW_DIR', help='folder of raw recordings')
  parser.add_argument('out', metavar='OUT_DIR', help='folder of the corpus; run again to go on')
  parser.add_argument(
    '--layout',
    default='folder',
    help='folder (one folder per speaker), person (all of one person, split by clip), hdtf, voxceleb2 or avspeech '
    '(default folder)',
  )
  parser.add_argument(
    '--landmarker',
    metavar='FILE',
    help="MediaPipe's face_landmarker.task (default: $SEETALK_FACE_LANDMARKER, or downloaded once)",
  )
  parser.add_argument(
    '--size',
    type=options.whole(32, 2048),
    default=512,
    metavar='N',
    help='side of the stored frames in pixels (default 512)',
  )
  parser.add_argument(
    '--max-seconds',
    type=options.number(0.1, 1e9),
    default=10.0,
    metavar='N',
    help='longest clip in seconds; longer ones are cut (default 10)',
  )
  parser.add_argument(
    '--processes',
    type=options.whole(0, 4096),
    default=os.cpu_count() or 1,
    metavar='N',
    help='worker processes (default: one per core); 0 works in this process',
  )
  parser.add_argument(
    '--beam',
    metavar='OPTIONS',
    help="run as an Apache Beam pipeline (extra beam) with Beam's options, such as '--runner=FlinkRunner ...'; "
    'all workers must see RAW_DIR, OUT_DIR and the landmarker',
  )
  parser.add_argument(
    '--keep-offset',
    action='store_true',
    help='keep sound that is certainly late or early as it is; by default it is moved',
  )
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  parser.add_argument('--quiet', action='store_true', help='no progress bar')
  limits = parser.add_argument_group('filters')
  from seetalk_jax.prepare.thresholds import Thresholds

  for name, (kind, meaning) in _THRESHOLDS.items():
    default = getattr(Thresholds(), name)
    text = meaning if default is None else f'{meaning} (default {default:g})'
    limits.add_argument(f'--{name.replace("_", "-")}', type=kind, default=default, metavar='N', help=text)


def run(args: argparse.Namespace) -> None:
  """Prepares the recordings and prints the counts."""
  options.check_folder(args.out)
  from seetalk_jax.media import landmarker_model
  from seetalk_jax.prepare import notes, recording, runner
  from seetalk_jax.prepare.thresholds import Thresholds

  limits = Thresholds(**{name: getattr(args, name) for name in _THRESHOLDS})
  settings = recording.Settings(
    size=args.size, max_seconds=args.max_seconds, correct_offset=not args.keep_offset, limits=limits
  )
  common = {
    'layout': args.layout,
    'settings': settings,
    'landmarker': landmarker_model.find(args.landmarker),
  }
  if args.beam is not None:
    summary = _beam().prepare(args.raw, args.out, options=shlex.split(args.beam), **common)
  else:
    progress = not args.quiet and sys.stderr.isatty()
    summary = runner.prepare(args.raw, args.out, processes=args.processes, progress=progress, **common)
  found = notes.of_corpus(pathlib.Path(args.out))
  if args.json:
    further = {'report': found.report, 'missing_splits': found.missing_splits, 'next': found.next_command}
    print(json.dumps({'output': args.out, **dataclasses.asdict(summary), **further}))
  else:
    print(summary.line)
    for line in found.lines:
      print(f'note: {line}', file=sys.stderr)


def _beam():
  try:
    from seetalk_jax.prepare import beam
  except ImportError as e:
    raise InputError("apache-beam is not installed, --beam: pip install 'seetalk-jax[beam]'") from e
  return beam
