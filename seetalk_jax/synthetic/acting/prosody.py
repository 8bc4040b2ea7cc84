"""Prosody of an utterance: phrases, pauses, accents and speech activity, on which head, brows and eyes depend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seetalk_jax.constants import FPS
from seetalk_jax.synthetic import loudness_and_pitch, voice
from seetalk_jax.synthetic.acting import curves, visemes

_SHORTEST_PAUSE_S = 0.14  # shorter ones do not end a phrase


class Prosody(NamedTuple):
  """Prosody of an utterance.

  Attributes:
    phrases: start and end of stretches of speech in seconds, `[p, 2]`.
    pauses: start and end of the pauses in seconds, `[q, 2]`; the last one has no end (infinity).
    accents: times of accents in seconds, `[a]`.
    sizes: sizes of the accents, 0 to 1, `[a]`.
    activity: speech per frame, from 0 in long pauses to 1, smooth, `[n]`.
  """

  phrases: np.ndarray
  pauses: np.ndarray
  accents: np.ndarray
  sizes: np.ndarray
  activity: np.ndarray


def analyze(utterance: voice.Utterance, times: np.ndarray, rng: np.random.Generator) -> Prosody:
  """Finds phrases, pauses and activity, and samples accents from the stressed syllables.

  Args:
    utterance: waveform and phonemes.
    times: of the frames in seconds, `[n]`.
    rng: chooses the accents.
  """
  pauses = [
    (p.start_s, p.end_s)
    for p in utterance.phonemes
    if visemes.is_silence(p.label) and p.end_s - p.start_s >= _SHORTEST_PAUSE_S
  ]
  end = utterance.duration_s
  if pauses and pauses[-1][1] >= end - 1e-3:
    pauses[-1] = (pauses[-1][0], np.inf)
  else:
    pauses.append((end, np.inf))
  pauses = np.array(pauses)
  starts, ends = np.concatenate([[0.0], pauses[:-1, 1]]), pauses[:, 0]
  phrases = np.stack([starts, ends], axis=1)[ends - starts > 0.02]
  inside = (times[:, None] >= phrases[:, 0]) & (times[:, None] < phrases[:, 1])
  activity = curves.smoothed(inside.any(axis=1).astype(float), 0.2 * FPS) if len(times) else np.zeros(0)
  return Prosody(phrases, pauses, *_accents(utterance, rng), activity)


def _accents(utterance: voice.Utterance, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
  """Times and sizes of accents; louder and higher syllables are more likely and larger."""
  at = np.array([(p.start_s + p.end_s) / 2 for p in utterance.phonemes if visemes.is_stressed(p.label)])
  if not len(at):
    return np.zeros(0), np.zeros(0)
  pitch = loudness_and_pitch.pitch_track(utterance.waveform, at)
  voiced = ~np.isnan(pitch)
  height = np.zeros(len(at))
  if voiced.sum() > 2:
    logs = np.log(pitch[voiced])
    height[voiced] = (logs - logs.mean()) / (logs.std() + 0.03)
  size = np.clip(0.25 + 0.25 * height + 0.35 * loudness_and_pitch.loudness(utterance.waveform, at), 0.0, 1.0)
  chosen = rng.random(len(at)) < 0.15 + 0.6 * size
  return at[chosen], size[chosen]
