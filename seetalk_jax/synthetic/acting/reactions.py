"""Reactions: motion of face and head in laughs, sighs, coughs, hesitations and audible breaths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic import voice
from seetalk_jax.synthetic.acting import columns, curves, speech, visemes
from seetalk_jax.synthetic.acting.events import Event, EventKind
from seetalk_jax.synthetic.acting.style import Style

_LAUGH_HZ = 4.8  # bursts a second
_COUGH_GAP_S = 0.38  # from one cough to the next


class Reaction(NamedTuple):
  """Motion of events.

  Attributes:
    coefficients: float `[n, 52]`.
    pose: added to yaw, pitch, roll (radians) and shift x, y, z (half image widths), `[n, 6]`.
    lids: closure of the lids, `[n]`, 0 to 1.
    thinking: stretches of time in seconds in which the speaker looks away.
  """

  coefficients: np.ndarray
  pose: np.ndarray
  lids: np.ndarray
  thinking: tuple[tuple[float, float], ...]


def react(
  times: np.ndarray,
  utterance: voice.Utterance,
  events: Sequence[Event],
  style: Style,
  rng: np.random.Generator,
) -> Reaction:
  """Moves face and head in the events; the bursts of laughs and coughs follow the sound, where there is one.

  Args:
    times: of the frames in seconds, `[n]`.
    utterance: its waveform may contain the sounds of the events.
    events: in any order.
    style: of the speaker.
    rng: random numbers.

  Raises:
    ValueError: an event has an unknown kind.
  """
  count = len(times)
  total = Reaction(np.zeros((count, blendshapes.NUM_BLENDSHAPES)), np.zeros((count, 6)), np.zeros(count), ())
  for event in events:
    motion = _MOTIONS[EventKind(event.kind)](times, utterance, event, style, rng)
    total = Reaction(
      np.maximum(total.coefficients, motion.coefficients),
      total.pose + motion.pose,
      np.maximum(total.lids, motion.lids),
      total.thinking + motion.thinking,
    )
  return total


def _face(curve: np.ndarray, **values: float) -> np.ndarray:
  return curve[:, None] * columns.face(**values)


def _pose(*curves_by_axis: np.ndarray | float, count: int) -> np.ndarray:
  return np.stack([np.broadcast_to(curve, count) for curve in curves_by_axis], axis=1)


def _bursts(times: np.ndarray, utterance: voice.Utterance, event: Event) -> np.ndarray | None:
  """Level of the sound in the event, 0 to 1, `[n]`; None where the waveform is silent."""
  inside = (times >= event.start_s) & (times <= event.end_s)
  level = speech.waveform_level(utterance.waveform, times) * inside
  if not inside.any() or level.max() < 0.02:
    return None
  return level / level.max()


def _laugh(times, utterance, event, style, rng) -> Reaction:
  length = event.end_s - event.start_s
  whole = curves.plateau(times, event.start_s - 0.25, event.end_s + 1.1, 0.35, 1.3)
  voiced = curves.plateau(times, event.start_s - 0.08, event.end_s + 0.15, 0.15, min(0.5, 0.5 * length))
  pulse = _bursts(times, utterance, event)
  if pulse is None:
    phase = 2 * np.pi * _LAUGH_HZ * np.exp(rng.normal(0, 0.08)) * (times - event.start_s)
    pulse = (0.5 - 0.5 * np.cos(phase)) * (
      1 - 0.5 * np.clip((times - event.start_s) / max(length, 0.1), 0, 1)
    )
  pulse = pulse * voiced
  size = rng.uniform(0.65, 1.0)
  coefficients = size * (
    _face(whole, mouthSmile=0.75, cheekSquint=0.65, eyeSquint=0.40, mouthDimple=0.10)
    + _face(voiced, jawOpen=0.14, mouthUpperUp=0.55, mouthLowerDown=0.30, noseSneer=0.12)
    + _face(pulse, jawOpen=0.16)
  )
  back = rng.choice([-0.8, 1.0]) * rng.uniform(0.03, 0.11) * size
  side = rng.normal(0.0, 0.04) * size
  pose = _pose(
    0.5 * side * voiced,
    back * voiced - 0.018 * pulse,
    side * voiced,
    0.0,
    -0.012 * pulse,
    0.0,
    count=len(times),
  )
  return Reaction(coefficients, pose, rng.uniform(0.2, 0.75) * size * voiced, ())


def _sigh(times, utterance, event, style, rng) -> Reaction:
  length = event.end_s - event.start_s
  inhaled = curves.plateau(times, event.start_s - 0.8, event.start_s + 0.4, 0.7, 0.5)
  out = curves.plateau(times, event.start_s - 0.05, event.end_s + 0.25, 0.25, 0.6 * length + 0.2)
  after = curves.plateau(times, event.start_s, event.end_s + 0.9, 0.6, 0.9)
  coefficients = _face(inhaled, browInnerUp=0.15, jawOpen=0.02, noseSneer=0.05)
  lips = (
    dict(jawOpen=0.07, mouthLowerDown=0.10),
    dict(jawOpen=0.03, mouthFunnel=0.30, mouthPucker=0.12, cheekPuff=0.15),
    dict(jawOpen=0.05, mouthFunnel=0.15),
  )[rng.integers(3)]
  coefficients += _face(out, **lips) + _face(after, browInnerUp=0.10, mouthFrown=0.10)
  drop = rng.uniform(0.03, 0.07) * style.breath**0.5
  pose = _pose(
    0.0,
    0.03 * inhaled - drop * after,
    rng.normal(0.0, 0.02) * after,
    0.0,
    0.018 * inhaled - 0.014 * after,
    0.0,
    count=len(times),
  )
  return Reaction(coefficients, pose, 0.30 * after, ())


def _cough(times, utterance, event, style, rng) -> Reaction:
  sound = _bursts(times, utterance, event)
  length = event.end_s - event.start_s
  if sound is None:
    at = event.start_s + 0.06 + _COUGH_GAP_S * np.arange(max(1, int(length / _COUGH_GAP_S)))
  else:
    at = _peaks(times, sound)
  sizes = rng.uniform(0.7, 1.0) * 0.85 ** np.arange(len(at))
  open_ = np.clip(curves.bumps(times, at, sizes, 0.10, 0.22), 0, 1)
  jerk = np.clip(curves.bumps(times, at + 0.05, sizes, 0.12, 0.30), 0, 1)
  whole = curves.plateau(times, event.start_s - 0.15, event.end_s + 0.3, 0.15, 0.3)
  before = curves.bumps(times, [event.start_s - 0.12], [1.0], 0.25, 0.12)
  coefficients = _face(open_, jawOpen=0.26, mouthStretch=0.15, mouthUpperUp=0.20, mouthFunnel=0.15)
  coefficients += _face(whole, eyeSquint=0.40, browDown=0.30, cheekSquint=0.20) + _face(before, jawOpen=0.07)
  pitch = 0.03 * before - 0.11 * jerk - 0.04 * whole
  turn = rng.choice([-1.0, 1.0]) * rng.uniform(0.0, 0.15) * whole
  pose = _pose(turn, pitch, 0.0, 0.0, -0.03 * jerk, 0.03 * jerk, count=len(times))
  return Reaction(np.clip(coefficients, 0, 1), pose, np.clip(0.3 * whole + 0.7 * jerk, 0, 1), ())


def _peaks(times: np.ndarray, level: np.ndarray) -> np.ndarray:
  """Times of the loud moments that are at least 0.2 s apart."""
  chosen: list[float] = []
  for i in np.argsort(-level):
    if level[i] < 0.4:
      break
    if all(abs(times[i] - other) >= 0.2 for other in chosen):
      chosen.append(times[i])
  return np.sort(np.array(chosen))


def _hesitation(times, utterance, event, style, rng) -> Reaction:
  whole = curves.plateau(times, event.start_s - 0.15, event.end_s + 0.2, 0.25, 0.3)
  coefficients = np.zeros((len(times), blendshapes.NUM_BLENDSHAPES))
  spoken = any(
    not visemes.is_silence(p.label) and p.start_s < event.end_s - 0.02 and p.end_s > event.start_s + 0.02
    for p in utterance.phonemes
  )
  if not spoken:  # otherwise its phonemes move the mouth
    voiced = curves.plateau(times, event.start_s - 0.08, event.end_s + 0.08, 0.12, 0.15)
    coefficients += _face(voiced, jawOpen=0.10 * style.articulation, mouthLowerDown=0.15, mouthUpperUp=0.12)
  brows = (
    dict(browDown=0.25, eyeSquint=0.15),
    dict(browInnerUp=0.25, browOuterUp=0.20),
    dict(mouthDimpleLeft=0.15, browDown=0.10),
  )[rng.integers(3)]
  coefficients += _face(whole, **brows)
  side = np.sign(style.away[0]) * rng.uniform(0.0, 0.06)
  pose = _pose(side * whole, 0.0, rng.normal(0.0, 0.04) * whole, 0.0, 0.0, 0.0, count=len(times))
  return Reaction(coefficients, pose, 0.05 * whole, ((event.start_s - 0.1, event.end_s),))


def _breath(times, utterance, event, style, rng) -> Reaction:
  length = event.end_s - event.start_s
  drawn = curves.plateau(times, event.start_s - 0.1, event.end_s + 0.2, min(0.3, 0.6 * length) + 0.1, 0.25)
  depth = style.breath**0.5
  opened = rng.uniform(0.08, 0.24)  # a breath that is heard goes through the mouth
  coefficients = depth * _face(
    drawn, jawOpen=opened, mouthUpperUp=0.10, mouthLowerDown=0.10, browInnerUp=0.05
  )
  pose = depth * _pose(0.0, 0.022 * drawn, 0.0, 0.0, 0.016 * drawn, 0.0, count=len(times))
  return Reaction(coefficients, pose, np.zeros(len(times)), ())


_MOTIONS = {
  EventKind.LAUGH: _laugh,
  EventKind.SIGH: _sigh,
  EventKind.COUGH: _cough,
  EventKind.HESITATION: _hesitation,
  EventKind.BREATH: _breath,
}
