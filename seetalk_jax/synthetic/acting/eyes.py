"""Eyes: gaze with saccades, counter-rotation against the head, blinks, and lids that follow the gaze."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import curves, geometry
from seetalk_jax.synthetic.acting.prosody import Prosody
from seetalk_jax.synthetic.acting.style import Style

_VERGENCE = 0.022  # each eye turns in by so many radians for a viewer about 1.4 m away
_REFRACTORY_S = 0.4  # shortest time between two blinks
_SHIFT_THAT_BLINKS = 0.10  # radians


class Gaze(NamedTuple):
  """Gaze in the viewer's frame.

  Attributes:
    angles: yaw and pitch of the line of sight in radians, 0 towards the viewer, `[n, 2]`.
    shifts: times of large shifts in seconds, `[s]`.
  """

  angles: np.ndarray
  shifts: np.ndarray


def sample_gaze(
  times: np.ndarray,
  style: Style,
  prosody: Prosody,
  rng: np.random.Generator,
  thinking: tuple[tuple[float, float], ...] = (),
  offset: tuple[float, float] = (0.0, 0.0),
) -> Gaze:
  """Fixations on the viewer, looks away in thought, and the saccades between them.

  Args:
    times: of the frames in seconds, `[n]`.
    style: gaze habits.
    prosody: speakers look away early in a phrase and back at its end.
    rng: random numbers.
    thinking: stretches of time in which the speaker looks away, seconds.
    offset: yaw and pitch added to the gaze by an emotion, radians.
  """
  end = times[-1] if len(times) else 0.0
  starts, targets = [], []
  away, at = False, 0.0
  while at <= end:
    away = _looks_away(at, away, style, prosody, thinking, rng)
    if away:
      target = np.array(style.away) + rng.normal(0.0, [0.06, 0.05])
      if rng.random() < 0.2:
        target[0] = -target[0]
      length = float(np.clip(rng.lognormal(np.log(0.7), 0.5), 0.2, 2.5))
    else:
      # The points of a face that people look at in turn are about 1 degree apart.
      target = np.array(style.aim) + rng.normal(0.0, [0.014, 0.010])
      length = float(np.clip(rng.lognormal(np.log(0.9), 0.6), 0.2, 4.0))
      starting = prosody.phrases[:, 0]
      next_start = starting[starting > at + 0.15]
      if len(next_start):  # a new phrase is a moment to look elsewhere
        length = min(length, max(0.2, next_start[0] - at + rng.normal(0.05, 0.1)))
    starts.append(at)
    targets.append(np.clip(target + np.array(offset), [-0.34, -0.22], [0.34, 0.18]))
    at += length
  starts, targets = np.array(starts), np.array(targets)
  sizes = np.linalg.norm(np.diff(targets, axis=0), axis=1)
  durations = np.concatenate([[1.0], 0.022 + 0.13 * sizes])  # 20 to 60 ms
  angles = curves.moves(times, starts, durations, targets)
  return Gaze(angles + _fixation_motion(times, rng), starts[1:][sizes > _SHIFT_THAT_BLINKS])


def _looks_away(at, away, style, prosody, thinking, rng) -> bool:
  """Whether the next fixation is away from the viewer."""
  if any(start - 0.1 <= at < end for start, end in thinking):
    return True
  share = 1.0 - style.contact
  # Mean lengths of the two kinds of fixations: the share of fixations from the share of time.
  chance = share / (share + 0.75 * style.contact)
  since = at - prosody.phrases[:, 0]
  until = prosody.phrases[:, 1] - at
  if np.any((since > -0.25) & (since < 0.6)):
    chance *= 1.8
  elif np.any((until > -0.2) & (until < 0.6)):
    chance *= 0.4
  return bool(rng.random() < (0.35 * chance if away else chance))


def _fixation_motion(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Drift and microsaccades of a fixation, `[n, 2]`, about 0.3 degrees."""
  drift = 0.002 * curves.colored_noise(len(times), rng, 0.3, 4.0, 1.0, channels=2)
  count = rng.poisson(1.3 * (times[-1] if len(times) else 0.0))
  starts = np.sort(rng.uniform(0.0, times[-1] if len(times) else 0.0, count))
  positions = rng.normal(0.0, 0.005, (count + 1, 2))
  steps = curves.moves(times, np.concatenate([[-1.0], starts]), np.full(count + 1, 0.02), positions)
  return drift + steps


def look(coefficients: np.ndarray, gaze: np.ndarray, head: np.ndarray) -> None:
  """Writes the eyeLook coefficients: the eyes keep the gaze while the head turns and tilts.

  Args:
    coefficients: float `[n, 52]`, changed in place.
    gaze: `Gaze.angles`, `[n, 2]`.
    head: yaw, pitch and roll of the head in radians, `[n, 3]`.
  """
  yaw, pitch = _in_head(gaze, head)
  index, angles = blendshapes.INDEX, geometry.look_angles()
  for side, inward in (('Left', -1.0), ('Right', 1.0)):
    inside = inward * yaw + _VERGENCE
    for name, angle in (
      ('eyeLookIn', inside),
      ('eyeLookOut', -inside),
      ('eyeLookUp', pitch),
      ('eyeLookDown', -pitch),
    ):
      coefficients[:, index[name + side]] = np.clip(angle / angles[name], 0.0, 1.0)


def _in_head(gaze: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Yaw and pitch `[n]` of a line of sight relative to a head that rolls, then pitches, then yaws (`rig.rotated`)."""
  yaw, pitch, roll = head.T
  turned, up = gaze[:, 0] - yaw, gaze[:, 1]
  x, y, z = np.sin(turned) * np.cos(up), np.sin(up), np.cos(turned) * np.cos(up)
  y, z = y * np.cos(pitch) - z * np.sin(pitch), y * np.sin(pitch) + z * np.cos(pitch)
  x, y = x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)
  return np.arctan2(x, z), np.arcsin(np.clip(y, -1, 1))


def blinks(
  times: np.ndarray,
  style: Style,
  prosody: Prosody,
  shifts: np.ndarray,
  rng: np.random.Generator,
  rate: float = 1.0,
) -> np.ndarray:
  """Closure of the left and the right lids by blinks, float `[n, 2]`, 0 to 1.

  Blinks come at random, at the ends of phrases and with large shifts of gaze; closing takes 60 to 100 ms, opening
  130 to 240 ms. Some are incomplete or double.

  Args:
    times: of the frames in seconds, `[n]`.
    style: blink rate.
    prosody: phrases.
    shifts: times of large shifts of gaze in seconds.
    rng: random numbers.
    rate: factor on the blink rate.
  """
  closure = np.zeros((len(times), 2))
  if not len(times):
    return closure
  per_second = style.blinks_per_second * rate
  at_ends, at_shifts = min(0.8, 0.9 * per_second), min(0.6, 0.7 * per_second)
  ends = prosody.phrases[:, 1]
  # The rest of the blinks comes at random.
  triggered = at_ends * len(ends) + at_shifts * len(shifts)
  count = rng.poisson(max(0.25 * per_second * times[-1], per_second * times[-1] - triggered))
  random = rng.uniform(0.0, times[-1], count)
  ends = ends[rng.random(len(ends)) < at_ends]
  ends = ends + rng.uniform(-0.1, 0.25, len(ends))
  shifts = shifts[rng.random(len(shifts)) < at_shifts] - 0.03
  double = random[rng.random(count) < 0.06]
  double = double + rng.uniform(0.45, 0.6, len(double))
  at = -np.inf
  for start in np.sort(np.concatenate([random, ends, shifts, double])):
    if start - at < _REFRACTORY_S or start < 0:
      continue
    at = start
    closing, opening = rng.uniform(0.06, 0.10), rng.uniform(0.13, 0.24)
    held = rng.uniform(0.04, 0.07)
    depth = 1.0 if rng.random() < 0.88 else rng.uniform(0.5, 0.9)
    for side, delay, size in ((0, 0.0, 1.0), (1, rng.normal(0.0, 0.004), rng.uniform(0.96, 1.0))):
      since = times - at - delay
      shut = curves.minimum_jerk(since / closing)
      # Lids open fast at first and slowly in the end.
      opened = 1 - (1 - np.clip((since - closing - held) / opening, 0, 1)) ** 2.2
      np.maximum(closure[:, side], depth * size * shut * (1 - opened), out=closure[:, side])
  return closure


def close_lids(coefficients: np.ndarray, closure: np.ndarray) -> None:
  """Writes the eyeBlink coefficients; 1 closes the lids for any squint, gaze and wide eyes (`rig.expressed_coarse`).

  Behind closing lids, the eyes turn down a little, wide eyes relax, and the skin around the eyes squints a little.

  Args:
    coefficients: float `[n, 52]` with eyeLook, eyeSquint and eyeWide, changed in place.
    closure: of the left and the right lids, `[n, 2]`, 0 to 1.
  """
  index = blendshapes.INDEX
  for column, side in enumerate(('Left', 'Right')):
    shut = closure[:, column]
    coefficients[:, index['eyeBlink' + side]] = shut
    coefficients[:, index['eyeWide' + side]] *= 1 - shut
    coefficients[:, index['eyeLookUp' + side]] *= 1 - 0.7 * shut
    for name, share in (('eyeLookDown', 0.12), ('eyeSquint', 0.10)):
      before = coefficients[:, index[name + side]]
      coefficients[:, index[name + side]] = before + share * shut * (1 - before)
