"""Make a talking-face video of speech: a speaker is imagined from the voice, or given by --portrait."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence

from seetalk_jax.commands import batch, controls, options, resuming
from seetalk_jax.constants import FPS
from seetalk_jax.errors import InputError

HELP = 'speech to talking-face video'
EXAMPLE = 'seetalk generate speech.wav -o talk.mp4 --seed 1'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds what `seetalk generate` takes."""
  parser.add_argument('speech', nargs='?', metavar='SPEECH', help='recording, or video with sound')
  parser.add_argument('-o', '--output', metavar='OUT.mp4', help='the video to write')
  parser.add_argument(
    '--list', metavar='FILE', help='a text file with one speech file per line, instead of SPEECH'
  )
  parser.add_argument(
    '--out-dir', metavar='DIR', help='where the videos of --list go, named after the speech files'
  )
  parser.add_argument(
    '--portrait', metavar='IMG', help='who speaks; without it a face is made to fit the voice'
  )
  parser.add_argument(
    '--face',
    type=options.whole(0, 9999),
    default=0,
    metavar='N',
    help='which of the sampled faces (default 0)',
  )
  options.add_face_finding(parser)
  options.add_model(parser)
  add_video(parser)
  controls.add_arguments(parser)
  options.add_output(parser)
  resuming.add_argument(parser)
  batch.add_arguments(parser)


def add_video(parser: argparse.ArgumentParser) -> None:
  """Adds --size and --save-portrait."""
  parser.add_argument(
    '--size', type=options.video_side, default=None, metavar='N', help='side of the video in pixels'
  )
  parser.add_argument('--save-portrait', metavar='PNG', help='also write the portrait')


def run(args: argparse.Namespace) -> None:
  """Checks everything that can be checked without a network, then makes the videos."""
  jobs = batch.own(_jobs_of(args), args.part)
  if not jobs:
    return options.report(args, {'videos': []}, f'--part {args.part[0]}/{args.part[1]} of the list is empty')
  make_videos(args, jobs)


def make_videos(args: argparse.Namespace, jobs: list[tuple[str, pathlib.Path]]) -> None:
  """One video per (speech file, output path); `args` as of `generate`."""
  from seetalk_jax import released
  from seetalk_jax.media import audio, face

  asked = controls.read(args)
  check_outputs(
    args, [output for _, output in jobs], [speech for speech, _ in jobs] + [args.portrait, args.style]
  )
  for path, _ in jobs:  # all of them before the first video; decoded again below, so that none is kept
    audio.load_speech(path)
  released.read_info(args.checkpoint)
  portrait = None
  if args.portrait:
    portrait = face.aligned_portrait(args.portrait, landmarker=args.landmarker, aligned=args.aligned)
  first = options.load_pipe(args)
  if args.list:
    pathlib.Path(args.out_dir).mkdir(parents=True, exist_ok=True)

  chosen = dict(
    seed=args.seed,
    portrait=portrait,
    face=args.face,
    steps=args.steps,
    guidance_scale=args.guidance,
    size=args.size,
    **asked,
  )
  plans = {output: first.plan(path, **chosen) for path, output in jobs if args.resume}
  finished = resuming.finished(args, plans)
  pipes = batch.pipes_for(args, first, len(jobs) - len(finished))

  def make(pipe, job, progress):
    path, output = job
    if output in finished:
      return describe_finished(pipe, plans[output], output, audio.load_speech(path).seconds)
    with resuming.telling(output, bars):
      resume = output if args.resume else None
      clip = pipe(audio.load_speech(path), **chosen, resume=resume, progress=progress)
      clip.save(output, resume=args.resume)
    if args.save_portrait:
      clip.save_portrait(args.save_portrait)
    return describe(clip, output)

  with options.Bars(args) as bars:
    results = batch.run(jobs, pipes, make, bars)
  summary = '\n'.join(summarise(result) for result in results)
  options.report(args, {'videos': results} if args.list else results[0], summary)


def check_outputs(args: argparse.Namespace, outputs: Sequence[pathlib.Path], inputs: Sequence) -> None:
  """Refuses videos and --save-portrait that cannot be written, or would be written over an input (None: no such).

  Raises:
    InputError: see `media.image.check_output`.
  """
  from seetalk_jax import job
  from seetalk_jax.media import image

  named = [(output, '.mp4') for output in outputs]
  if args.save_portrait:
    named.append((args.save_portrait, '.png'))
  for output, suffix in named:
    if any(given is not None and options.same_file(output, given) for given in inputs):
      raise InputError(f'the output is one of the inputs, {output}: give another name')
    if args.list and not pathlib.Path(args.out_dir).exists():
      continue  # made later, once all inputs have been found good
    image.check_output(output, suffix, args.overwrite or args.resume)
  for output in outputs:
    job.check_free(output)


def _jobs_of(args: argparse.Namespace) -> list[tuple[str, pathlib.Path]]:
  if args.list is None:
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
    return [(args.speech, pathlib.Path(args.output))]
  if args.speech is not None or args.output is not None or args.save_portrait is not None:
    raise InputError(
      '--list goes without SPEECH, -o and --save-portrait, command line: give --out-dir DIR alone'
    )
  if args.out_dir is None:
    raise InputError('--list without --out-dir, command line: say where the videos go')
  try:
    lines = pathlib.Path(args.list).read_text('utf-8').splitlines()
  except (OSError, UnicodeDecodeError):
    raise InputError(f'cannot read the list, {args.list}: give a text file with one path per line') from None
  if pathlib.Path(args.out_dir).exists() and not pathlib.Path(args.out_dir).is_dir():
    raise InputError(f'--out-dir is a file, {args.out_dir}: give a folder')
  paths = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith('#')]
  if not paths:
    raise InputError(f'the list is empty, {args.list}: give one speech file per line')
  jobs = [(path, pathlib.Path(args.out_dir) / f'{pathlib.Path(path).stem}.mp4') for path in paths]
  taken = {}
  for path, output in jobs:
    if output in taken:
      raise InputError(f'{path} and {taken[output]} would both become {output}, {args.list}: rename one')
    taken[output] = path
  return jobs


def describe(clip, output: pathlib.Path) -> dict:
  """What --json says of a video that was made."""
  return {
    'output': str(output),
    'frames': clip.num_frames,
    'fps': clip.fps,
    'width': clip.size[1],
    'height': clip.size[0],
    'audio_seconds': round(clip.audio_seconds, 4),
    'stage_seconds': {stage: round(seconds, 4) for stage, seconds in clip.stage_seconds.items()},
    **clip.record,
  }


def describe_finished(pipe, plan, output: pathlib.Path, audio_seconds: float) -> dict:
  """What --json says of a video that an earlier run has finished."""
  return {
    'output': str(output),
    'frames': plan['num_frames'],
    'fps': FPS,
    'width': plan['size'],
    'height': plan['size'],
    'audio_seconds': round(audio_seconds, 4),
    'stage_seconds': {},
    **pipe.describe(plan),
  }


def summarise(result: dict) -> str:
  """One line for people on what `describe` says."""
  spent = sum(result['stage_seconds'].values())
  made = f'made in {spent:.1f} s' if result['stage_seconds'] else 'finished before'
  return (
    f'{result["output"]}: {result["frames"]} frames of {result["width"]} x {result["height"]} for '
    f'{result["audio_seconds"]:.2f} s of sound, {made} '
    f'(checkpoint {result["checkpoint"]}, seed {result["seed"]}, {result["device"]})'
  )
