"""Lips: opening of the inner lips from coefficients, and contact of lips and teeth as hard constraints.

Heights are those of the middle of the inner lips of the neutral head mesh, in decimeters. They are linear in the
coefficients; a test compares them with the mesh.
"""

from __future__ import annotations

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import columns

# Coefficient -> rise of the lower edge of the upper lip and of the upper edge of the lower lip, for 1 on both sides.
_RISE = {
  'jawOpen': (0.003, -0.334),
  'jawForward': (-0.002, -0.016),
  'mouthClose': (-0.070, 0.268),
  'mouthFunnel': (0.045, -0.079),
  'mouthPucker': (-0.012, 0.004),
  'mouthRight': (-0.006, 0.007),
  'mouthLeft': (-0.006, 0.007),
  'mouthSmile': (0.031, 0.060),
  'mouthDimple': (0.007, 0.004),
  'mouthStretch': (-0.003, -0.009),
  'mouthRollLower': (0.0, 0.030),
  'mouthRollUpper': (-0.022, 0.0),
  'mouthShrugLower': (0.0, 0.048),
  'mouthShrugUpper': (0.038, 0.0),
  'mouthPress': (0.007, 0.032),
  'mouthLowerDown': (0.0, -0.039),
  'mouthUpperUp': (0.049, 0.0),
  'cheekPuff': (-0.009, 0.003),
}
NEUTRAL_OPENING_DM = 0.0063
FACE_HEIGHT_DM = 1.53  # from 0.3 dm below the hairline to the bottom of the chin
_LOWER_LIP_DM, _TEETH_DM = 6.6041, 6.6275  # upper edge of the lower lip, and lower edge of the upper teeth
_CONTACT_DM = -0.014  # overlap of closed lips: lips are soft, and their sides close later than their middle
_DEEPEST_DM = -0.018  # greatest overlap
_TUCKED_JAW = 0.012  # the jaw opens at least so much in a tuck

# How far contact suppresses coefficients that are in its way: by a closure, and by a tuck.
_SUPPRESSED = {
  'mouthUpperUp': (0.85, 0.0),
  'mouthLowerDown': (0.9, 1.0),
  'mouthShrugUpper': (0.9, 0.3),
  'mouthFunnel': (0.8, 0.8),
  'mouthPucker': (0.0, 0.3),
  'tongueOut': (1.0, 1.0),
  'mouthClose': (0.0, 1.0),
  'mouthRollUpper': (0.0, 1.0),
  'jawOpen': (0.3, 0.3),
}


def _rises() -> np.ndarray:
  rises = np.zeros((2, blendshapes.NUM_BLENDSHAPES))
  for name, values in _RISE.items():
    own = list(columns.columns_of(name))
    rises[:, own] = np.array(values)[:, None] / len(own)
  return rises


_UPPER, _LOWER = _rises()


def opening(coefficients: np.ndarray) -> np.ndarray:
  """Opening of the inner lips in decimeters, `[...]`, from coefficients `[..., 52]`; negative where lips overlap."""
  return NEUTRAL_OPENING_DM + coefficients @ (_UPPER - _LOWER)


def lip_above_teeth(coefficients: np.ndarray) -> np.ndarray:
  """Height of the lower lip's edge above the edge of the upper teeth in decimeters, `[...]`; 0 is contact."""
  return _LOWER_LIP_DM - _TEETH_DM + coefficients @ _LOWER


def constrained(coefficients: np.ndarray, closure: np.ndarray, tuck: np.ndarray) -> np.ndarray:
  """Coefficients whose lips meet where they must, and never pass through each other.

  Args:
    coefficients: float `[n, 52]`.
    closure: how far the lips close, `[n]`; 1 means contact for any jaw and expression.
    tuck: how far the lower lip goes to the upper teeth, `[n]`; 1 means contact.

  Returns:
    float `[n, 52]`, clipped to [0, 1].
  """
  result = coefficients.copy()
  for name, (by_closure, by_tuck) in _SUPPRESSED.items():
    own = columns.columns_of(name)
    result[:, own] *= ((1 - by_closure * closure) * (1 - by_tuck * tuck))[:, None]
  _tuck(result, tuck)
  _close(result, closure)
  np.clip(result, 0.0, 1.0, out=result)
  # Where lips would pass through each other, for example in a broad smile with closed lips, the jaw gives way.
  overlap = np.maximum(_DEEPEST_DM - opening(result), 0.0)
  jaw = blendshapes.INDEX['jawOpen']
  result[:, jaw] += overlap / (_UPPER - _LOWER)[jaw]
  return np.clip(result, 0.0, 1.0)


def _tuck(result: np.ndarray, tuck: np.ndarray) -> None:
  """Rolls the lower lip in and lifts it to the upper teeth, which the upper lip uncovers."""
  index = blendshapes.INDEX
  result[:, index['mouthRollLower']] = np.maximum(result[:, index['mouthRollLower']], 0.55 * tuck)
  upper = list(columns.columns_of('mouthUpperUp'))
  result[:, upper] = np.maximum(result[:, upper], 0.30 * tuck[:, None])
  # The jaw rises as far as it can; the muscle of the chin lifts the lip over the rest of the way.
  jaw, shrug = index['jawOpen'], index['mouthShrugLower']
  missing = tuck * np.maximum(-lip_above_teeth(result), 0.0)
  least = np.minimum(result[:, jaw], _TUCKED_JAW)
  result[:, jaw] = np.maximum(result[:, jaw] + missing / _LOWER[jaw], least)
  missing = tuck * np.maximum(-lip_above_teeth(result), 0.0)
  result[:, shrug] += missing / _LOWER[shrug]


def _close(result: np.ndarray, closure: np.ndarray) -> None:
  """Brings the lips together with `mouthClose`, and presses them a little."""
  press = list(columns.columns_of('mouthPress'))
  result[:, press] = np.maximum(result[:, press], 0.15 * closure[:, None])
  column = blendshapes.INDEX['mouthClose']
  excess = np.maximum(opening(result) - _CONTACT_DM, 0.0)
  result[:, column] += closure * excess / (_LOWER - _UPPER)[column]
