"""Head: posture, sway, accents and gaze turns of the head, the shift of the body, and breath."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.synthetic.acting import curves
from seetalk_jax.synthetic.acting.prosody import Prosody
from seetalk_jax.synthetic.acting.style import Style

# Standard deviations for a style with `head` 1, radians: yaw, pitch, roll.
_POSTURE = np.array([0.058, 0.046, 0.046])
_SWAY = np.array([0.022, 0.021, 0.016])
_SHIFT_POSTURE = np.array([0.030, 0.014, 0.035])  # half image widths: x, y, z
_SHIFT_SWAY = np.array([0.012, 0.008, 0.014])
_LIMITS = np.array([0.50, 0.35, 0.30, 0.18, 0.15, 0.20])
_FOLLOW_S = 0.12  # the head follows a shift of gaze within about three times this time


class Manner(NamedTuple):
  """How an emotion changes the manner of head, brows and eyes; 1 and 0 are neutral.

  Attributes:
    amplitude: factor on the motion of the head.
    tempo: factor on its speed.
    pitch: added to the pitch in radians.
    forward: added to shift_z in half image widths.
    jitter: tremble of the head in radians.
    gaze: yaw and pitch added to the gaze in radians.
    blinks: factor on the blink rate.
    brows: factor on brow accents.
  """

  amplitude: float = 1.0
  tempo: float = 1.0
  pitch: float = 0.0
  forward: float = 0.0
  jitter: float = 0.0
  gaze: tuple[float, float] = (0.0, 0.0)
  blinks: float = 1.0
  brows: float = 1.0


def move(
  times: np.ndarray,
  style: Style,
  prosody: Prosody,
  gaze: np.ndarray,
  rng: np.random.Generator,
  manner: Manner = Manner(),  # noqa: B008 - immutable
) -> np.ndarray:
  """Yaw, pitch, roll in radians and shift x, y, z in half image widths, float `[n, 6]`.

  Args:
    times: of the frames in seconds, `[n]`.
    style: amplitude and habits.
    prosody: accents, phrases and pauses.
    gaze: of the eyes, `[n, 2]`; the head takes over a share of it.
    rng: random numbers.
    manner: of an emotion.
  """
  lively = style.head * manner.amplitude
  tempo = style.tempo * manner.tempo
  pose = lively * (_postures(times, prosody, tempo, rng) + _sway(times, prosody.activity, tempo, rng))
  pose[:, :3] += np.array(style.posture) + [0.0, manner.pitch, 0.0]
  pose[:, 5] += manner.forward
  pose[:, :2] += style.follow * _followed(gaze - np.array(style.aim))
  pose += _accent_motion(times, style, prosody, np.sqrt(lively), tempo, rng)
  pose += style.breath * _breath(times, prosody, rng)[:, None] * [0.0, 0.006, 0.0, 0.0, 0.007, 0.002]
  if manner.jitter:
    pose[:, :3] += manner.jitter * curves.colored_noise(len(times), rng, 2.0, 8.0, 1.0, channels=3)
  # Turning and nodding move the face in the picture as well, because the neck takes part.
  pose[:, 3] += 0.12 * pose[:, 0]
  pose[:, 4] += 0.08 * pose[:, 1]
  return _LIMITS * np.tanh(pose / _LIMITS)


def _postures(times: np.ndarray, prosody: Prosody, tempo: float, rng: np.random.Generator) -> np.ndarray:
  """Positions that the head holds for a while and the moves between them, `[n, 6]`."""
  end = times[-1] if len(times) else 0.0
  starts, at = [-1.0], 0.0
  while at <= end:
    at += float(np.clip(rng.gamma(2.0, 0.55), 0.25, 4.0)) / tempo
    starts.append(at)
  starts.extend(prosody.phrases[:, 0] - 0.15)
  starts = np.sort(np.array(starts))
  # Every posture keeps a part of the last one.
  keep = 0.55
  draws = rng.standard_normal((len(starts), 6))
  positions = draws.copy()
  for i in range(1, len(starts)):
    positions[i] = keep * positions[i - 1] + np.sqrt(1 - keep**2) * draws[i]
  durations = rng.uniform(0.35, 1.0, len(starts)) / tempo
  positions[:, 2] = 0.8 * positions[:, 2] - 0.35 * positions[:, 0]  # people tilt as they turn
  sizes = np.concatenate([_POSTURE, _SHIFT_POSTURE])
  return curves.moves(times, starts, durations, positions) * sizes


def _sway(times: np.ndarray, activity: np.ndarray, tempo: float, rng: np.random.Generator) -> np.ndarray:
  """Continuous motion with the falling spectrum of people's, smaller in silence, `[n, 6]`."""
  slow = curves.colored_noise(len(times), rng, 0.15, 1.2 * tempo, 1.5, channels=6)
  fast = curves.colored_noise(len(times), rng, 1.0, 5.0, 2.5, channels=6)
  sizes = np.concatenate([_SWAY, _SHIFT_SWAY])
  gain = (0.45 + 0.55 * activity)[:, None]
  return sizes * (gain * slow + 0.16 * gain * fast)


def _accent_motion(times, style: Style, prosody: Prosody, size: float, tempo: float, rng) -> np.ndarray:
  """Nods, tilts and turns on accents, and a lowering of the head at ends of phrases, `[n, 6]`."""
  pose = np.zeros((len(times), 6))
  count = len(prosody.accents)
  kinds = rng.random(count)
  amplitude = style.nod * size * (0.5 + prosody.sizes) * np.exp(rng.normal(0.0, 0.35, count))
  nod = kinds >= style.tilt
  centers = prosody.accents + rng.normal(0.02, 0.04, count)
  rise, fall = 0.16 / tempo, 0.30 / tempo
  # A nod goes down after a slight lift.
  lift = curves.bumps(times, centers[nod] - 0.2, 0.35 * amplitude[nod], rise, rise)
  pose[:, 1] += lift - curves.bumps(times, centers[nod], amplitude[nod], rise, fall)
  side = rng.choice([-1.0, 1.0], count)
  tilts, turns = (~nod) & (kinds < 0.5 * style.tilt), (~nod) & (kinds >= 0.5 * style.tilt)
  pose[:, 2] += curves.bumps(times, centers[tilts], (side * amplitude)[tilts], rise, 1.6 * fall)
  pose[:, 0] += curves.bumps(times, centers[turns], (1.2 * side * amplitude)[turns], rise, fall)
  ends = prosody.phrases[:, 1]
  low = np.abs(rng.normal(0.4, 0.3, len(ends))) * style.nod * size
  pose[:, 1] -= curves.bumps(times, ends + 0.05, low, 0.4 / tempo, 0.7 / tempo)
  return pose


def _followed(gaze: np.ndarray) -> np.ndarray:
  """Gaze `[n, 2]` as a head follows it: delayed and smooth."""
  lag = np.arange(int(8 * _FOLLOW_S * FPS)) / FPS
  kernel = lag * np.exp(-lag / _FOLLOW_S)
  kernel /= kernel.sum()
  if not len(gaze):
    return gaze
  before = np.repeat(gaze[:1], len(kernel), axis=0)
  padded = np.concatenate([before, gaze])
  return np.stack([np.convolve(c, kernel)[len(kernel) : len(padded)] for c in padded.T], axis=1)


def _breath(times: np.ndarray, prosody: Prosody, rng: np.random.Generator) -> np.ndarray:
  """Volume of the lungs, about 0 to 1, `[n]`: quick breaths in pauses, slow breath out in speech and at rest."""
  end = times[-1] + 1 if len(times) else 0.0
  starts, levels = [-3.0, -2.0], [0.2, rng.uniform(0.4, 1.0)]
  durations = [1.0, 0.8]

  def add(at: float, level: float, duration: float):
    starts.append(at)
    levels.append(level)
    durations.append(duration)

  for start, stop in prosody.pauses:
    stop = min(stop, end)
    if stop - start < 0.25:
      continue
    add(start - 1.6, 0.1, 1.6)
    at = start
    while stop - at > 3.5:  # at rest: about 15 breaths a minute
      add(at, rng.uniform(0.5, 0.7), 1.4)
      add(at + 1.6, 0.1, 1.9)
      at += 3.5 + rng.uniform(0.0, 0.8)
    length = min(0.7, 0.8 * (stop - at))
    add(max(at, stop - length - 0.05), rng.uniform(0.7, 1.1), length)
  order = np.argsort(starts, kind='stable')
  pick = [np.array(values)[order] for values in (starts, durations, levels)]
  return curves.moves(times, pick[0], pick[1], pick[2][:, None])[:, 0]
