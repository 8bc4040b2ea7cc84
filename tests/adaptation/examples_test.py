"""Pairs of training frames: within one recording, and one of the two was recorded."""

import pathlib

import numpy as np

from seetalk_jax.adaptation import examples, measuring, recordings
from seetalk_jax.adaptation.photo_motions import MovedPhotos
from seetalk_jax.constants import Part
from tests.helpers import plain_face

SIDE = 32


def recording(num_frames, level):
  seconds = 0.0 if num_frames == 1 else num_frames / 25
  frames = np.full((num_frames, SIDE, SIDE, 3), level, np.uint8)
  return recordings.Recording(pathlib.Path('a'), frames, np.ones((SIDE, SIDE), bool), seconds)


def measure(frames):
  """A face in all frames but those of level 30."""
  measured = measuring.measure(frames, plain_face.read)
  return measured if frames.flat[0] < 30 else measuring.measure(frames, None)


def move(photo, measured):
  frames = np.repeat(photo.frames + 1, 6, axis=0)
  columns = (np.repeat(column, 6, axis=0) for column in measured)
  return MovedPhotos(frames, np.zeros((6, SIDE, SIDE), bool), measuring.Measured(*columns))


def test_pairs():
  people = [recording(1, 10), recording(20, 20), recording(1, 30)]
  splits = recordings.split(people, 0.5)
  made = examples.collect(people, splits, measure, move)
  levels = made.pixels[:, 0, 0, 0]
  assert len(levels) == 1 + 6 + len(splits[1].fit) + 1 + 6
  np.testing.assert_array_equal(made.measured, levels < 30)
  np.testing.assert_array_equal(made.inside[:, 0, 0], levels % 10 == 0)
  # Part labels are drawn from the landmarks: lips below the middle, background without landmarks.
  assert made.parts.shape == (len(levels), SIDE // 4, SIDE // 4)
  assert (made.parts[levels < 30] == Part.LIP).any(axis=(1, 2)).all() and not made.parts[levels >= 30].any()
  pairs = levels[made.pairs(2000, np.random.default_rng(0))].astype(int)
  assert (pairs[:, 0] // 10 == pairs[:, 1] // 10).all()  # of one recording
  assert (pairs % 10 == 0).any(axis=1).all()  # one was recorded
  counts = {
    tuple(pair): number for pair, number in zip(*np.unique(pairs, axis=0, return_counts=True), strict=True)
  }
  assert set(counts) == {(10, 10), (10, 11), (11, 10), (20, 20), (30, 30), (30, 31), (31, 30)}
  assert min(counts.values()) > 20
