"""Style of a speaker: amplitude, tempo, smile, head, brows, blinks and gaze that a reference clip shows."""

from __future__ import annotations

import dataclasses

import numpy as np

_STREAM = 0x57AC


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
  """Motion style of a speaker.

  Attributes:
    articulation: factor on how far the mouth opens, about 0.6 to 1.5.
    rounding: factor on funnel and pucker.
    spread: factor on stretch and smile of phonemes.
    teeth: factor on the lifting of the upper lip, 0.4 to 1.8.
    lower_lip: factor on the lowering of the lower lip, 0.5 to 1.6.
    parted: opening of the lips at rest as `jawOpen`, mostly 0, up to 0.04.
    open_pauses: share of the pauses in which the lips stay apart, 0 to 1.
    smile: smile of the resting face, 0 to 0.35; negative values frown, down to -0.15.
    press: how much the lips press in pauses, 0 to 0.25.
    lean: the mouth moves more on one side, -1 (person's right) to 1 (left).
    asymmetry: shares of left over right of paired coefficients: of brows, lids, corners and lips, each about -0.2 to
      0.2.
    head: factor on head motion, 0.3 (still) to 2.2 (lively); the standard deviation of yaw is about 3 degrees for 1.
    tempo: factor on the speed of head and brows, 0.7 to 1.4.
    nod: angle of a nod on an accent in radians, 0 to 0.07.
    tilt: share of accents with a tilt or turn of the head instead of a nod, 0 to 0.6.
    posture: mean yaw, pitch and roll of the head in radians.
    brow: brow raise on an accent, 0 to 0.9.
    frown: furrow of the brows in speech, 0 to 0.3.
    blinks_per_second: blink rate, 0.12 to 0.6.
    droop: closure of the open lids, 0 to 0.15.
    squint: squint of the resting face, 0 to 0.2.
    contact: share of the time in which the gaze rests on the viewer, 0.45 to 0.97.
    away: yaw and pitch of the gaze in thought, radians.
    aim: yaw and pitch of the gaze that is meant for the viewer, radians: some look at their screen.
    follow: share of a gaze shift that the head takes over, 0.1 to 0.6.
    breath: depth of breath motion, 0.4 to 1.8.
  """

  articulation: float = 1.0
  rounding: float = 1.0
  spread: float = 1.0
  teeth: float = 1.0
  lower_lip: float = 1.0
  parted: float = 0.0
  open_pauses: float = 0.5
  smile: float = 0.05
  press: float = 0.08
  lean: float = 0.0
  asymmetry: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
  head: float = 1.0
  tempo: float = 1.0
  nod: float = 0.035
  tilt: float = 0.25
  posture: tuple[float, float, float] = (0.0, 0.0, 0.0)
  brow: float = 0.3
  frown: float = 0.08
  blinks_per_second: float = 0.3
  droop: float = 0.03
  squint: float = 0.04
  contact: float = 0.8
  away: tuple[float, float] = (0.18, 0.06)
  aim: tuple[float, float] = (0.0, 0.0)
  follow: float = 0.3
  breath: float = 1.0


def sample_style(seed: int) -> Style:
  """Samples a `Style`; use a speaker's id as the seed for the style of that speaker."""
  rng = np.random.default_rng([_STREAM, seed])

  def factor(sigma: float, low: float, high: float) -> float:
    return float(np.clip(np.exp(rng.normal(0.0, sigma)), low, high))

  def pair(means, sigmas) -> tuple[float, ...]:
    return tuple(float(x) for x in rng.normal(means, sigmas))

  parted = max(0.0, rng.normal(-0.01, 0.02))
  smile = rng.normal(0.06, 0.09)
  away_side = rng.choice([-1.0, 1.0])
  return Style(
    articulation=factor(0.19, 0.6, 1.5),
    rounding=factor(0.16, 0.65, 1.4),
    spread=factor(0.25, 0.5, 1.6),
    teeth=factor(0.35, 0.4, 1.8),
    lower_lip=factor(0.25, 0.5, 1.6),
    parted=float(min(parted, 0.04)),
    open_pauses=float(rng.beta(1.6, 1.6)),
    smile=float(np.clip(smile, -0.15, 0.35)),
    press=float(max(0.0, rng.normal(0.07, 0.06))),
    lean=float(np.clip(rng.normal(0.0, 0.35), -1.0, 1.0)),
    asymmetry=tuple(np.clip(pair(np.zeros(4), [0.10, 0.02, 0.09, 0.08]), -0.22, 0.22).tolist()),
    head=factor(0.45, 0.3, 2.2),
    tempo=factor(0.16, 0.7, 1.4),
    nod=float(rng.uniform(0.0, 0.065)),
    tilt=float(rng.uniform(0.0, 0.6)),
    posture=pair(np.zeros(3), [0.06, 0.035, 0.03]),
    brow=float(rng.beta(1.3, 2.0) * 0.9),
    frown=float(rng.beta(1.0, 3.0) * 0.35),
    blinks_per_second=float(np.clip(np.exp(rng.normal(np.log(0.29), 0.4)), 0.12, 0.6)),
    droop=float(rng.beta(1.0, 4.0) * 0.15),
    squint=float(rng.beta(1.0, 3.0) * 0.2),
    contact=float(np.clip(rng.beta(5.0, 1.5), 0.45, 0.97)),
    away=(float(away_side * rng.uniform(0.04, 0.26)), float(rng.normal(0.03, 0.11))),
    aim=(float(rng.normal(0.0, 0.02)), float(min(0.02, rng.normal(-0.015, 0.03)))),
    follow=float(rng.uniform(0.1, 0.6)),
    breath=factor(0.3, 0.4, 1.8),
  )


def style_to_array(style: Style) -> np.ndarray:
  """The fields of a style in their order, float32 `[33]`; tuples become as many numbers."""
  return np.concatenate([np.atleast_1d(value) for value in dataclasses.astuple(style)]).astype(np.float32)
