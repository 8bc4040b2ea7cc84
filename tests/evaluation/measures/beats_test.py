"""Beat alignment: onsets of bursts, beats of a nodding head, and the score of aligned and shifted ones."""

import numpy as np
import pytest

from seetalk_jax.evaluation.measures import beats

SECONDS = 12


def bursts(period=0.8, start=0.4):
  """A tone of 0.2 s every `period` seconds, over quiet noise."""
  times = np.arange(SECONDS * 16_000) / 16_000
  on = ((times - start) % period < 0.2) & (times >= start)
  noise = 1e-3 * np.random.default_rng(0).standard_normal(len(times))
  return on * 0.3 * np.sin(2 * np.pi * 200 * times) + noise


def nods(period=0.8, start=0.4):
  """Angles `[n, 3]` of which the speed is zero at `start + k period / 2`."""
  times = np.arange(SECONDS * 25) / 25
  return np.stack([0 * times, 5 * np.cos(2 * np.pi * (times - start) / period), 0 * times], axis=1)


def test_onsets_are_the_starts_of_bursts():
  found = beats.onsets(bursts())
  expected = np.arange(0.4, SECONDS, 0.8)
  assert len(found) == pytest.approx(len(expected), abs=1)
  assert np.abs(found[:, None] - expected).min(axis=1).max() < 0.06
  assert len(beats.onsets(np.zeros(16_000))) == 0


def test_motion_beats_are_where_the_head_stops():
  found = beats.motion_beats(nods()) / 25
  expected = np.arange(0.0, SECONDS, 0.4)
  inside = (found > 0.5) & (found < SECONDS - 0.5)
  assert np.abs(found[inside, None] - expected).min(axis=1).max() <= 0.04
  assert inside.sum() == pytest.approx(len(expected), abs=4)


def test_aligned_nods_score_higher_than_shifted_ones():
  aligned = beats.beat_alignment(nods(period=1.6), bursts())
  shifted = beats.beat_alignment(nods(period=1.6, start=0.8), bursts())
  assert aligned > 0.9
  assert shifted < 0.3


def test_without_motion_or_sound_there_is_no_score():
  still = np.zeros((SECONDS * 25, 3))
  assert np.isnan(beats.beat_alignment(still, bursts()))
  assert np.isnan(beats.beat_alignment(nods(), np.zeros(SECONDS * 16_000)))
  assert np.isnan(beats.beat_alignment(np.full((30, 3), np.nan), bursts()))
