"""Articulation: coefficients of the mouth from phonemes, loudness and rate, with coarticulation by dominance.

Every phoneme pulls on a group of coefficients with a weight that decays before and after it, as in Cohen and Massaro
(1993). Closures and tucks come out as curves of their own, because they hold for any neighbors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ
from seetalk_jax.synthetic import motion, voice
from seetalk_jax.synthetic.acting import columns, curves, visemes
from seetalk_jax.synthetic.acting.style import Style

_GRID_HZ = 100
_LEAD_S = 0.04  # lead of the mouth over the audio
_BLOCK_S, _REACH_S = 2.0, 0.8  # weights are computed in blocks, from the phonemes within this reach
_RAMP_S = 0.055  # time in which lips close or open
_MIN_HOLD_S = 0.023  # half of the shortest contact, long enough to contain the center of a frame
_SHORT_REST_S = 0.28  # shorter pauses pull less
_EDGE_S = 0.03  # a phoneme has its full weight except for this time at both ends, at most
_CLOSES_S, _OPENS_S = 0.06, 0.10  # the same for a pause, at its start and end
_USUAL_RATE_HZ = 12.5  # phonemes a second
_USUAL_DBFS = -23.0
_GAIN = {
  'jawOpen': 1.0,
  'mouthUpperUp': 1.0,
  'mouthLowerDown': 1.0,
}  # factors on the visemes, from measurements


class Articulation(NamedTuple):
  """Mouth of an utterance.

  Attributes:
    coefficients: float `[n, 52]`, without contact.
    closure: how far the lips must close, `[n]`, for `lips.constrained`.
    tuck: how far the lower lip must reach the upper teeth, `[n]`.
  """

  coefficients: np.ndarray
  closure: np.ndarray
  tuck: np.ndarray


class _Segments(NamedTuple):
  """Visemes in time: targets `[s, k]`, strengths `[s, g]`, the rest `[s]`."""

  targets: np.ndarray
  strengths: np.ndarray
  starts: np.ndarray
  ends: np.ndarray
  full: np.ndarray  # [s, 2]: where the full weight starts and ends
  closure: np.ndarray
  tuck: np.ndarray


def articulate(
  utterance: voice.Utterance, times: np.ndarray, style: Style, rng: np.random.Generator
) -> Articulation:
  """Moves the mouth as the phonemes of `utterance` require.

  Args:
    utterance: waveform and phonemes.
    times: of the frames in seconds, `[n]`.
    style: amplitude and asymmetry of the speaker.
    rng: small variations of the amplitude.
  """
  if not len(times):
    return Articulation(np.zeros((0, blendshapes.NUM_BLENDSHAPES)), np.zeros(0), np.zeros(0))
  segments = _segments(utterance, style)
  grid = np.arange(0.0, times[-1] + 0.5 / FPS, 1.0 / _GRID_HZ)
  values = _coarticulated(segments, grid)
  loud = motion.loudness(utterance.waveform, grid + 0.6 * _LEAD_S)[:, None]
  drift = curves.colored_noise(len(times), rng, 0.1, 1.0, 1.0)
  drift = np.interp(grid, times, drift[:, 0])[:, None]
  vertical = [visemes.SPOKEN.index(name) for name in ('mouthUpperUp', 'mouthLowerDown')]
  jaw = visemes.SPOKEN.index('jawOpen')
  values[:, [jaw]] *= (0.45 + 0.65 * loud) * (1 + 0.10 * drift)
  values[:, vertical] *= (0.6 + 0.45 * loud) * (1 + 0.06 * drift)
  values = curves.smoothed(values, 0.035 * _GRID_HZ)
  values = np.stack([np.interp(times, grid, column) for column in values.T], axis=1)
  held = [_held(times, segments, contact) for contact in (segments.closure, segments.tuck)]
  return Articulation(_on_both_sides(values, style), *held)


def _segments(utterance: voice.Utterance, style: Style) -> _Segments:
  """The visemes of the phonemes, scaled by stress, effort, rate and style."""
  shapes, edges, full, scales = [], [], [], []
  for phoneme in utterance.phonemes:
    length, at = phoneme.end_s - phoneme.start_s, phoneme.start_s
    stress = 1.12 if visemes.is_stressed(phoneme.label) else 0.9
    for shape, share in visemes.label_visemes(phoneme.label):
      start, at = at, at + share * length
      if shape is visemes.REST:
        pull = min(1.0, (length / _SHORT_REST_S) ** 2)
        shape = shape._replace(strengths=tuple(pull * strength for strength in shape.strengths))
        margins = min(_CLOSES_S, 0.3 * length), min(_OPENS_S, 0.4 * length)
        margins = (0.0 if start <= 0 else margins[0], margins[1])
      else:
        margins = (min(_EDGE_S, 0.2 * (at - start)),) * 2
      shapes.append(shape)
      edges.append((start, at))
      full.append((start + margins[0], max(at - margins[1], start + margins[0])))
      scales.append(stress if shape.is_vowel else 1.0)
  shapes.append(visemes.REST)  # after the end
  edges.append((utterance.duration_s, np.inf))
  full.append((utterance.duration_s + _CLOSES_S, np.inf))
  scales.append(1.0)
  targets = np.array([shape.targets for shape in shapes])
  amplitude = style.articulation * _effort(utterance) * _slowness(utterance)
  for name, factor in (
    ('jawOpen', amplitude * _GAIN['jawOpen'] * np.array(scales)),
    ('mouthFunnel', style.rounding),
    ('mouthPucker', style.rounding),
    ('mouthStretch', style.spread),
    ('mouthSmile', style.spread),
    ('mouthUpperUp', style.teeth * _GAIN['mouthUpperUp'] * amplitude**0.5),
    ('mouthLowerDown', style.lower_lip * _GAIN['mouthLowerDown'] * amplitude**0.5),
  ):
    targets[:, visemes.SPOKEN.index(name)] *= factor
  starts, ends = np.array(edges).T
  resting = np.array([shape.strengths[0] > 0 and shape.targets == visemes.REST.targets for shape in shapes])
  targets[resting, visemes.SPOKEN.index('jawOpen')] = style.parted
  return _Segments(
    targets,
    np.array([shape.strengths for shape in shapes]),
    starts,
    ends,
    np.array(full),
    np.array([shape.closure for shape in shapes]),
    np.array([shape.tuck for shape in shapes]),
  )


def _effort(utterance: voice.Utterance) -> float:
  """Factor on the amplitude from the level of the voice: shouting opens the mouth more, whispering less."""
  if not len(utterance.waveform):
    return 1.0
  power = np.square(utterance.waveform, dtype=np.float64)
  level = 10 * np.log10(power.mean() + 1e-10) + 1.5  # of the voiced parts, about
  return float(np.clip(1 + 0.018 * (level - _USUAL_DBFS), 0.75, 1.3))


def _slowness(utterance: voice.Utterance) -> float:
  """Factor on the amplitude from the speaking rate: fast speech moves less."""
  lengths = [p.end_s - p.start_s for p in utterance.phonemes if not visemes.is_silence(p.label)]
  if not lengths:
    return 1.0
  return float(np.clip((_USUAL_RATE_HZ * np.mean(lengths)) ** 0.35, 0.8, 1.2))


def _coarticulated(segments: _Segments, grid: np.ndarray) -> np.ndarray:
  """Weighted means of the targets at the times of the grid, `[len(grid), k]`."""
  values = np.zeros((len(grid), segments.targets.shape[1]))
  block = int(_BLOCK_S * _GRID_HZ)
  for first in range(0, len(grid), block):
    times = grid[first : first + block] + _LEAD_S
    low = np.searchsorted(segments.ends, times[0] - _REACH_S)
    high = np.searchsorted(segments.starts, times[-1] + _REACH_S)
    near = slice(min(low, len(segments.starts) - 1), max(high, low + 1))
    before = segments.full[near, 0] - times[:, None]
    after = times[:, None] - segments.full[near, 1]
    column = 0
    for group, (names, lead_s, lag_s) in enumerate(visemes.GROUPS.values()):
      distance = np.maximum(np.maximum(before / lead_s, after / lag_s), 0.0)
      weight = segments.strengths[near, group] * np.exp(-distance) + 1e-9
      weight /= weight.sum(axis=1, keepdims=True)
      own = slice(column, column + len(names))
      values[first : first + block, own] = weight @ segments.targets[near, own]
      column += len(names)
  return values


def _held(times: np.ndarray, segments: _Segments, contact: np.ndarray) -> np.ndarray:
  """Contact held through the middle of its phoneme, regardless of the neighbors; `[n]`.

  It has no lead, because half a ramp is before the phoneme anyway.
  """
  touching = contact > 0
  if not touching.any():
    return np.zeros(len(times))
  starts, ends = segments.starts[touching], segments.ends[touching]
  outside = np.abs(times[:, None] - (starts + ends) / 2) - np.maximum(_MIN_HOLD_S, 0.35 * (ends - starts))
  ramp = 0.5 + 0.5 * np.cos(np.pi * np.clip(outside / _RAMP_S, 0.0, 1.0))
  return (ramp * contact[touching]).max(axis=1)


def _on_both_sides(values: np.ndarray, style: Style) -> np.ndarray:
  """Coefficients `[n, 52]` from those of `visemes.SPOKEN`, with the asymmetry of the speaker."""
  coefficients = np.zeros((len(values), blendshapes.NUM_BLENDSHAPES))
  corners, lips = style.asymmetry[2:]
  shares = {
    'mouthSmile': corners,
    'mouthStretch': corners,
    'mouthUpperUp': lips,
    'mouthLowerDown': lips,
  }
  for name, column in zip(visemes.SPOKEN, values.T, strict=True):
    share = shares.get(name, 0.0)
    for side, index in zip((1 + share, 1 - share), columns.columns_of(name), strict=False):
      coefficients[:, index] = side * column
  opened = coefficients[:, blendshapes.INDEX['jawOpen']]
  side = 'Left' if style.lean > 0 else 'Right'
  coefficients[:, blendshapes.INDEX['mouth' + side]] = 0.25 * abs(style.lean) * opened
  coefficients[:, blendshapes.INDEX['jaw' + side]] = 0.20 * abs(style.lean) * opened
  return coefficients


def waveform_level(waveform: np.ndarray, times: np.ndarray) -> np.ndarray:
  """Level of the sound at `times` relative to its loudest moment there, 0 to 1, `[n]`; zeros for silence."""
  if not len(waveform) or not len(times):
    return np.zeros(len(times))
  power = voice.smooth(np.square(waveform, dtype=np.float64), int(0.04 * SAMPLE_RATE_HZ))
  index = np.round(times * SAMPLE_RATE_HZ).astype(int)
  inside = (index >= 0) & (index < len(waveform))
  level = np.sqrt(np.where(inside, power[np.clip(index, 0, len(waveform) - 1)], 0.0))
  return level / level.max() if level.max() > 1e-4 else np.zeros(len(times))
