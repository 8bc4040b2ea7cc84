"""Pauses: small movements of the mouth between phrases, such as pressed or moistened lips and swallowing."""

from __future__ import annotations

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import columns, curves
from seetalk_jax.synthetic.acting.prosody import Prosody

_SHORTEST_S = 0.4  # shorter pauses have none
_EVERY_S = 2.0  # mean time between two movements in a long pause
# How often each movement occurs, and its greatest coefficients.
_MOVEMENTS: tuple[tuple[float, dict[str, float]], ...] = (
  (3.0, dict(mouthPress=0.55, mouthRollLower=0.15)),
  (2.0, dict(mouthRollLower=0.55, mouthRollUpper=0.40)),
  (1.5, dict(mouthShrugLower=0.35, mouthPress=0.25, jawForward=0.10)),  # swallowing
  (1.5, dict(mouthSmile=0.25, mouthDimple=0.15)),
  (1.0, dict(mouthDimpleLeft=0.40)),
  (1.0, dict(mouthPucker=0.36, mouthPress=0.10)),
  (0.7, dict(mouthLeft=0.30)),
  (0.5, dict(tongueOut=0.30, jawOpen=0.05)),  # moistening
)


def gestures(times: np.ndarray, prosody: Prosody, rng: np.random.Generator) -> np.ndarray:
  """Coefficients of the movements, all others 0, float `[n, 52]`.

  Args:
    times: of the frames in seconds, `[n]`.
    prosody: pauses.
    rng: random numbers.
  """
  coefficients = np.zeros((len(times), blendshapes.NUM_BLENDSHAPES))
  weights = np.array([weight for weight, _ in _MOVEMENTS])
  last = times[-1] if len(times) else 0.0
  for start, end in prosody.pauses:
    at, end = start + rng.uniform(0.05, 0.3), min(end, last + 1.0)
    if end - start < _SHORTEST_S:
      continue
    if rng.random() < 0.5:  # half of the pauses begin without one
      at += rng.exponential(_EVERY_S)
    while at < end - 0.25:
      length = min(rng.uniform(0.35, 1.0), end - at)
      curve = curves.plateau(times, at, at + length, 0.4 * length, 0.45 * length)
      movement = _MOVEMENTS[rng.choice(len(_MOVEMENTS), p=weights / weights.sum())][1]
      face = columns.face(**movement) * rng.uniform(0.4, 1.0)
      if rng.random() < 0.5:
        face = face[list(blendshapes.MIRROR)]
      coefficients = np.maximum(coefficients, curve[:, None] * face)
      at += length + rng.exponential(_EVERY_S)
  return coefficients
