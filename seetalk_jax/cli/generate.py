"""Make a talking-face video of speech; the speaker's portrait is sampled to fit the voice, or given by --portrait."""

from __future__ import annotations

import argparse
import io
import os
import pathlib
import sys

from seetalk_jax.cli import batch, options, videos
from seetalk_jax.errors import InputError

HELP = 'speech to talking-face video'
EXAMPLE = 'seetalk generate speech.wav -o talk.mp4 --seed 1'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk generate`."""
  parser.add_argument('speech', nargs='?', metavar='SPEECH', help='recording, or video with sound')
  parser.add_argument('-o', '--output', metavar='OUT.mp4', help='the video to write')
  parser.add_argument(
    '--list',
    metavar='FILE',
    help='a text file (UTF-8) with one speech file per line, instead of SPEECH; lines that begin with # are comments',
  )
  parser.add_argument(
    '--out-dir', metavar='DIR', help='folder of the videos of --list, named after the speech files'
  )
  videos.add_portrait(parser)
  videos.add_arguments(parser)
  batch.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
  """Checks everything that can be checked without networks, then makes the videos."""
  several = args.list is not None
  jobs, comments = _listed(args) if several else ([_single(args)], [])
  jobs = batch.jobs_of_part(jobs, args.part)
  if not jobs:
    return options.report(args, {'videos': []}, f'--part {args.part[0]}/{args.part[1]} of the list is empty')
  how = videos.options_from(args, several=several, face=args.face, out_dir=args.out_dir, devices=args.devices)
  results = videos.make_videos(jobs, how)
  if not args.quiet:
    _note_files_in_comments(comments, args.list)
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


def _listed(args: argparse.Namespace) -> tuple[list[videos.VideoJob], list[str]]:
  """The videos of a list, and its comments."""
  if args.speech is not None or args.output is not None or args.save_portrait is not None:
    raise InputError(
      '--list goes without SPEECH, -o and --save-portrait, command line: give --out-dir DIR alone'
    )
  from seetalk_jax.media import pipes

  if args.out_dir is None:
    raise InputError('--list without --out-dir, command line: give the folder of the videos')
  paths, comments = read_list(args.list)
  options.check_folder(args.out_dir)
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
  return list(jobs.values()), comments


def read_list(path: str) -> tuple[list[str], list[str]]:
  """Reads a list of files: UTF-8 text with one path per line, with or without a byte order mark.

  Returns:
    (paths, comments): the lines without surrounding spaces; comments begin with #. Empty lines are left out.

  Raises:
    InputError: the list cannot be read, or is not UTF-8 text.
  """
  try:
    data = pathlib.Path(path).read_bytes()
  except OSError as error:
    raise InputError(
      f'cannot read the list ({error.strerror}), {path}: give a text file with one path per line'
    ) from None
  try:
    text = data.decode('utf-8-sig')
  except UnicodeDecodeError as error:
    line = data.count(b'\n', 0, error.start) + 1
    raise InputError(f'the list is not UTF-8 text (line {line}), {path}: save it as UTF-8') from None
  if '\0' in text:  # UTF-16 without a byte order mark, or not text
    raise InputError(f'the list is not UTF-8 text (zero bytes), {path}: save it as UTF-8')
  lines = [line.strip() for line in io.StringIO(text, newline=None)]
  paths = [line for line in lines if line and not line.startswith('#')]
  return paths, [line for line in lines if line.startswith('#')]


def _note_files_in_comments(comments: list[str], path: str) -> None:
  """Prints a note about comments that are names of files: the user may mean these files."""
  files = [line for line in comments if os.path.exists(line)]
  if files:
    print(
      f'{path}: lines left out as comments that name files: {len(files)} ({files[0]}); '
      f'write ./{files[0]} to include the file',
      file=sys.stderr,
    )
