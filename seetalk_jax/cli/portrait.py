"""Make portraits of a speaker who fits the voice; face N is the one that `generate --face N` animates."""

from __future__ import annotations

import argparse
import pathlib

from seetalk_jax.cli import options

HELP = 'speech to portraits'
EXAMPLE = 'seetalk portrait speech.wav -o face.png --num 4'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk portrait`."""
  parser.add_argument('speech', metavar='SPEECH', help='recording, or video with sound')
  parser.add_argument(
    '-o', '--output', metavar='OUT.png', required=True, help='with --num N: OUT_0.png, OUT_1.png ...'
  )
  parser.add_argument(
    '--num', type=options.whole(1, 10_000), default=1, metavar='N', help='how many faces (default 1)'
  )
  options.add_model(parser)
  options.add_marking(parser)
  options.add_output(parser)


def run(args: argparse.Namespace) -> None:
  """Samples and writes the portraits."""
  from seetalk_jax.inference import clip
  from seetalk_jax.media import audio, image
  from seetalk_jax.releases import storage

  output = pathlib.Path(args.output)
  paths = [output.with_stem(f'{output.stem}_{i}') for i in range(args.num)] if args.num > 1 else [output]
  for path in paths:
    image.check_output(path, '.png', args.overwrite)
  signer = options.signer_from(args)
  speech = audio.load_speech(args.speech)
  storage.read_info(args.checkpoint)
  pipe = options.load_pipeline(args.checkpoint, args.device)
  stage_seconds: dict[str, float] = {}
  with options.Bars(args.quiet) as bars:
    portraits = pipe.portrait(
      speech,
      num=args.num,
      seed=args.seed,
      steps=args.steps,
      guidance_scale=args.guidance,
      progress=bars,
      stage_seconds=stage_seconds,
    )
  record = pipe.record(seed=args.seed)
  for i, (path, portrait) in enumerate(zip(paths, portraits, strict=True)):
    clip.save_portrait(path, portrait, {**record, 'face': i}, watermark=not args.no_watermark, signer=signer)
  content = {
    'outputs': [str(path) for path in paths],
    'width': portraits.shape[2],
    'height': portraits.shape[1],
    'audio_seconds': round(speech.seconds, 4),
    'stage_seconds': {stage: round(seconds, 4) for stage, seconds in stage_seconds.items()},
    **record,
  }
  names = ', '.join(map(str, paths[:3])) + (' ...' if len(paths) > 3 else '')
  options.report(
    args, content, f'{names} (checkpoint {record["checkpoint"]}, seed {args.seed}, {record["device"]})'
  )
