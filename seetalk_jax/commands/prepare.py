"""Prepare raw recordings for training: find the speaker, crop, filter, store; resumable, bad files reported."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import sys

from seetalk_jax.commands import options
from seetalk_jax.errors import InputError

HELP = 'raw recordings to a corpus'
EXAMPLE = 'seetalk prepare videos corpus/mine --landmarker face_landmarker.task'

_THRESHOLDS = {
  'min_seconds': (float, 'of a clip'),
  'min_side': (int, "pixels of the face's portrait crop in the source"),
  'min_seen': (float, "share of a clip's frames in which the face is found"),
  'min_speech': (float, 'share of the time with speech'),
  'min_sharpness': (float, 'variance of the Laplacian of the 128-pixel grey crop'),
  'max_yaw': (float, 'degrees that the head may be turned away'),
  'max_offset': (int, 'frames between sound and mouth, where that is sure; default: only flag'),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk prepare`."""
  parser.add_argument('raw', metavar='RAW_DIR', help='folder of raw recordings')
  parser.add_argument('out', metavar='OUT_DIR', help='folder of the corpus; run again to go on')
  parser.add_argument(
    '--layout', default='folder', help='folder (one folder a speaker), hdtf, voxceleb2 or avspeech'
  )
  parser.add_argument(
    '--landmarker',
    metavar='FILE',
    help="MediaPipe's face_landmarker.task; default: SEETALK_FACE_LANDMARKER, or fetched once",
  )
  parser.add_argument('--size', type=options.whole(32, 2048), default=256, help='pixels (default 256)')
  parser.add_argument('--max-seconds', type=float, default=10.0, help='cut longer clips (default 10)')
  parser.add_argument(
    '--processes',
    type=options.whole(0, 4096),
    default=os.cpu_count() or 1,
    help='workers (default: one a core); 0 works in this process',
  )
  parser.add_argument(
    '--beam',
    metavar='OPTIONS',
    help="run as an Apache Beam pipeline (extra beam) with Beam's options, such as '--runner=FlinkRunner ...'; "
    'all workers must see RAW_DIR, OUT_DIR and the landmarker',
  )
  parser.add_argument('--json', action='store_true', help='print the summary as one JSON object')
  parser.add_argument('--quiet', action='store_true', help='no progress bar')
  limits = parser.add_argument_group('filters')
  from seetalk_jax.data.prepare.thresholds import Thresholds

  for name, (kind, meaning) in _THRESHOLDS.items():
    default = getattr(Thresholds(), name)
    text = meaning if default is None else f'{meaning} (default {default:g})'
    limits.add_argument(f'--{name.replace("_", "-")}', type=kind, default=default, metavar='N', help=text)


def run(args: argparse.Namespace) -> None:
  """Prepares, and prints the counts."""
  from seetalk_jax.data.prepare import recording, run
  from seetalk_jax.data.prepare.thresholds import Thresholds
  from seetalk_jax.media import landmarker_model

  limits = Thresholds(**{name: getattr(args, name) for name in _THRESHOLDS})
  settings = recording.Settings(size=args.size, max_seconds=args.max_seconds, limits=limits)
  common = {
    'layout': args.layout,
    'settings': settings,
    'landmarker': landmarker_model.find(args.landmarker),
  }
  if args.beam is not None:
    summary = _beam().prepare(args.raw, args.out, options=shlex.split(args.beam), **common)
  else:
    progress = not args.quiet and sys.stderr.isatty()
    summary = run.prepare(args.raw, args.out, processes=args.processes, progress=progress, **common)
  if args.json:
    print(json.dumps({'output': args.out, **dataclasses.asdict(summary)}))
  else:
    print(summary.line)


def _beam():
  try:
    from seetalk_jax.data.prepare import beam
  except ImportError as e:
    raise InputError("apache-beam is not installed, --beam: pip install 'seetalk-jax[beam]'") from e
  return beam
