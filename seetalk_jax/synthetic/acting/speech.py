"""Articulation: coefficients of the mouth from phonemes, loudness and rate, with coarticulation by dominance.

Every phoneme pulls on a group of coefficients with a weight that decays before and after it, as in Cohen and Massaro
(1993). Closures and tucks come out as curves of their own, because they hold for any neighbors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import FPS, SAMPLE_RATE_HZ
from seetalk_jax.synthetic import loudness_and_pitch, voice
from seetalk_jax.synthetic.acting import columns, curves, visemes
from seetalk_jax.synthetic.acting.style import Style

_GRID_HZ = 100
_LEAD_S = 0.02  # lead of the mouth over the audio
_BLOCK_S, _REACH_S = 2.0, 0.8  # weights are computed in blocks, from the phonemes within this reach
_RAMP_S = 0.05  # time in which lips close or open
_RAMP_POWER = 1.5  # lips meet at speed: the opening changes fastest next to the contact
_MIN_HOLD_S = 0.02  # half of the shortest contact, long enough to contain the center of a frame
_HOLD = 0.3  # half of the contact as a share of the phoneme, the rest is release
_SHORT_REST_S = 0.28  # shorter pauses pull less
_BREATHING_S = 0.4  # in longer pauses the speaker breathes in
# Mouths that stay open after a phrase close after this time to this share: real ones are open by 0.040 face heights
# in the pauses of talks, and by 0.025 in silences of a second.
_STAYS_OPEN_S, _LONG_REST = 0.25, 0.2
_EDGE_S = 0.03  # a phoneme has its full weight except for this time at both ends, at most
_CLOSES_S, _OPENS_S = 0.06, 0.10  # the same for a pause, at its start and end
_USUAL_RATE_HZ = 12.5  # phonemes a second
# Factor on the opening of jaw and lips in silence, and what full loudness adds.
_JAW_GAIN, _LIP_GAIN = (0.60, 0.45), (0.70, 0.33)
# Limit of the amplitude of a speaker who articulates widely and loudly: more looks like singing.
_GREATEST_AMPLITUDE = 1.45
# Factors on the visemes, from measurements of the opening and from looking at the mesh.
_GAIN = {
  'jawOpen': 0.60,
  'mouthUpperUp': 1.65,
  'mouthLowerDown': 1.15,
  'mouthFunnel': 0.95,
  'mouthPucker': 0.82,
  'mouthStretch': 1.4,
  'mouthSmile': 1.2,
}


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
  segments = _segments(utterance, style, rng)
  grid = np.arange(0.0, times[-1] + 0.5 / FPS, 1.0 / _GRID_HZ)
  values = _coarticulated(segments, grid)
  loud = loudness_and_pitch.loudness(utterance.waveform, grid + 0.6 * _LEAD_S)[:, None]
  drift = curves.colored_noise(len(times), rng, 0.1, 1.0, 1.0)
  drift = np.interp(grid, times, drift[:, 0])[:, None]
  vertical = [visemes.SPOKEN.index(name) for name in ('mouthUpperUp', 'mouthLowerDown')]
  jaw = visemes.SPOKEN.index('jawOpen')
  # In pauses the opening does not depend on the sound, and wanders.
  paused = _in_pause(utterance, grid + _LEAD_S)[:, None]
  gain = np.where(paused, 1.0, _JAW_GAIN[0] + _JAW_GAIN[1] * loud)
  values[:, [jaw]] *= gain * (1 + np.where(paused, 0.5, 0.10) * np.clip(drift, -1.8, 1.8))
  values[:, vertical] *= (_LIP_GAIN[0] + _LIP_GAIN[1] * loud) * (1 + 0.06 * drift)
  values = curves.smoothed(values, 0.035 * _GRID_HZ)
  values = np.stack([np.interp(times, grid, column) for column in values.T], axis=1)
  held = [_held(times, segments, contact) for contact in (segments.closure, segments.tuck)]
  return Articulation(_on_both_sides(values, style), *held)


def _segments(utterance: voice.Utterance, style: Style, rng: np.random.Generator) -> _Segments:
  """The visemes of the phonemes, scaled by stress, effort, rate and style."""
  shapes, edges, margins, scales, rests = [], [], [], [], []

  def add(shape, start, end, before, after, scale=1.0, rest=np.nan):
    shapes.append(shape)
    edges.append((start, end))
    margins.append((before, after))
    scales.append(scale)
    rests.append(rest)

  for phoneme in utterance.phonemes:
    length, at = phoneme.end_s - phoneme.start_s, phoneme.start_s
    if visemes.is_silence(phoneme.label):
      for start, end, jaw in _pause(phoneme.start_s, phoneme.end_s, style, rng):
        before = 0.0 if start <= 0 else min(_CLOSES_S, 0.3 * (end - start))
        add(_weak_rest(length), start, end, before, min(_OPENS_S, 0.4 * (end - start)), rest=jaw)
      continue
    stress = 1.12 if visemes.is_stressed(phoneme.label) else 0.9
    for shape, share in visemes.label_visemes(phoneme.label):
      edge = min(_EDGE_S, 0.2 * share * length)
      add(shape, at, at + share * length, edge, edge, stress if shape.is_vowel else 1.0)
      at += share * length
  add(visemes.REST, utterance.duration_s, np.inf, _CLOSES_S, 0.0, rest=_rest_jaw(style, rng))
  starts, ends = np.array(edges).T
  full = np.stack([starts, ends], axis=1) + np.array(margins) * [1.0, -1.0]
  return _Segments(
    _scaled_targets(utterance, shapes, np.array(scales), np.array(rests), style),
    np.array([shape.strengths for shape in shapes]),
    starts,
    ends,
    full,
    np.array([shape.closure for shape in shapes]),
    np.array([shape.tuck for shape in shapes]),
  )


def _in_pause(utterance: voice.Utterance, times: np.ndarray) -> np.ndarray:
  """Whether the times are in a silence, or outside the speech: bool `[n]`."""
  spoken = [(p.start_s, p.end_s) for p in utterance.phonemes if not visemes.is_silence(p.label)]
  if not spoken:
    return np.ones(len(times), bool)
  starts, ends = np.array(spoken).T
  index = np.searchsorted(starts, times, side='right') - 1
  return (index < 0) | (times >= ends[np.maximum(index, 0)])


def _rest_jaw(style: Style, rng: np.random.Generator) -> float:
  """Opening of the jaw in a pause: real mouths stay open in many of them."""
  return style.parted + (rng.uniform(0.02, 0.12) if rng.random() < style.open_pauses else 0.0)


def _pause(start: float, end: float, style: Style, rng: np.random.Generator):
  """Parts of a pause as (start, end, jaw): rest, closer lips in a long one, and the breath in before a phrase."""
  jaw, inhaled = _rest_jaw(style, rng), rng.uniform(0.0, 0.14) * style.breath**0.5
  if end - start < _BREATHING_S:
    return [(start, end, jaw)]
  turn = end - min(0.35, 0.5 * (end - start))
  closing = start + _STAYS_OPEN_S
  if turn - closing < 0.05:
    return [(start, turn, jaw), (turn, end, jaw + inhaled)]
  closed = _LONG_REST * jaw
  return [(start, closing, jaw), (closing, turn, closed), (turn, end, closed + inhaled)]


def _weak_rest(length: float) -> visemes.Viseme:
  """The rest shape of a pause; short pauses pull less."""
  pull = min(1.0, (length / _SHORT_REST_S) ** 2)
  return visemes.REST._replace(strengths=tuple(pull * strength for strength in visemes.REST.strengths))


def _scaled_targets(
  utterance: voice.Utterance,
  shapes: list[visemes.Viseme],
  scales: np.ndarray,
  rests: np.ndarray,
  style: Style,
) -> np.ndarray:
  """Targets `[s, k]`: `scales` are for the jaw, `rests` its opening in pauses and NaN elsewhere."""
  targets = np.array([shape.targets for shape in shapes])
  amplitude = min(style.articulation * _effort(utterance) * _slowness(utterance), _GREATEST_AMPLITUDE)
  for name, factor in (
    ('jawOpen', amplitude * _GAIN['jawOpen'] * scales),
    ('mouthFunnel', style.rounding * _GAIN['mouthFunnel']),
    ('mouthPucker', style.rounding * _GAIN['mouthPucker']),
    ('mouthStretch', style.spread * _GAIN['mouthStretch']),
    ('mouthSmile', style.spread * _GAIN['mouthSmile']),
    ('mouthUpperUp', style.teeth * _GAIN['mouthUpperUp'] * amplitude**0.5),
    ('mouthLowerDown', style.lower_lip * _GAIN['mouthLowerDown'] * amplitude**0.5),
  ):
    targets[:, visemes.SPOKEN.index(name)] *= factor
  jaw = visemes.SPOKEN.index('jawOpen')
  targets[:, jaw] = np.where(np.isnan(rests), targets[:, jaw], rests)
  return targets


def _effort(utterance: voice.Utterance) -> float:
  """Factor on the amplitude: shouting opens the mouth more, soft speech less."""
  return 1 + 0.22 * utterance.voice.effort


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
  outside = np.abs(times[:, None] - (starts + ends) / 2) - np.maximum(_MIN_HOLD_S, _HOLD * (ends - starts))
  ramp = (1 - np.clip(outside / _RAMP_S, 0.0, 1.0)) ** _RAMP_POWER
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
