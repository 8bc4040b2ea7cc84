"""Make a talking-face video of a text that espeak-ng speaks."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile

from seetalk_jax.cli import options, videos
from seetalk_jax.constants import SPEAKING_RATE, SPEAKING_RATES, SPOKEN_VOICE
from seetalk_jax.errors import InputError

HELP = 'text to talking-face video'
EXAMPLE = 'seetalk say "Hello, who am I?" --voice en-us+f3 -o talk.mp4'
_LONGEST_TEXT = 100_000  # characters: hours of speech


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk say`."""
  parser.add_argument('text', nargs='?', metavar='TEXT', help='what to say; - reads it from stdin')
  parser.add_argument('-o', '--output', metavar='OUT.mp4', help='the video to write')
  parser.add_argument(
    '--voice',
    default=SPOKEN_VOICE,
    metavar='LANGUAGE[+VARIANT]',
    help='voice of espeak-ng, en-us+f3 for example; f1 to f5 are women, m1 to m8 men '
    f'(default {SPOKEN_VOICE})',
  )
  parser.add_argument(
    '--rate',
    type=options.whole(*SPEAKING_RATES),
    default=SPEAKING_RATE,
    metavar='N',
    help=f'words per minute, {SPEAKING_RATES[0]} to {SPEAKING_RATES[1]} (default {SPEAKING_RATE})',
  )
  parser.add_argument(
    '--voices', action='store_true', help='print all languages and variants, and do nothing else'
  )
  parser.add_argument('--save-speech', metavar='WAV', help='also write the speech to this file')
  videos.add_portrait(parser)
  videos.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
  """Speaks the text, and makes the video of the speech."""
  from seetalk_jax import files
  from seetalk_jax.media import image
  from seetalk_jax.synthetic import espeak, text_to_speech

  if args.voices:
    found = {'languages': espeak.languages(), 'variants': text_to_speech.variants()}
    lines = '\n'.join(f'{name}: {" ".join(names)}' for name, names in found.items())
    return options.report(args, found, lines)
  if args.text is None or args.output is None:
    raise InputError('no text or no output, command line: give TEXT -o OUT.mp4')
  if args.save_speech:
    image.check_output(args.save_speech, '.wav', args.overwrite or args.resume)
  how = videos.options_from(args, face=args.face)
  speech = text_to_speech.say(_read(args.text), args.voice, args.rate)
  with tempfile.TemporaryDirectory(prefix='seetalk-say-') as folder:
    path = os.path.join(folder, 'speech.wav')
    _write_wav(path, speech)
    (result,) = videos.make_videos([videos.VideoJob(path, pathlib.Path(args.output))], how)
  if args.save_speech:
    with files.replacing(args.save_speech) as part:
      _write_wav(part, speech)
  return options.report(args, {**result, 'voice': args.voice}, videos.summarise(result))


def _read(text: str) -> str:
  """The text of the command line or of stdin."""
  if text == '-':
    try:
      text = sys.stdin.read(_LONGEST_TEXT + 1)
    except UnicodeDecodeError:
      raise InputError('the text is not UTF-8, stdin: save it as UTF-8') from None
  if len(text) > _LONGEST_TEXT:
    raise InputError(f'more than {_LONGEST_TEXT:,} characters, text: divide it')
  return text


def _write_wav(path: str | os.PathLike, speech) -> None:
  import soundfile

  from seetalk_jax.constants import SAMPLE_RATE_HZ

  soundfile.write(path, speech, SAMPLE_RATE_HZ, subtype='PCM_16', format='WAV')
