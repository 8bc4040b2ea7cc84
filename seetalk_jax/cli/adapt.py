"""Adapt a release to one person, from photos or a minute of video: a new release that draws this person better.

Ctrl-C ends the fit early and writes the best state so far. The person must have agreed: --consent says who did, and
how; the text is stored in the release.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from seetalk_jax.cli import interrupts, options
from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import InputError

if TYPE_CHECKING:
  from seetalk_jax.adaptation.adapt import Adapted

HELP = 'photos or a minute of video of one person to a release of their own'
EXAMPLE = "seetalk adapt me.mp4 -o released/me --consent 'I am the person in this video, 3 May 2026'"

_STOPPING = (
  'ends after this step and writes the best state; a second Ctrl-C leaves at once, without a release'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk adapt`."""
  parser.add_argument(
    'sources', nargs='+', metavar='PHOTO|VIDEO', help='photos and videos of one person, alone in the picture'
  )
  parser.add_argument(
    '-o', '--output', metavar='RELEASE', required=True, help='folder of the release to make'
  )
  parser.add_argument(
    '--consent',
    metavar='TEXT',
    help='who agreed to the adaptation, and how (required); stored in the release and shown by `seetalk info`',
  )
  parser.add_argument(
    '--minutes',
    type=options.number(0.05, 1440),
    default=10.0,
    metavar='N',
    help='time limit of the fit, compilation included (default 10)',
  )
  parser.add_argument(
    '--held-out',
    type=options.number(0, 0.9),
    default=0.2,
    metavar='SHARE',
    help='share of every video, at its end, that judges the result and is not fitted to (default 0.2)',
  )
  parser.add_argument(
    '--rank', type=options.whole(1, 256), default=16, metavar='N', help='rank of the factors (default 16)'
  )
  parser.add_argument(
    '--licence',
    metavar='TEXT',
    help='licence of the changed networks, besides that of the checkpoint (default: unknown)',
  )
  parser.add_argument(
    '--checkpoint', default='demo', metavar='DIR', help='folder of the release to start from (default demo)'
  )
  parser.add_argument(
    '--seed',
    type=options.whole(0, options.MAX_SEED),
    default=0,
    metavar='N',
    help='seed of the factors and of the order of frames (default 0)',
  )
  parser.add_argument(
    '--device',
    choices=('cpu', 'gpu', 'tpu'),
    default=None,
    help='device to compute on (default: the best there is)',
  )
  options.add_face_finding(parser)
  options.add_output(parser)


def run(args: argparse.Namespace) -> None:
  """Reads the recordings, fits, judges and writes the release."""
  import pathlib

  from seetalk_jax.adaptation import adapt, fitting, recordings
  from seetalk_jax.releases import storage

  if args.consent is None:
    raise InputError(
      "no consent is stated, command line: give --consent 'WHO agreed, and how', which is stored in the release"
    )
  consent, target = adapt.checked_consent(args.consent), pathlib.Path(args.output)
  options.check_replaced_folder(target)
  if (target / RELEASE_FILE).exists() and not args.overwrite:
    raise InputError(f'the release exists, {target}: give another folder, or --overwrite')
  if target.exists() and storage.resolve(args.checkpoint).resolve() == target.resolve():
    raise InputError(f'the output is the checkpoint, {target}: give another folder')
  release = options.load_pipeline(args.checkpoint, args.device).release
  release.need('motion_codec')
  note = None if args.quiet else lambda line: print(line, file=sys.stderr)
  people = [
    recordings.read(path, release.side, landmarker=args.landmarker, aligned=args.aligned, note=note)
    for path in args.sources
  ]
  how = fitting.FitOptions(minutes=args.minutes, rank=args.rank, seed=args.seed)
  with options.Bars(args.quiet) as bars, interrupts.as_request(_STOPPING) as stop:
    made = interrupts.in_thread(
      lambda: adapt.adapt(
        release,
        people,
        target,
        consent=consent,
        licence=args.licence,
        held_out=args.held_out,
        landmarker=args.landmarker,
        options=how,
        note=note or (lambda line: None),
        progress=bars,
        stop=stop,
      )
    )
  options.report(args, _content(made, consent, release.record(args.seed)), _summary(made))


def _content(made: Adapted, consent: str, record: dict[str, Any]) -> dict[str, Any]:
  """The --json object."""
  import dataclasses

  facts = {key: value for key, value in dataclasses.asdict(made).items() if key != 'directory'}
  facts['networks'] = list(made.networks)
  return {'output': made.directory, 'consent': consent, **facts, **record}


def _summary(made: Adapted) -> str:
  """Lines of text about the result, with what the recordings could not teach."""
  ended = ', interrupted' if made.stopped else ''
  lines = [
    f'{made.directory}: {", ".join(made.networks)} adapted in {made.num_steps} steps, {made.seconds:.0f} s{ended}'
  ]
  if made.psnr_before is not None and made.psnr_after is not None:
    frames = f'{made.held_out_frames} held-out frames'
    lines.append(f'PSNR on {frames}: {made.psnr_before:.2f} dB before, {made.psnr_after:.2f} dB after')
    sharpness = (made.sharpness_before, made.sharpness_after)
  else:
    fit = f'{made.fit_psnr_before:.2f} dB before, {made.fit_psnr_after:.2f} dB after'
    lines.append(f'no held-out frames; PSNR of the fitted pictures: {fit}')
    sharpness = (made.fit_sharpness_before, made.fit_sharpness_after)
  lines.append('sharpness of the face, recorded = 1: {:.2f} before, {:.2f} after'.format(*sharpness))
  if not made.video_seconds:
    lines.append('photos cannot teach how this person moves, nor their teeth, closed eyes and profile')
  return '\n'.join(lines)
