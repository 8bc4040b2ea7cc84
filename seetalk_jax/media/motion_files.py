"""Motion files: motion vectors as CSV in the layout of Live Link Face, or as JSON.

Live Link Face is Epic's app that records blendshapes; Unreal Engine and add-ons for Blender import its CSV files. A
row holds a timecode, the 52 blendshapes, and the rotations of head and eyes in radians. It has no shift of the head;
JSON files have all fields.
"""

from __future__ import annotations

import csv
import io
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax import blendshapes, files
from seetalk_jax.constants import BLINK, COEFFICIENTS, FPS, MOTION_DIM, MOTION_FIELDS, POSE, MotionStatus
from seetalk_jax.errors import InputError

SUFFIXES = ('.csv', '.json')
_ROTATIONS = tuple(
  f'{part}{angle}' for part in ('Head', 'LeftEye', 'RightEye') for angle in ('Yaw', 'Pitch', 'Roll')
)
_TIME, _COUNT = 'Timecode', 'BlendShapeCount'
# Frame rates of timecodes; the app counts 60 or 30 frames a second.
_TIMECODE_RATES = (25, 30, 50, 60)
_DAY_SECONDS = 24 * 3600
# Names of the 52 blendshapes begin with a capital letter in CSV files.
_COLUMNS = (*(name[0].upper() + name[1:] for name in blendshapes.NAMES), *_ROTATIONS)
CSV_HEADER = (_TIME, _COUNT, *_COLUMNS)


def control_track(motion: np.ndarray, name: str) -> np.ndarray:
  """The track of a motion control in motion vectors `[n, 58]`.

  Args:
    motion: motion vectors.
    name: 'pose' (yaw, pitch and roll, radians), 'blink' (0 to 1, mean of both eyes) or 'gaze' (horizontal and
      vertical).

  Returns:
    float32 `[n, channels]`, channels as in `constants.CONTROL_TRACKS`.
  """
  match name:
    case 'pose':
      return motion[:, POSE]
    case 'blink':
      return motion[:, BLINK].mean(axis=1, keepdims=True)
    case 'gaze':
      return np.stack(blendshapes.gaze(motion), axis=1)
  raise ValueError(f'no track {name!r}: use pose, blink or gaze')


def to_csv(motion: np.ndarray) -> str:
  """Text of a CSV file of motion `[n, 58]` at 25 fps, in the layout of Live Link Face; shifts are left out.

  The rotations of the eyes follow from the eyeLook coefficients. All rotations are in radians, with the signs
  of `constants.MOTION_FIELDS`.
  """
  eyes = [_eye_rotation(motion, side) for side in ('Left', 'Right')]
  table = np.concatenate([motion[:, COEFFICIENTS], motion[:, POSE], *eyes], axis=1)
  text = io.StringIO()
  writer = csv.writer(text, lineterminator='\n')
  writer.writerow(CSV_HEADER)
  for index, row in enumerate(table):
    writer.writerow([_timecode(index), len(_COLUMNS), *(f'{value:.6f}' for value in row)])
  return text.getvalue()


def to_json(motion: np.ndarray, status: np.ndarray, detected: np.ndarray | None = None) -> str:
  """Text of a JSON file of motion.

  Args:
    motion: `[n, 58]` at 25 fps.
    status: `[58]`, `constants.MotionStatus` of each field.
    detected: bool `[n]`, False for frames whose motion is not measured; None for motion that is not of a video: the
      file has no such entry.
  """
  content = {
    'fps': FPS,
    'fields': list(MOTION_FIELDS),
    'status': [MotionStatus(value).name.lower() for value in status.tolist()],
    **({} if detected is None else {'detected': detected.tolist()}),
    'frames': [[round(value, 6) for value in row] for row in motion.tolist()],
  }
  return json.dumps(content)


def check_name(path: str | os.PathLike) -> str:
  """The suffix of a motion file to write, .csv or .json.

  Raises:
    InputError: another suffix.
  """
  suffix = pathlib.Path(path).suffix.lower()
  if suffix not in SUFFIXES:
    raise InputError(f'the output is neither a .csv nor a .json name, {path}: end it in one of them')
  return suffix


def write(
  path: str | os.PathLike, motion: np.ndarray, status: np.ndarray, detected: np.ndarray | None = None
) -> None:
  """Writes a motion file, CSV or JSON by its name; CSV files hold no shifts, no `status` and no `detected`.

  Args:
    path: a name that ends in .csv or .json; an existing file is replaced.
    motion, status, detected: see `to_json`.

  Raises:
    InputError: another suffix.
    OutputError: the file cannot be written.
  """
  suffix = check_name(path)
  text = to_csv(motion) if suffix == '.csv' else to_json(motion, status, detected)
  files.write_text(path, text)


def is_motion_file(path: str | os.PathLike) -> bool:
  """Whether a file is a motion file by its name and its first characters."""
  path = pathlib.Path(path)
  if path.suffix.lower() not in SUFFIXES:
    return False
  try:
    with path.open('rb') as file:
      start = file.read(len(_TIME) + 3).removeprefix(b'\xef\xbb\xbf').lstrip()
  except OSError:
    return False
  return start.startswith((_TIME.encode(), b'{'))


def read(path: str | os.PathLike) -> np.ndarray:
  """Reads a motion file: float32 `[n, 58]` at 25 fps; fields that it lacks are 0.

  Takes of Live Link Face, which have 60 frames a second, and JSON files of another `fps` are resampled by their
  times. The rows of CSV files without usable timecodes are taken as frames at 25 fps.

  Raises:
    InputError: the file is missing or is no motion file.
  """
  path = pathlib.Path(path)
  try:
    text = path.read_text('utf-8-sig')
    seconds, columns = _json_columns(text) if path.suffix.lower() == '.json' else _csv_columns(text)
  except FileNotFoundError:
    raise InputError(f'no such motion file, {path}: check the path') from None
  except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
    raise InputError(
      f'not a motion file, {path}: give a CSV file of Live Link Face, or what seetalk blendshapes writes'
    ) from error
  motion = np.zeros((len(next(iter(columns.values()))), MOTION_DIM), np.float32)
  for name, values in columns.items():
    motion[:, MOTION_FIELDS.index(name)] = values
  if not len(motion) or not np.isfinite(motion).all():
    raise InputError(f'no frames or values that are not finite, {path}: give a complete motion file')
  return motion if seconds is None else _resampled(seconds, motion)


def _resampled(seconds: np.ndarray, motion: np.ndarray) -> np.ndarray:
  """Motion `[m, 58]` at 25 fps, interpolated in `motion [n, 58]` of rising times `[n]`."""
  seconds = seconds - seconds[0]
  if np.allclose(seconds, np.arange(len(seconds)) / FPS, atol=1e-4):
    return motion
  times = np.arange(int(seconds[-1] * FPS + 1e-6) + 1) / FPS
  return np.stack([np.interp(times, seconds, column) for column in motion.T], axis=1).astype(np.float32)


def _csv_columns(text: str) -> tuple[np.ndarray | None, Mapping[str, Any]]:
  """Times of the rows in seconds `[n]`, None if they have no usable timecodes, and the fields."""
  rows = [row for row in csv.reader(io.StringIO(text)) if row]
  header, rows = [name.strip() for name in rows[0]], rows[1:]
  fields = {column: name for column, name in zip(_COLUMNS, blendshapes.NAMES, strict=False)}
  fields |= {f'Head{name.capitalize()}': name for name in MOTION_FIELDS[POSE]}
  places = {fields[column]: i for i, column in enumerate(header) if column in fields}
  if header[0] != _TIME or len(places) < blendshapes.NUM_BLENDSHAPES:
    raise ValueError('columns are missing')
  return _row_seconds([row[0] for row in rows]), {
    name: [float(row[i]) for row in rows] for name, i in places.items()
  }


def _row_seconds(timecodes: list[str]) -> np.ndarray | None:
  """Times `[n]` in seconds of timecodes HH:MM:SS:FF.fff; None if they are of another form or do not rise.

  The frame rate is the lowest one that has all frame numbers: that of a take of a second or more.
  """
  try:
    parts = np.array([[float(part) for part in code.split(':')] for code in timecodes]).reshape(-1, 4)
  except ValueError:
    return None
  rates = [rate for rate in _TIMECODE_RATES if len(parts) and parts[:, 3].max() < rate]
  if not rates:
    return None
  seconds = np.unwrap(
    parts @ (3600.0, 60.0, 1.0, 1.0 / rates[0]), period=_DAY_SECONDS
  )  # a take over midnight
  # Some tools count seconds instead of frames: their frame number is always 0.
  rises = (np.diff(seconds) > 0).all() and (len(parts) == 1 or np.ptp(parts[:, 3]) > 0)
  return seconds if rises else None


def _json_columns(text: str) -> tuple[np.ndarray, Mapping[str, Any]]:
  """Times of the frames in seconds `[n]`, and the fields."""
  content: Mapping[str, Any] = json.loads(text)
  fields, frames = content['fields'], np.array(content['frames'], np.float32)
  if not set(fields) <= set(MOTION_FIELDS) or frames.ndim != 2 or frames.shape[1] != len(set(fields)):
    raise ValueError('unknown fields, or frames of another size')
  fps = float(content.get('fps', FPS))
  if not 0 < fps < float('inf'):
    raise ValueError('fps is not positive')
  return np.arange(len(frames)) / fps, dict(zip(fields, frames.T, strict=True))


def _eye_rotation(motion: np.ndarray, side: str) -> np.ndarray:
  """Yaw, pitch and roll of an eye in the head in radians, `[n, 3]`, from its eyeLook coefficients."""
  angles = {name: np.radians(degrees) for name, degrees in blendshapes.EYE_LOOK_DEGREES.items()}
  yaw, pitch = blendshapes.eye_turn(motion, side, angles)
  return np.stack([yaw, pitch, np.zeros_like(yaw)], axis=1)


def _timecode(index: int) -> str:
  """HH:MM:SS:FF.fff of a frame: hours, minutes, seconds, frame in the second and its fraction."""
  seconds, frame = divmod(index, FPS)
  minutes, seconds = divmod(seconds, 60)
  hours, minutes = divmod(minutes, 60)
  return f'{hours:02d}:{minutes:02d}:{seconds:02d}:{frame:02d}.000'
