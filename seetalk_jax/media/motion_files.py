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

from seetalk_jax import blendshapes
from seetalk_jax.constants import COEFFICIENTS, FPS, MOTION_DIM, MOTION_FIELDS, POSE, MotionStatus
from seetalk_jax.errors import InputError

SUFFIXES = ('.csv', '.json')
_ROTATIONS = tuple(
  f'{part}{angle}' for part in ('Head', 'LeftEye', 'RightEye') for angle in ('Yaw', 'Pitch', 'Roll')
)
_TIME, _COUNT = 'Timecode', 'BlendShapeCount'
# Names of the 52 blendshapes begin with a capital letter in CSV files.
_COLUMNS = (*(name[0].upper() + name[1:] for name in blendshapes.NAMES), *_ROTATIONS)
CSV_HEADER = (_TIME, _COUNT, *_COLUMNS)


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


def to_json(motion: np.ndarray, status: np.ndarray, detected: np.ndarray) -> str:
  """Text of a JSON file of motion.

  Args:
    motion: `[n, 58]` at 25 fps.
    status: `[58]`, `constants.MotionStatus` of each field.
    detected: bool `[n]`, False for frames whose motion is not measured.
  """
  content = {
    'fps': FPS,
    'fields': list(MOTION_FIELDS),
    'status': [MotionStatus(value).name.lower() for value in status.tolist()],
    'detected': detected.tolist(),
    'frames': [[round(value, 6) for value in row] for row in motion.tolist()],
  }
  return json.dumps(content)


def is_motion_file(path: str | os.PathLike) -> bool:
  """Whether a file looks like one of `to_csv` or `to_json`, by its name and its first characters."""
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
  """Reads a motion file: float32 `[n, 58]`, one row per row of the file; fields that it lacks are 0.

  CSV files of Live Link Face are read too; their rows are taken as frames at 25 fps.

  Raises:
    InputError: the file is missing or is no motion file.
  """
  path = pathlib.Path(path)
  try:
    text = path.read_text('utf-8-sig')
    columns = _json_columns(text) if path.suffix.lower() == '.json' else _csv_columns(text)
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
  return motion


def _csv_columns(text: str) -> Mapping[str, Any]:
  rows = [row for row in csv.reader(io.StringIO(text)) if row]
  header, rows = [name.strip() for name in rows[0]], rows[1:]
  fields = {column: name for column, name in zip(_COLUMNS, blendshapes.NAMES, strict=False)}
  fields |= {f'Head{name.capitalize()}': name for name in MOTION_FIELDS[POSE]}
  places = {fields[column]: i for i, column in enumerate(header) if column in fields}
  if header[0] != _TIME or len(places) < blendshapes.NUM_BLENDSHAPES:
    raise ValueError('columns are missing')
  return {name: [float(row[i]) for row in rows] for name, i in places.items()}


def _json_columns(text: str) -> Mapping[str, Any]:
  content: Mapping[str, Any] = json.loads(text)
  fields = content['fields']
  if not set(fields) <= set(MOTION_FIELDS):
    raise ValueError('unknown fields')
  return dict(zip(fields, np.array(content['frames'], np.float32).reshape(-1, len(fields)).T, strict=True))


def _eye_rotation(motion: np.ndarray, side: str) -> np.ndarray:
  """Yaw, pitch and roll of an eye in the head in radians, `[n, 3]`, from its eyeLook coefficients."""
  look = {
    direction: np.radians(degrees) * motion[:, blendshapes.INDEX[f'eyeLook{direction}{side}']]
    for direction, degrees in blendshapes.EYE_LOOK_DEGREES.items()
  }
  yaw = (look['Out'] - look['In']) * (1.0 if side == 'Left' else -1.0)
  return np.stack([yaw, look['Up'] - look['Down'], np.zeros_like(yaw)], axis=1)


def _timecode(index: int) -> str:
  """HH:MM:SS:FF.fff of a frame: hours, minutes, seconds, frame in the second and its fraction."""
  seconds, frame = divmod(index, FPS)
  minutes, seconds = divmod(seconds, 60)
  hours, minutes = divmod(minutes, 60)
  return f'{hours:02d}:{minutes:02d}:{seconds:02d}:{frame:02d}.000'
