"""Make a talking-face video of speech; the speaker's portrait is sampled to fit the voice, or given by --portrait."""

from __future__ import annotations

import argparse
import pathlib

from seetalk_jax.cli import batch, options, videos
from seetalk_jax.errors import InputError

HELP = 'speech to talking-face video'
EXAMPLE = 'seetalk generate speech.wav -o talk.mp4 --seed 1'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk generate`."""
  parser.add_argument('speech', nargs='?', metavar='SPEECH', help='recording, or video with sound')
  parser.add_argument('-o', '--output', metavar='OUT.mp4', help='the video to write')
  parser.add_argument(
    '--list', metavar='FILE', help='a text file with one speech file per line, instead of SPEECH'
  )
  parser.add_argument(
    '--out-dir', metavar='DIR', help='folder of the videos of --list, named after the speech files'
  )
  parser.add_argument(
    '--portrait', metavar='IMG', help='picture of the speaker (default: a portrait sampled to fit the voice)'
  )
  parser.add_argument(
    '--face',
    type=options.whole(0, 9999),
    default=0,
    metavar='N',
    help='number of the sampled portrait (default 0)',
  )
  videos.add_arguments(parser)
  batch.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
  """Checks everything that can be checked without networks, then makes the videos."""
  several = args.list is not None
  jobs = batch.own(_listed(args) if several else [_single(args)], args.part)
  if not jobs:
    return options.report(args, {'videos': []}, f'--part {args.part[0]}/{args.part[1]} of the list is empty')
  how = videos.options_from(args, several=several, face=args.face, out_dir=args.out_dir, devices=args.devices)
  results = videos.make_videos(jobs, how)
  summary = '\n'.join(videos.summarise(result) for result in results)
  return options.report(args, {'videos': results} if several else results[0], summary)


def _single(args: argparse.Namespace) -> videos.VideoJob:
  if args.out_dir is not None:
    raise InputError('--out-dir belongs to --list, command line: give -o OUT.mp4 for one speech file')
  if args.part != (0, 1) or args.devices:
    raise InputError(
      '--part and --devices belong to --list, command line: leave them out for one speech file'
    )
  if args.speech is None or args.output is None:
    raise InputError(
      'no speech or no output, command line: give SPEECH -o OUT.mp4, or --list FILE --out-dir DIR'
    )
  return videos.VideoJob(args.speech, pathlib.Path(args.output))


def _listed(args: argparse.Namespace) -> list[videos.VideoJob]:
  if args.speech is not None or args.output is not None or args.save_portrait is not None:
    raise InputError(
      '--list goes without SPEECH, -o and --save-portrait, command line: give --out-dir DIR alone'
    )
  from seetalk_jax.media import pipes

  if args.out_dir is None:
    raise InputError('--list without --out-dir, command line: give the folder of the videos')
  try:
    lines = pathlib.Path(args.list).read_text('utf-8').splitlines()
  except (OSError, UnicodeDecodeError):
    raise InputError(f'cannot read the list, {args.list}: give a text file with one path per line') from None
  options.check_folder(args.out_dir)
  paths = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith('#')]
  if not paths:
    raise InputError(f'the list is empty, {args.list}: give one speech file per line')
  jobs: dict[pathlib.Path, videos.VideoJob] = {}
  for path in paths:
    if pipes.is_pipe(path):
      raise InputError(f'a pipe in the list, {path}: give files, or SPEECH -o OUT.mp4 for one pipe')
    job = videos.VideoJob(path, pathlib.Path(args.out_dir) / f'{pathlib.Path(path).stem}.mp4')
    if job.output in jobs:
      raise InputError(
        f'{path} and {jobs[job.output].source} would both become {job.output}, {args.list}: rename one'
      )
    jobs[job.output] = job
  return list(jobs.values())
