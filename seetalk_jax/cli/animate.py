"""Make a given person speak: a portrait, or a photo whose one face is found and cropped, and speech. Or let a video
drive the portrait: its head, eyes and mouth move like those in --driving, and its sound is kept."""

from __future__ import annotations

import argparse
import pathlib

from seetalk_jax.cli import controls, options, videos
from seetalk_jax.errors import InputError

HELP = 'picture and speech, or picture and driving video, to talking-face video'
EXAMPLE = 'seetalk animate photo.jpg speech.wav -o talk.mp4 (or: photo.jpg --driving other.mp4 -o talk.mp4)'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk animate`."""
  parser.add_argument(
    'portrait', metavar='IMG', help='a portrait, or a photo of one person; with --full-frame also a video'
  )
  parser.add_argument('speech', nargs='?', metavar='SPEECH', help='recording, or video with sound')
  parser.add_argument('-o', '--output', metavar='OUT.mp4', required=True, help='the video to write')
  parser.add_argument(
    '--driving',
    metavar='VIDEO',
    help="a video of one person whose motion the portrait takes, instead of SPEECH; or a motion file of 'seetalk "
    "blendshapes'",
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
  parser.add_argument(
    '--full-frame',
    action='store_true',
    help='put the moving head back into the whole photo, or into every frame of a video IMG, whose person then speaks '
    'SPEECH; --size is then the longer side of the video (default: that of the picture, at most 1920)',
  )
  videos.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
  """Speech to a video of the portrait, or reenactment."""
  if (args.speech is None) == (args.driving is None):
    raise InputError('SPEECH and --driving, command line: give one of them')
  if args.full_frame and args.aligned:
    raise InputError(
      '--full-frame with --aligned, command line: leave out one, a portrait crop has no picture around it'
    )
  if args.driving is None:
    if args.relative or args.absolute:
      raise InputError('--relative and --absolute belong to --driving, command line: leave them out')
    job = videos.VideoJob(args.speech, pathlib.Path(args.output))
    (result,) = videos.make_videos([job], videos.options_from(args, full_frame=args.full_frame))
  else:
    if args.steps is not None or args.guidance is not None:
      raise InputError(
        '--steps and --guidance belong to SPEECH, command line: a driving video needs no sampling'
      )
    if controls.has_controls(args):
      raise InputError('motion controls belong to SPEECH, command line: a driving video moves by itself')
    job = videos.VideoJob(args.driving, pathlib.Path(args.output))
    result = videos.make_reenactment(
      job, videos.options_from(args, full_frame=args.full_frame), relative=not args.absolute
    )
  options.report(args, result, videos.summarise(result))
