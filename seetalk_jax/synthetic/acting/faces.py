"""Faces of single pictures: random expressions and poses, and neutral portraits."""

from __future__ import annotations

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import columns, eyes, lips

# Units that move together, each with its greatest coefficient, and how often they occur.
_MOUTHS: tuple[tuple[float, dict[str, float]], ...] = (
  (3.0, dict(jawOpen=0.8)),
  (3.0, dict(mouthSmile=0.95)),
  (2.5, dict(mouthSmile=0.95, cheekSquint=0.8)),
  (1.5, dict(mouthSmile=0.9, jawOpen=0.35)),
  (1.5, dict(mouthSmile=0.9, mouthUpperUp=0.7, jawOpen=0.25)),
  (1.5, dict(mouthPucker=1.0)),
  (1.5, dict(mouthFunnel=1.0)),
  (1.0, dict(mouthFunnel=0.9, jawOpen=0.4)),
  (1.0, dict(mouthFrown=0.9)),
  (1.0, dict(mouthStretch=0.9)),
  (1.0, dict(mouthStretch=0.7, jawOpen=0.4)),
  (1.0, dict(mouthPress=0.9)),
  (1.0, dict(mouthUpperUp=0.8, mouthLowerDown=0.6)),
  (1.0, dict(mouthUpperUp=0.6, jawOpen=0.5)),
  (0.6, dict(mouthShrugLower=0.8, mouthFrown=0.5)),
  (0.6, dict(mouthRollLower=0.7, mouthRollUpper=0.6)),
  (0.5, dict(mouthDimpleLeft=0.8)),
  (0.5, dict(mouthSmileLeft=0.7)),
  (0.4, dict(mouthLeft=0.7)),
  (0.4, dict(jawLeft=0.7)),
  (0.3, dict(cheekPuff=0.8)),
  (0.2, dict(tongueOut=0.8, jawOpen=0.35)),
)
_BROWS: tuple[tuple[float, dict[str, float]], ...] = (
  (2.0, dict(browInnerUp=1.0)),
  (2.0, dict(browDown=1.0)),
  (2.0, dict(browInnerUp=0.8, browOuterUp=0.8)),
  (0.7, dict(browOuterUpLeft=0.8)),
  (0.7, dict(noseSneer=0.8)),
)
_EYES: tuple[tuple[float, dict[str, float]], ...] = (
  (3.0, dict(eyeBlink=1.0)),
  (1.5, dict(eyeSquint=0.9)),
  (1.5, dict(eyeWide=0.9)),
  (0.3, dict(eyeBlinkLeft=1.0)),
)


def random_expression(rng: np.random.Generator, max_units: int = 3, gaze: bool = True) -> np.ndarray:
  """Face and pose of a random picture, float32 `[58]`.

  One to `max_units` coefficients (a left and right pair counts once) are active, in combinations that people show:
  of the mouth, the brows and the eyes. The lips do not pass through each other. The pose is `random_pose`.

  Args:
    rng: random numbers.
    max_units: greatest number of active coefficients, besides the gaze.
    gaze: whether the eyes look elsewhere than at the viewer in a third of the pictures.

  Raises:
    ValueError: `max_units` is below 1.
  """
  if max_units < 1:
    raise ValueError(f'max_units is {max_units}: use 1 or more')
  coefficients = np.zeros((1, blendshapes.NUM_BLENDSHAPES))
  left = max_units
  order = rng.permutation(3)
  wanted = rng.random(3) < (0.8, 0.4, 0.35)
  if not wanted.any():
    wanted[0] = True
  for group in order:
    if not wanted[group]:
      continue
    choices = [choice for choice in (_MOUTHS, _BROWS, _EYES)[group] if len(choice[1]) <= left]
    if not choices:
      continue
    weights = np.array([weight for weight, _ in choices])
    units = choices[rng.choice(len(choices), p=weights / weights.sum())][1]
    left -= len(units)
    coefficients[0] = np.maximum(coefficients[0], _drawn(units, rng))
  zeros = np.zeros(1)
  shut = coefficients[:, [blendshapes.INDEX['eyeBlinkLeft'], blendshapes.INDEX['eyeBlinkRight']]]
  coefficients = lips.constrained(coefficients, zeros, zeros)
  pose = random_pose(rng)
  target = np.zeros(2)
  if gaze:
    target = pose[:2] + rng.normal(0, (0.16, 0.10)) if rng.random() < 0.35 else rng.normal(0, 0.02, 2)
    eyes.look(coefficients, target[None], pose[None, :3])
  coefficients[:, list(columns.columns_of('eyeBlink'))] = shut
  return np.concatenate([coefficients[0], pose]).astype(np.float32)


def _drawn(units: dict[str, float], rng: np.random.Generator) -> np.ndarray:
  """Coefficients `[52]` of units with random strengths and slight asymmetry; half of the one-sided are mirrored."""
  result = np.zeros(blendshapes.NUM_BLENDSHAPES)
  strength = rng.beta(1.6, 1.1)
  for name, greatest in units.items():
    own = columns.columns_of(name)
    size = greatest * strength * rng.uniform(0.75, 1.0)
    if name == 'eyeBlink' and rng.random() < 0.5:
      size = 1.0
    skew = rng.normal(0.0, 0.04) * np.array([1.0, -1.0]) if len(own) == 2 else 0.0
    result[list(own)] = np.clip(size * (1 + skew), 0.0, 1.0)
  return result[list(blendshapes.MIRROR)] if rng.random() < 0.5 else result


def random_pose(rng: np.random.Generator) -> np.ndarray:
  """Yaw, pitch, roll up to 0.45, 0.3, 0.25 rad, smaller in half of the pictures, and shift: float64 `[6]`."""
  # Under a head turn, the mouth contributes little to any loss.
  reach = 0.25 if rng.random() < 0.5 else 1.0
  # A distribution between normal and uniform, so that the ends of the range are sampled too.
  angles = reach * np.array([0.45, 0.30, 0.25]) * (2 * rng.beta(1.6, 1.6, 3) - 1)
  shift = np.clip(reach * rng.normal(0, 0.04, 3), -0.12, 0.12)
  return np.concatenate([angles, shift])


def neutral(rng: np.random.Generator) -> np.ndarray:
  """Face of a neutral portrait, float32 `[58]`: frontal within 0.02 rad, mouth closed, eyes open, gaze to the viewer.

  Small values of smile, brows and lids vary, as in photographs of people who mean to look neutral.
  """
  values = np.abs(rng.normal(0.0, 1.0, 6)) * (0.03, 0.02, 0.03, 0.03, 0.02, 0.02)
  smile, frown, brow, furrow, squint, droop = np.minimum(values, 0.06)
  kind = rng.random() < 0.7
  face = columns.face(
    mouthSmile=smile if kind else 0.0,
    mouthFrown=0.0 if kind else frown,
    browInnerUp=brow,
    browDown=furrow if brow < 0.02 else 0.0,
    eyeSquint=squint,
    eyeBlink=droop,
    mouthShrugLower=0.12,
    mouthPress=rng.uniform(0.02, 0.10),
  )[None]
  pose = np.clip(rng.normal(0, 0.008, 6), -0.02, 0.02)
  pose[3:] *= 0.5
  eyes.look(face, np.clip(rng.normal(0, 0.008, (1, 2)), -0.02, 0.02), pose[None, :3])
  face = lips.constrained(face, np.zeros(1), np.zeros(1))
  return np.concatenate([face[0], pose]).astype(np.float32)
