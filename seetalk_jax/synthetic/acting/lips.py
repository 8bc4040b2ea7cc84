"""Lips: opening of the inner lips from coefficients, and contact of lips and teeth as hard constraints.

Heights are those of the middle of the inner lips on the head mesh, in decimeters. They are linear in the
coefficients, except that `mouthClose` counts up to the value of `jawOpen`, as in `human.rig`.
"""

from __future__ import annotations

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import columns, geometry
from seetalk_jax.synthetic.human import mouth

_CONTACT_DM = -0.014  # overlap of closed lips: lips are soft, and their sides close later than their middle
_DEEPEST_DM = -0.018  # greatest overlap
_ROLLED = 0.35  # greatest roll of the lips in a closure
_TUCK_OVERLAP_DM = 0.03  # height of the lower lip above the edge of the upper teeth in a tuck
_TUCKED_JAW = 0.012  # the jaw opens at least so much in a tuck

# How far contact suppresses coefficients that are in its way: by a closure, and by a tuck.
_SUPPRESSED = {
  'mouthUpperUp': (1.0, 0.0),
  'mouthLowerDown': (1.0, 1.0),
  'mouthShrugUpper': (1.0, 0.3),
  'mouthFunnel': (1.0, 0.8),
  'mouthPucker': (0.0, 0.3),
  'tongueOut': (1.0, 1.0),
  'mouthClose': (0.0, 1.0),
  'mouthRollUpper': (0.0, 1.0),
  'jawOpen': (0.3, 0.3),
}


_JAW, _CLOSE = blendshapes.INDEX['jawOpen'], blendshapes.INDEX['mouthClose']


def opening(coefficients: np.ndarray) -> np.ndarray:
  """Opening of the inner lips in decimeters, `[...]`, from coefficients `[..., 52]`; negative where lips overlap."""
  mesh = geometry.lips()
  unused = np.maximum(coefficients[..., _CLOSE] - coefficients[..., _JAW], 0.0)
  per_unit = mesh.upper - mesh.lower
  return mesh.opening + coefficients @ per_unit - unused * per_unit[_CLOSE]


def lip_above_teeth(coefficients: np.ndarray) -> np.ndarray:
  """Height of the lower lip's edge above the edge of the upper teeth in decimeters, `[...]`; 0 is contact.

  Meant for `mouthClose` of at most `jawOpen`.
  """
  mesh = geometry.lips()
  return mouth.TEETH_BELOW_LIP - mesh.opening + coefficients @ mesh.lower


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
  result[:, _CLOSE] = np.minimum(result[:, _CLOSE], result[:, _JAW])
  # Where lips would pass through each other, for example in a broad smile with closed lips, the jaw gives way.
  mesh = geometry.lips()
  overlap = np.maximum(_DEEPEST_DM - opening(result), 0.0)
  result[:, _JAW] += overlap / (mesh.upper - mesh.lower)[_JAW]
  return np.clip(result, 0.0, 1.0)


def _tuck(result: np.ndarray, tuck: np.ndarray) -> None:
  """Rolls the lower lip in and lifts it to the upper teeth, which the upper lip uncovers."""
  index = blendshapes.INDEX
  result[:, index['mouthRollLower']] = np.maximum(result[:, index['mouthRollLower']], 0.55 * tuck)
  upper = list(columns.columns_of('mouthUpperUp'))
  result[:, upper] = np.maximum(result[:, upper], 0.20 * tuck[:, None])
  # The jaw rises as far as it can; the muscle of the chin lifts the lip over the rest of the way.
  shrug, lower = index['mouthShrugLower'], geometry.lips().lower
  missing = tuck * np.maximum(_TUCK_OVERLAP_DM - lip_above_teeth(result), 0.0)
  least = np.minimum(result[:, _JAW], _TUCKED_JAW)
  result[:, _JAW] = np.maximum(result[:, _JAW] + missing / lower[_JAW], least)
  missing = tuck * np.maximum(_TUCK_OVERLAP_DM - lip_above_teeth(result), 0.0)
  result[:, shrug] += missing / lower[shrug]


def _close(result: np.ndarray, closure: np.ndarray) -> None:
  """Brings the lips together: with `mouthClose` as far as the jaw is open, then rolled in, then by the chin."""
  index, mesh = blendshapes.INDEX, geometry.lips()
  closing = mesh.lower - mesh.upper
  press = list(columns.columns_of('mouthPress'))
  result[:, press] = np.maximum(result[:, press], 0.15 * closure[:, None])
  for names, greatest in (
    (('mouthClose',), result[:, _JAW]),
    (('mouthRollLower', 'mouthRollUpper'), _ROLLED),
    (('mouthShrugLower',), 1.0),
  ):
    own = [index[name] for name in names]
    excess = np.maximum(opening(result) - _CONTACT_DM, 0.0)
    room = np.maximum(np.asarray(greatest) - result[:, own].max(axis=1), 0.0)
    result[:, own] += (closure * np.minimum(excess / closing[own].sum(), room))[:, None]
