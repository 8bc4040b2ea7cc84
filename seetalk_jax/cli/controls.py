"""Motion-control options: pose, blinks, gaze, emotion and style, for checkpoints that were trained with them."""

from __future__ import annotations

import argparse
import pathlib
from typing import TYPE_CHECKING, Any

from seetalk_jax.cli import options
from seetalk_jax.constants import CONTROL_TRACKS, CONTROLS, EMOTIONS
from seetalk_jax.errors import InputError

if TYPE_CHECKING:
  import numpy as np

MAX_SCALE = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds --pose, --blink, --gaze, --emotion, --style and --control-scale."""
  group = parser.add_argument_group(
    'motion controls',
    "what the motion follows besides the speech, if the checkpoint was trained with it (see 'seetalk info')",
  )
  group.add_argument(
    '--pose',
    metavar='FILE',
    help='head pose: yaw, pitch and roll in radians, a row per frame (.npy, numbers in text, or a motion file of '
    "'seetalk blendshapes')",
  )
  group.add_argument(
    '--blink',
    metavar='FILE',
    help='how far the eyelids are closed, 0 to 1, a row per frame (.npy, numbers in text, or a motion file)',
  )
  group.add_argument(
    '--gaze',
    metavar='FILE',
    help="where the eyes look, relative to the head: horizontal and vertical, -1 to 1, positive to the person's left "
    'and up, a row per frame (.npy, numbers in text, or a motion file)',
  )
  group.add_argument(
    '--emotion',
    type=emotion,
    metavar='NAME[=INTENSITY]',
    help=f'emotion of the speaker, one of {", ".join(EMOTIONS)}, and how strong it is, 0 (neutral) to 1 (the default)',
  )
  group.add_argument(
    '--style', metavar='VIDEO', help='video of a person whose style of motion is imitated, not the words'
  )
  group.add_argument(
    '--control-scale',
    action='append',
    default=[],
    type=scale,
    metavar='NAME=SCALE',
    help='how strongly the motion follows one of these controls, 0 to 20 (default 1: unguided); may be given '
    'several times',
  )


def read(args: argparse.Namespace, *, several: bool = False) -> dict[str, Any]:
  """Reads the arguments `controls` and `control_scales` of a pipeline; files are read and checked.

  Args:
    args: the command line.
    several: whether there are several recordings; a track of frames is then an error.

  Raises:
    InputError: a file without a valid track, a track for several recordings, or a scale without its control.
  """
  controls: dict[str, Any] = {}
  for name in CONTROLS:
    value = getattr(args, name)
    if value is None:
      continue
    if name in CONTROL_TRACKS:
      if several:
        raise InputError(f'--{name} fits one recording, command line: give SPEECH instead of --list')
      value = _track(name, value)
    elif name == 'style' and not pathlib.Path(value).is_file():
      raise InputError(f'no such file, {value}: give --style a video')
    controls[name] = value
  scales = dict(args.control_scale)
  for name in scales:
    if name not in controls:
      raise InputError(f'--control-scale {name} without --{name}, command line: give both')
  return {'controls': controls, 'control_scales': scales}


def has_controls(args: argparse.Namespace) -> bool:
  """Whether any of the options is set."""
  return bool(args.control_scale) or any(getattr(args, name) is not None for name in CONTROLS)


def _track(name: str, path: str) -> np.ndarray:
  """Reads a track, float32 `[n, channels]`, from a .npy, text or motion file."""
  import numpy as np  # local import: --help does not need NumPy

  from seetalk_jax.media import motion_files

  if motion_files.is_motion_file(path):
    return motion_files.control_track(motion_files.read(path), name)
  channels = CONTROL_TRACKS[name]
  try:
    if pathlib.Path(path).suffix == '.npy':
      track = np.load(path, allow_pickle=False)
    else:
      text = pathlib.Path(path).read_text('utf-8').replace(',', ' ')
      track = np.array([[float(word) for word in line.split()] for line in text.splitlines() if line.strip()])
    track = np.asarray(track, np.float32)
  except FileNotFoundError:
    raise InputError(f'no such file, {path}: give --{name} a track') from None
  except (OSError, ValueError, EOFError, UnicodeDecodeError):
    raise InputError(
      f'not a table of numbers, {path}: give --{name} a .npy file, or text with {channels} in a row'
    ) from None
  track = track[:, None] if track.ndim == 1 else track
  if track.ndim != 2 or track.shape[1] != channels or not len(track):
    raise InputError(
      f'a table of shape {track.shape}, {path}: --{name} takes {channels} in a row, a row a frame'
    )
  return track


def emotion(text: str) -> tuple[str, float]:
  """Argparse type: NAME or NAME=INTENSITY."""
  name, given, intensity = text.partition('=')
  if name not in EMOTIONS:
    raise argparse.ArgumentTypeError(
      f'{text!r} is not NAME or NAME=INTENSITY with one of {", ".join(EMOTIONS)}'
    )
  return name, options.number(0, 1)(intensity) if given else 1.0


def scale(text: str) -> tuple[str, float]:
  """Argparse type: NAME=SCALE."""
  name, _, value = text.partition('=')
  if name not in CONTROLS or not value:
    raise argparse.ArgumentTypeError(f'{text!r} is not NAME=SCALE with one of {", ".join(CONTROLS)}')
  return name, options.number(0, MAX_SCALE)(value)
