"""Write the 52 ARKit blendshapes and the head pose of each frame: CSV in the layout of Live Link Face, or JSON.

Those of a speech recording are sampled by the networks of a checkpoint. Those of a video of one person are measured by
MediaPipe's Face Landmarker.
"""

from __future__ import annotations

import argparse
import pathlib
from typing import Any

from seetalk_jax.cli import controls, options
from seetalk_jax.constants import FPS
from seetalk_jax.errors import InputError

HELP = 'speech, or video of a face, to blendshapes and head pose per frame, for animation tools'
EXAMPLE = 'seetalk blendshapes speech.wav -o talk.csv (or: talk.mp4 -o talk.csv)'

_OF_SAMPLING = ('checkpoint', 'seed', 'steps', 'guidance', 'device')


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk blendshapes`."""
  parser.add_argument(
    'source', metavar='SOURCE', help='recording of speech, or video of one person, whose face is measured'
  )
  parser.add_argument('-o', '--output', metavar='OUT.csv|OUT.json', required=True, help='file to write')
  parser.add_argument(
    '--landmarker',
    metavar='FILE',
    help="for a video: MediaPipe's face_landmarker.task (default: $SEETALK_FACE_LANDMARKER, or downloaded once)",
  )
  options.add_model(parser.add_argument_group('speech', 'how the motion of a recording is sampled'))
  controls.add_arguments(parser)
  options.add_output(parser)
  # None: not given. A video accepts none of these options.
  parser.set_defaults(checkpoint=None, seed=None)


def run(args: argparse.Namespace) -> None:
  """Samples or measures the motion, and writes it."""
  from seetalk_jax.media import image, motion_files, pipes, timeline

  output = image.check_output(args.output, motion_files.check_name(args.output), args.overwrite)
  for path in (args.source, args.pose, args.blink, args.style):
    if path is not None and options.same_file(path, output):
      raise InputError(f'the output is one of the inputs, {output}: give another name')
  with pipes.seekable(args.source) as source, options.Bars(args.quiet) as bars:
    try:
      recording = timeline.probe(source)
    except timeline.RecordingError:
      recording = None  # reading it as speech says what is wrong with it
    if recording is not None and recording.has_picture:
      content, line = _measure(args, output, recording, bars)
    else:
      content, line = _sample(args, output, source, bars)
  options.report(args, {'output': str(output), **content}, f'{output} ({line})')


def _sample(
  args: argparse.Namespace, output: pathlib.Path, source: pathlib.Path, bars: options.Bars
) -> tuple[dict[str, Any], str]:
  """Samples the motion of a speech recording; returns the entries of --json and a summary."""
  if args.landmarker is not None:
    raise InputError(f'--landmarker belongs to a video, command line: {args.source} has no picture')
  steering = controls.read(args)
  from seetalk_jax.media import audio
  from seetalk_jax.releases import storage

  speech = audio.load_speech(source)
  checkpoint = options.DEFAULT_CHECKPOINT if args.checkpoint is None else args.checkpoint
  storage.read_info(checkpoint)
  options.choose_platform(args.device)
  from seetalk_jax.inference import speech_to_blendshapes

  sampler = speech_to_blendshapes.SpeechToBlendshapes.load(checkpoint, device=args.device, cache=True)
  stage_seconds: dict[str, float] = {}
  found = sampler(
    speech,
    seed=options.DEFAULT_SEED if args.seed is None else args.seed,
    steps=args.steps,
    guidance_scale=args.guidance,
    progress=bars,
    stage_seconds=stage_seconds,
    **steering,
  )
  found.save(output)
  content = {
    'frames': len(found),
    'fps': FPS,
    'audio_seconds': round(speech.seconds, 4),
    'stage_seconds': {stage: round(seconds, 4) for stage, seconds in stage_seconds.items()},
    **found.record,
  }
  record = found.record
  return content, (
    f'{len(found)} frames at {FPS} fps, sampled from {speech.seconds:.2f} s of speech; '
    f'checkpoint {record["checkpoint"]}, seed {record["seed"]}, {record["device"]}'
  )


def _measure(
  args: argparse.Namespace, output: pathlib.Path, recording: Any, bars: options.Bars
) -> tuple[dict[str, Any], str]:
  """Measures the motion of a video, a `timeline.Recording`; returns the entries of --json and a summary."""
  given = [f'--{name}' for name in _OF_SAMPLING if getattr(args, name) is not None]
  given += ['motion controls'] if controls.has_controls(args) else []
  if given:
    raise InputError(
      f'{" and ".join(given)} for a video, command line: the face in {args.source} is measured; leave them out, or '
      'give a recording of speech'
    )
  from seetalk_jax.media import face, landmarker_model, motion_files
  from seetalk_jax.prepare import video_motion

  total = round(recording.stated_seconds * FPS)
  with face.open_face_reader(landmarker_model.find(args.landmarker)) as read:
    found = video_motion.measure(recording.path, read, lambda done: bars('read', done, max(done, total)))
  motion_files.write(output, found.motion, found.status, found.detected)
  frames, detected = len(found.motion), int(found.detected.sum())
  content = {'frames': frames, 'fps': FPS, 'detected': detected}
  return content, f'{frames} frames at {FPS} fps, a face found in {detected}'
