"""Make a given person speak: a portrait, or a photo whose one face is found and cropped, and speech. Or let a video
drive the portrait: its head, eyes and mouth move like those in --driving, and its sound is kept."""

from __future__ import annotations

import argparse
import pathlib

from seetalk_jax.commands import controls, generate, options, resuming
from seetalk_jax.errors import InputError

HELP = 'picture and speech, or picture and driving video, to talking-face video'
EXAMPLE = 'seetalk animate photo.jpg speech.wav -o talk.mp4 (or: photo.jpg --driving other.mp4 -o talk.mp4)'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds what `seetalk animate` takes."""
  parser.add_argument('portrait', metavar='IMG', help='a portrait, or a photo of one person')
  parser.add_argument('speech', nargs='?', metavar='SPEECH', help='recording, or video with sound')
  parser.add_argument('-o', '--output', metavar='OUT.mp4', required=True, help='the video to write')
  parser.add_argument(
    '--driving',
    metavar='VIDEO',
    help='a video of one person whose motion the portrait takes, instead of SPEECH',
  )
  kinds = parser.add_mutually_exclusive_group()
  kinds.add_argument(
    '--relative',
    action='store_true',
    help="with --driving: the portrait's own pose, moved as the video moves from its first frame on (default)",
  )
  kinds.add_argument(
    '--absolute', action='store_true', help='with --driving: pose and expression of the video as they are'
  )
  options.add_face_finding(parser)
  options.add_model(parser)
  generate.add_video(parser)
  controls.add_arguments(parser)
  options.add_output(parser)
  resuming.add_argument(parser)


def run(args: argparse.Namespace) -> None:
  """`generate` with a portrait, or reenactment."""
  args.list, args.face = None, 0
  if (args.speech is None) == (args.driving is None):
    raise InputError('SPEECH and --driving, command line: give one of them')
  if args.driving is not None:
    _reenact(args)
    return
  if args.relative or args.absolute:
    raise InputError('--relative and --absolute belong to --driving, command line: leave them out')
  generate.make_videos(args, [(args.speech, pathlib.Path(args.output))])


def _reenact(args: argparse.Namespace) -> None:
  if args.steps is not None or args.guidance is not None:
    raise InputError(
      '--steps and --guidance belong to SPEECH, command line: a driving video needs no sampling'
    )
  if controls.any_given(args):
    raise InputError('motion controls belong to SPEECH, command line: a driving video moves by itself')
  from seetalk_jax import released
  from seetalk_jax.media import driving, face

  output = pathlib.Path(args.output)
  generate.check_outputs(args, [output], [args.portrait, args.driving])
  released.read_info(args.checkpoint)
  portrait = face.aligned_portrait(args.portrait, landmarker=args.landmarker, aligned=args.aligned)
  video = driving.open_driving(args.driving, landmarker=args.landmarker, aligned=args.aligned)
  pipe = options.load_pipe(args)
  chosen = dict(relative=not args.absolute, size=args.size)
  plans = {output: pipe.reenactment_plan(portrait, video, **chosen)} if args.resume else {}
  if resuming.finished(args, plans):
    seconds = 0.0 if video.sound is None else video.sound.num_samples / video.sound.rate_hz
    result = generate.describe_finished(pipe, plans[output], output, seconds)
  else:
    with options.Bars(args) as bars, resuming.telling(output, bars):
      clip = pipe.reenact(portrait, video, **chosen, resume=output if args.resume else None, progress=bars)
      clip.save(output, resume=args.resume)
    if args.save_portrait:
      clip.save_portrait(args.save_portrait)
    result = generate.describe(clip, output)
  options.report(args, result, generate.summarise(result))
