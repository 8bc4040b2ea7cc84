"""Sketch world for dry runs: a cheap substitute for the synthetic world, with flat faces and sine-wave voices.

Different identities with the same motion move alike, speech follows the jaw, and labels agree with the image.
It needs neither compilation of the renderer nor espeak-ng.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seetalk_jax import constants
from seetalk_jax.synthetic import source

_FIELD = {name: i for i, name in enumerate(constants.MOTION_FIELDS)}
_FACE, _HAIR, _MOUTH = 1, 2, 3
_IDENTITY_DIM = 8
_SPLITS = {'train': 0, 'validation': 1_000_000, 'test': 2_000_000}


class SketchWorld:
  """`source.World` made of ellipses and sine waves."""

  name = 'sketch'
  crop_version = 1

  def speaker_ids(self, split: str, count: int) -> Sequence[int]:
    return range(_SPLITS[split], _SPLITS[split] + count)

  def attributes(self, speaker_id: int) -> np.ndarray:
    rng = np.random.default_rng([speaker_id, 1])
    return np.array([rng.random(), rng.uniform(18, 80), rng.standard_normal()], np.float32)

  def neutral(self, seed: int) -> np.ndarray:
    del seed
    return np.zeros([constants.MOTION_DIM], np.float32)

  def random(self, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 2])
    motion = 0.1 * rng.standard_normal(constants.MOTION_DIM).astype(np.float32)
    motion[constants.COEFFICIENTS] = np.abs(motion[constants.COEFFICIENTS])
    motion[_FIELD['jawOpen']] = rng.random()
    return motion

  def talk(self, speaker_id: int, seed: int, split: str, num_frames: int) -> source.ActedTalk:
    del split
    rng = np.random.default_rng([seed, 3])
    seconds = (np.arange(num_frames) + 0.5) / constants.FPS
    jaw = np.clip(np.sin(2 * np.pi * (rng.uniform(2, 4) * seconds + rng.random())), 0, 1)
    motion = np.zeros([num_frames, constants.MOTION_DIM], np.float32)
    motion[:, _FIELD['jawOpen']] = jaw
    motion[:, _FIELD['yaw']] = 0.1 * np.sin(seconds)
    hertz = 220.0 - 100.0 * self.attributes(speaker_id)[0]
    samples = np.arange(num_frames * constants.SAMPLES_PER_FRAME) / constants.SAMPLE_RATE_HZ
    loudness = np.interp(samples, seconds, jaw)
    speech = 0.3 * loudness * np.sin(2 * np.pi * hertz * samples)
    return source.ActedTalk(speech.astype(np.float32), motion)

  def draw(self, speaker_id: int, seed: int, motion: np.ndarray, size: int) -> source.RenderedClip:
    rng = np.random.default_rng([speaker_id, seed, 4])
    identity = rng.standard_normal(_IDENTITY_DIM).astype(np.float32)
    background, skin, hair = rng.uniform(0.1, 0.9, [3, 3])
    wide = 0.24 + 0.02 * np.tanh(identity[0])
    frames, canonicals, parts, boxes, points, openings = [], [], [], [], [], []
    x, y = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2)
    for pose in motion:
      center = 0.5 + 0.1 * pose[_FIELD['yaw']] + 0.5 * pose[_FIELD['shift_x']]  # half image widths
      opening = float(0.07 * np.clip(pose[_FIELD['jawOpen']], 0, 1))
      lip = np.array([center - 0.08, 0.66, center + 0.08, 0.70 + opening], np.float32)
      part = np.zeros([size, size], np.uint8)
      part[((x - center) / (wide * 1.15)) ** 2 + ((y - 0.46) / 0.36) ** 2 < 1] = _HAIR
      part[((x - center) / wide) ** 2 + ((y - 0.52) / 0.32) ** 2 < 1] = _FACE
      middle, half = (lip[1] + lip[3]) / 2, (lip[3] - lip[1]) / 2
      part[((x - center) / 0.08) ** 2 + ((y - middle) / half) ** 2 < 1] = _MOUTH
      colors = np.stack([background, skin, hair, np.array([0.5, 0.1, 0.1])])
      frames.append(np.round(255 * colors[part]).astype(np.uint8))
      small = part[2::4, 2::4]
      place = np.stack([(x - center) / wide, y - 0.5, np.zeros_like(x)], -1)[2::4, 2::4]
      canonicals.append(np.where(small[..., None] > 0, place, 0).astype(np.float16))
      parts.append(small)
      boxes.append(np.float32([center - 0.17, middle - 0.17, center + 0.17, middle + 0.17]))
      points.append([[lip[0], middle], [lip[2], middle], [center, lip[1]], [center, lip[3]]])
      openings.append(opening)
    return source.RenderedClip(
      frames=np.stack(frames),
      canonical=np.stack(canonicals),
      parts=np.stack(parts),
      landmarks=np.asarray(points, np.float32),
      lip_box=np.stack(boxes),
      opening=np.asarray(openings, np.float32),
      identity=identity,
    )
