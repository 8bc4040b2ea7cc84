"""Motion controls of a user, checked and converted to the input arrays of the motion transformer."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seetalk_jax.constants import CONTROL_TRACKS, EMOTIONS, MOTION_FIELDS
from seetalk_jax.errors import InputError
from seetalk_jax.inference import argument_checks
from seetalk_jax.inference.clip_spec import Checksum

# A video (a path or a `DrivingVideo`) -> its style code [1, 3 motion_dim].
ReadStyle = Callable[[Any], np.ndarray]


@dataclasses.dataclass(frozen=True)
class ResolvedControls:
  """Checked controls of one recording.

  Attributes:
    values: name -> array with a leading axis of 1, for `sampling.motion.sample_motion`.
    scales: name -> guidance scale, for the controls that have one.
  """

  values: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
  scales: Mapping[str, float] = dataclasses.field(default_factory=dict)

  def of_frames(self, frames: slice) -> ResolvedControls:
    """The controls of some frames; those without frames stay as they are."""
    values = {
      name: value[:, frames] if name in CONTROL_TRACKS else value for name, value in self.values.items()
    }
    return dataclasses.replace(self, values=values)

  def to_json(self) -> dict[str, str]:
    """Checksum and scale of each control, for `ClipSpec`."""
    return {
      f'control {name}': f'{Checksum.of(value)} x {self.scales.get(name, 1.0):g}'
      for name, value in self.values.items()
    }


def resolve(
  controls: Mapping[str, Any] | None,
  scales: Mapping[str, float] | None,
  available: tuple[str, ...],
  num_frames: int,
  read_style: ReadStyle,
) -> ResolvedControls:
  """Checks motion controls.

  Args:
    controls: 'pose' `[n, 3]` (yaw, pitch, roll in radians), 'blink' `[n]` or `[n, 1]` (0 open, 1 closed), 'gaze'
      `[n, 2]` (horizontal and vertical direction in the head, -1 to 1, positive to the person's left and up, see
      `blendshapes.gaze`), 'emotion' a name in EMOTIONS, or a pair of it and an intensity from 0 (neutral) to 1, the
      default, 'style' a video of a person or a code `[3 motion_dim]`; None: no controls.
    scales: name -> guidance scale; 1 is unguided.
    available: the controls of the checkpoint's motion transformer.
    num_frames: length of the speech in frames.
    read_style: encodes a video as a style code.

  Raises:
    InputError: a control that the checkpoint does not support, an invalid value, a track of another length,
      or a scale without its control.
  """
  controls, values = controls or {}, {}
  for name, value in controls.items():
    if name not in available:
      has = f'it has {", ".join(available)}' if available else 'it has none'
      raise InputError(f'no control {name!r} in this checkpoint, argument controls: {has}')
    if name in CONTROL_TRACKS:
      values[name] = _track(name, value, num_frames)
    elif name == 'emotion':
      values[name] = _shares(value)
    elif isinstance(value, np.ndarray):
      values[name] = np.asarray(value, np.float32).reshape(1, -1)
    else:
      values[name] = np.asarray(read_style(value), np.float32)
  for name in scales or {}:
    if name not in controls:
      raise InputError(f'a scale for control {name!r}, argument control_scales: give the control too')
  checked = {
    name: float(argument_checks.number(f'scale of {name}', scale, where='control_scales'))
    for name, scale in (scales or {}).items()
  }
  return ResolvedControls(values, checked)


def _shares(value: Any) -> np.ndarray:
  """Shares of EMOTIONS, float32 `[1, 8]`, of an emotion with its intensity; neutral has the rest."""
  emotion, intensity = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, 1.0)
  if not isinstance(emotion, str) or emotion not in EMOTIONS:
    raise InputError(
      f'unknown emotion {emotion!r}, argument controls: use one of {", ".join(EMOTIONS)}, or a pair of one and its '
      'intensity'
    )
  intensity = argument_checks.number('intensity of the emotion', intensity, 0.0, 1.0, where='controls')
  shares = np.zeros((1, len(EMOTIONS)), np.float32)
  shares[0, EMOTIONS.index('neutral')] = 1.0 - intensity
  shares[0, EMOTIONS.index(emotion)] += intensity
  return shares


def _track(name: str, value: Any, num_frames: int) -> np.ndarray:
  if isinstance(value, (str, os.PathLike)):
    raise InputError(f'{name} is a path, argument controls: give an array, one row a frame')
  try:
    track = np.asarray(value, np.float32)
  except (TypeError, ValueError):
    raise InputError(f'{name} is no array of numbers, argument controls: give one row a frame') from None
  track = track[:, None] if track.ndim == 1 else track
  if track.shape != (num_frames, CONTROL_TRACKS[name]):
    raise InputError(
      f'{name} of shape {track.shape}, argument controls: the speech has {num_frames} frames, give '
      f'[{num_frames}, {CONTROL_TRACKS[name]}]'
    )
  if not np.isfinite(track).all():
    raise InputError(f'{name} holds NaN or infinity, argument controls: give finite numbers')
  return track[None]


def track_of(controls: Mapping[str, Any]) -> np.ndarray:
  """Motion track of controls by field.

  Args:
    controls: field of MOTION_FIELDS -> values `[n]`, or one number for all frames; absent fields are 0, the neutral
      value.

  Returns:
    float32 `[n, MOTION_DIM]`.

  Raises:
    InputError: an unknown field, values that are not finite numbers, or lengths that differ.
  """
  if not isinstance(controls, Mapping):
    raise InputError(f'controls are a {type(controls).__name__}, argument controls: give field -> values')
  columns = {}
  for name, values in controls.items():
    if name not in MOTION_FIELDS:
      raise InputError(
        f'no control {name!r}, argument controls: use names of constants.MOTION_FIELDS, such as jawOpen or yaw'
      )
    try:
      columns[name] = np.atleast_1d(np.asarray(values, np.float32))
    except (TypeError, ValueError):
      raise InputError(f'{name} is no array of numbers, argument controls: give one number a frame') from None
    if columns[name].ndim != 1 or not np.isfinite(columns[name]).all():
      raise InputError(
        f'{name} of shape {columns[name].shape}, argument controls: give finite numbers [n], one a frame'
      )
  lengths = {len(column) for column in columns.values()}
  if len(lengths) > 1:
    lengths.discard(1)  # one number for all frames
  if len(lengths) != 1 or 0 in lengths:
    found = ', '.join(f'{name} {len(column)}' for name, column in columns.items()) or 'no control'
    raise InputError(f'controls of different or no length ({found}), argument controls: give [n] for each')
  track = np.zeros((lengths.pop(), len(MOTION_FIELDS)), np.float32)
  for name, column in columns.items():
    track[:, MOTION_FIELDS.index(name)] = column
  return track
