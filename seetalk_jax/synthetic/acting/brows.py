"""Brows: raises on accents and at starts of phrases, furrows, and slow changes."""

from __future__ import annotations

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.synthetic.acting import curves
from seetalk_jax.synthetic.acting.prosody import Prosody
from seetalk_jax.synthetic.acting.style import Style


def move(
  times: np.ndarray, style: Style, prosody: Prosody, rng: np.random.Generator, amplitude: float = 1.0
) -> np.ndarray:
  """Coefficients of the brows with all others 0, float `[n, 52]`.

  Args:
    times: of the frames in seconds, `[n]`.
    style: brow activity and asymmetry.
    prosody: accents and phrases.
    rng: random numbers.
    amplitude: factor on raises and furrows on accents.
  """
  coefficients = np.zeros((len(times), blendshapes.NUM_BLENDSHAPES))
  count = len(prosody.accents)
  strong = rng.random(count) < 0.5 + 0.5 * prosody.sizes
  sizes = style.brow * amplitude * strong * (0.4 + 0.8 * prosody.sizes) * np.exp(rng.normal(0, 0.3, count))
  hold = rng.uniform(0.2, 0.7, count) / style.tempo
  raised = curves.bumps(times, prosody.accents - 0.03, sizes, 0.2 / style.tempo, hold)
  starts = prosody.phrases[:, 0]
  opening = 0.7 * style.brow * amplitude * rng.random(len(starts)) * (rng.random(len(starts)) < 0.5)
  raised += curves.bumps(times, starts + 0.1, opening, 0.3, rng.uniform(0.4, 1.2))
  noise = curves.colored_noise(len(times), rng, 0.15, 2.5, 1.3, channels=2)
  # Most of the range of real brows is slow: raised for a phrase, lowered for the next.
  slow = curves.colored_noise(len(times), rng, 0.08, 0.6, 1.5)[:, 0]
  raised += (0.03 + 0.10 * style.brow) * (noise[:, 0] + 0.3) + (0.12 + 0.50 * style.brow) * slow
  raised = np.tanh(np.maximum(raised, 0.0))
  furrow = style.frown * amplitude * np.maximum(0.5 * prosody.activity + 0.5 * noise[:, 1], 0.0)
  furrow *= 1 - 0.7 * raised
  # The unit of the inner brows is the stronger one: raised alone, they look sad.
  outer = rng.uniform(0.8, 1.3)
  index = blendshapes.INDEX
  coefficients[:, index['browInnerUp']] = raised * rng.uniform(0.33, 0.62)
  for side, share in (('Left', 1 + 2 * style.asymmetry[0]), ('Right', 1 - 2 * style.asymmetry[0])):
    coefficients[:, index['browOuterUp' + side]] = np.minimum(outer * share * raised, 1.0)
    coefficients[:, index['browDown' + side]] = share * furrow
    coefficients[:, index['eyeWide' + side]] = 0.22 * raised
  return coefficients
