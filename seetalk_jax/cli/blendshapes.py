"""Write the 52 ARKit blendshapes and the head pose of each frame: CSV in the layout of Live Link Face, or JSON.

They are measured in a video of one person by MediaPipe's Face Landmarker.
"""

from __future__ import annotations

import argparse
import pathlib

from seetalk_jax.cli import options
from seetalk_jax.errors import InputError

HELP = 'video to blendshapes and head pose per frame, for animation tools'
EXAMPLE = 'seetalk blendshapes talk.mp4 -o talk.csv'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk blendshapes`."""
  parser.add_argument('source', metavar='VIDEO', help='video of one person')
  parser.add_argument('-o', '--output', metavar='OUT.csv|OUT.json', required=True, help='file to write')
  parser.add_argument(
    '--landmarker',
    metavar='FILE',
    help="MediaPipe's face_landmarker.task (default: $SEETALK_FACE_LANDMARKER, or downloaded once)",
  )
  options.add_output(parser)


def run(args: argparse.Namespace) -> None:
  """Measures and writes the motion."""
  from seetalk_jax import files
  from seetalk_jax.constants import FPS
  from seetalk_jax.media import face, image, landmarker_model, motion_files, pipes
  from seetalk_jax.prepare import video_motion

  suffix = pathlib.Path(args.output).suffix.lower()
  if suffix not in motion_files.SUFFIXES:
    raise InputError(f'the output is neither a .csv nor a .json name, {args.output}: end it in one of them')
  output = image.check_output(args.output, suffix, args.overwrite)
  if options.same_file(args.source, output):
    raise InputError(f'the output is the source, {output}: give another name')
  with pipes.seekable(args.source) as source, options.Bars(args.quiet) as bars:
    total = round(video_motion.check(source).stated_seconds * FPS)
    with face.open_face_reader(landmarker_model.find(args.landmarker)) as read:
      found = video_motion.measure(source, read, lambda done: bars('read', done, max(done, total)))
  text = (
    motion_files.to_csv(found.motion)
    if suffix == '.csv'
    else motion_files.to_json(found.motion, found.status, found.detected)
  )
  files.write_text(output, text)
  frames, detected = len(found.motion), int(found.detected.sum())
  content = {'output': str(output), 'frames': frames, 'fps': FPS, 'detected': detected}
  options.report(args, content, f'{output} ({frames} frames at {FPS} fps, a face found in {detected})')
