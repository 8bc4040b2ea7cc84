"""Emotions: the eight of MEAD as ARKit coefficients with an intensity, a course in time and a manner of the head.

The sets follow the action units of FACS: happy 6 + 12, sad 1 + 4 + 15, angry 4 + 5 + 7 + 23, surprised 1 + 2 + 5 + 26,
afraid 1 + 2 + 4 + 5 + 20, disgusted 9 + 15 + 16, contemptuous 12 + 14 on one side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes, errors
from seetalk_jax.constants import EMOTIONS
from seetalk_jax.synthetic.acting import columns, curves
from seetalk_jax.synthetic.acting.head import Manner
from seetalk_jax.synthetic.acting.prosody import Prosody

# Emotion -> variants, each the coefficients at full intensity. One-sided names are swapped for half of the people.
SETS: dict[str, tuple[dict[str, float], ...]] = {
  'happy': (
    dict(mouthSmile=0.78, cheekSquint=0.65, eyeSquint=0.22, mouthDimple=0.12),
    dict(mouthSmile=0.85, cheekSquint=0.70, eyeSquint=0.30, jawOpen=0.09, mouthUpperUp=0.60, mouthLowerDown=0.25),
    dict(mouthSmile=0.70, cheekSquint=0.45, eyeSquint=0.12, browInnerUp=0.12, browOuterUp=0.30, mouthUpperUp=0.35),
  ),
  'sad': (
    dict(browInnerUp=0.67, browDown=0.18, mouthFrown=0.60, mouthShrugLower=0.30, eyeSquint=0.12),
    dict(browInnerUp=0.54, browDown=0.28, mouthFrown=0.40, mouthPress=0.25, eyeSquint=0.20, mouthRollLower=0.10),
    dict(browInnerUp=0.58, mouthFrown=0.50, mouthStretch=0.18, jawOpen=0.03, eyeSquint=0.08),
  ),
  'angry': (
    dict(browDown=0.85, eyeSquint=0.45, eyeWide=0.15, mouthPress=0.45, mouthRollLower=0.15, noseSneer=0.20),
    dict(browDown=0.90, eyeWide=0.35, eyeSquint=0.25, noseSneer=0.35, mouthUpperUp=0.30, mouthLowerDown=0.35),
    dict(browDown=0.75, eyeSquint=0.50, mouthFrown=0.30, mouthShrugLower=0.30, jawForward=0.20, mouthPress=0.20),
  ),
  'surprised': (
    dict(browInnerUp=0.46, browOuterUp=1.00, eyeWide=0.85, jawOpen=0.19),
    dict(browInnerUp=0.37, browOuterUp=0.85, eyeWide=0.70, jawOpen=0.09, mouthFunnel=0.22),
    dict(browInnerUp=0.42, browOuterUp=0.95, eyeWide=0.80, mouthSmile=0.22, jawOpen=0.11),
  ),
  'afraid': (
    dict(browInnerUp=0.75, browOuterUp=0.30, browDown=0.35, eyeWide=0.70, mouthStretch=0.50, jawOpen=0.04),
    dict(browInnerUp=0.67, browOuterUp=0.40, browDown=0.25, eyeWide=0.60, mouthStretch=0.35, mouthLowerDown=0.25),
    dict(browInnerUp=0.71, browDown=0.30, eyeWide=0.55, mouthFrown=0.20, mouthStretch=0.30, mouthPress=0.15),
  ),
  'disgusted': (
    dict(noseSneer=0.75, browDown=0.45, eyeSquint=0.45, cheekSquint=0.35, mouthUpperUp=0.40, mouthFrown=0.30),
    dict(noseSneer=0.60, browDown=0.35, eyeSquint=0.40, mouthFrown=0.45, mouthShrugLower=0.40, mouthShrugUpper=0.20),
    dict(noseSneer=0.65, browDown=0.40, eyeSquint=0.50, cheekSquint=0.40, mouthLowerDown=0.25, mouthStretch=0.20),
  ),
  'contemptuous': (
    dict(mouthSmileLeft=0.40, mouthDimpleLeft=0.60, mouthPressLeft=0.25, cheekSquintLeft=0.20, mouthLeft=0.10),
    dict(mouthSmileLeft=0.30, mouthDimpleLeft=0.50, browOuterUpRight=0.40, eyeSquint=0.18, mouthPress=0.12),
    dict(mouthDimpleLeft=0.65, mouthUpperUpLeft=0.30, noseSneerLeft=0.25, eyeSquint=0.22, mouthSmileLeft=0.15),
  ),
}  # fmt: skip

MANNERS = {
  'neutral': Manner(),
  'happy': Manner(amplitude=1.25, tempo=1.1, pitch=0.015, brows=1.2),
  'sad': Manner(amplitude=0.6, tempo=0.7, pitch=-0.09, gaze=(0.0, -0.07), blinks=1.2, brows=0.4),
  'angry': Manner(amplitude=1.2, tempo=1.25, pitch=-0.05, forward=0.05, blinks=0.6, brows=0.5),
  'surprised': Manner(amplitude=1.1, tempo=1.15, pitch=0.03, forward=-0.04, blinks=0.7, brows=1.3),
  'afraid': Manner(amplitude=0.8, tempo=1.2, pitch=0.0, forward=-0.05, jitter=0.006, blinks=1.4, brows=0.7),
  'disgusted': Manner(amplitude=0.9, tempo=0.95, pitch=0.03, forward=-0.05, gaze=(0.03, -0.02), brows=0.5),
  'contemptuous': Manner(amplitude=0.8, tempo=0.85, pitch=0.06, gaze=(0.0, -0.04), brows=0.7),
}

# Share of an emotion's mouth that remains while its owner speaks: the rest of the mouth belongs to the speech.
_IN_SPEECH = {
  'jawOpen': 0.25,
  'mouthFunnel': 0.3,
  'mouthPress': 0.3,
  'mouthRollLower': 0.2,
  'mouthShrugLower': 0.4,
  'mouthShrugUpper': 0.5,
  'mouthUpperUp': 0.7,
  'mouthLowerDown': 0.7,
  'mouthStretch': 0.7,
  'mouthSmile': 0.75,
  'mouthDimple': 0.8,
  'mouthFrown': 0.75,
}


class Acted(NamedTuple):
  """Emotion of a performance.

  Attributes:
    coefficients: of the emotion alone, float `[n, 52]`.
    weights: of `constants.EMOTIONS` per frame, float `[n, 8]`; they sum to 1.
    manner: of head, brows and eyes for the intensity.
  """

  coefficients: np.ndarray
  weights: np.ndarray
  manner: Manner


def check(emotion: str, intensity: float) -> None:
  """Raises InputError for an unknown emotion, or an intensity outside [0, 1]."""
  if emotion not in EMOTIONS:
    raise errors.InputError(f'unknown emotion {emotion!r}, emotion: use one of {", ".join(EMOTIONS)}')
  if not 0.0 <= intensity <= 1.0:
    raise errors.InputError(f'intensity {intensity}, intensity: use 0 to 1')


def sample_set(emotion: str, rng: np.random.Generator) -> np.ndarray:
  """Coefficients `[52]` of an emotion at full intensity, with the variation between people; zeros for 'neutral'."""
  result = np.zeros(blendshapes.NUM_BLENDSHAPES)
  if emotion == 'neutral':
    return result
  variant = SETS[emotion][rng.integers(len(SETS[emotion]))]
  for name, value in variant.items():
    size = value * float(np.exp(rng.normal(0.0, 0.18)))
    own = columns.columns_of(name)
    shares = 1 + np.array([1.0, -1.0])[: len(own)] * rng.normal(0.0, 0.06) if len(own) == 2 else 1.0
    result[list(own)] = np.minimum(size * shares, 1.0)
  return result[list(blendshapes.MIRROR)] if rng.random() < 0.5 else result


def act(
  times: np.ndarray, prosody: Prosody, emotion: str, intensity: float, tempo: float, rng: np.random.Generator
) -> Acted:
  """Emotion with onset, apex and decay.

  It is there from the first frame in half of the performances and begins within the first second in the others; it
  is strongest on accents. A third of the performances end with its decay.

  Args:
    times: of the frames in seconds, `[n]`.
    prosody: accents and speech activity.
    emotion: of `constants.EMOTIONS`.
    intensity: 0 to 1.
    tempo: of the speaker.
    rng: random numbers.

  Raises:
    InputError: the emotion is unknown, or the intensity is outside [0, 1].
  """
  check(emotion, intensity)
  apex = sample_set(emotion, rng)
  course = _course(times, prosody, tempo * MANNERS[emotion].tempo, rng) * intensity
  weights = np.zeros((len(times), len(EMOTIONS)))
  weights[:, 0] = 1 - course
  weights[:, EMOTIONS.index(emotion)] += course
  coefficients = course[:, None] * apex
  for name, share in _IN_SPEECH.items():
    own = list(columns.columns_of(name))
    coefficients[:, own] *= (1 - (1 - share) * prosody.activity)[:, None]
  return Acted(coefficients, weights, _scaled(MANNERS[emotion], intensity))


def _course(times: np.ndarray, prosody: Prosody, tempo: float, rng: np.random.Generator) -> np.ndarray:
  """Strength over time, `[n]`, 0 to 1: onset, a wavering apex with peaks on accents, and decay."""
  end = times[-1] if len(times) else 0.0
  begins = -10.0 if rng.random() < 0.5 else rng.uniform(0.0, min(1.0, 0.3 * end + 0.01))
  stops = np.inf if rng.random() < 0.67 else rng.uniform(max(0.75 * end, end - 1.0), end + 0.5)
  course = curves.plateau(times, begins, min(stops, 1e6), rng.uniform(0.25, 0.7) / tempo, 0.9 / tempo)
  slow = curves.colored_noise(len(times), rng, 0.1, 0.6, 1.5)[:, 0]
  peaks = curves.bumps(times, prosody.accents, 0.3 * prosody.sizes, 0.25 / tempo, 0.6 / tempo)
  return course * np.clip(0.78 + 0.10 * slow + peaks, 0.45, 1.0)


def _scaled(manner: Manner, intensity: float) -> Manner:
  """A manner between neutral and its full form."""
  neutral = Manner()
  values = []
  for start, full in zip(neutral, manner, strict=True):
    mixed = np.asarray(start) + intensity * (np.asarray(full) - np.asarray(start))
    values.append(tuple(mixed.tolist()) if mixed.ndim else float(mixed))
  return Manner(*values)
