"""Make a given person speak: a portrait, or a photo whose one face is found and cropped, and speech."""

from __future__ import annotations

import argparse
import pathlib

from seetalk_jax.commands import generate, options

HELP = 'picture and speech to talking-face video'
EXAMPLE = 'seetalk animate photo.jpg speech.wav -o talk.mp4'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds what `seetalk animate` takes."""
  parser.add_argument('portrait', metavar='IMG', help='a portrait, or a photo of one person')
  parser.add_argument('speech', metavar='SPEECH', help='recording, or video with sound')
  parser.add_argument('-o', '--output', metavar='OUT.mp4', required=True, help='the video to write')
  options.add_face_finding(parser)
  options.add_model(parser)
  generate.add_video(parser)
  options.add_output(parser)


def run(args: argparse.Namespace) -> None:
  """`generate` with a portrait."""
  args.list, args.face = None, 0
  generate.make_videos(args, [(args.speech, pathlib.Path(args.output))])
