"""Pairs of training frames: within one recording, and one of the two was recorded."""

import pathlib

import numpy as np

from seetalk_jax.adaptation import examples, recordings
from seetalk_jax.adaptation.small_motions import MovedPhotos


def recording(num_frames, level):
  seconds = 0.0 if num_frames == 1 else num_frames / 25
  frames = np.full((num_frames, 4, 4, 3), level, np.uint8)
  return recordings.Recording(pathlib.Path('a'), frames, np.ones((4, 4), bool), seconds)


def test_pairs():
  people = [recording(1, 10), recording(20, 20), recording(1, 30)]
  splits = recordings.split(people, 0.5)

  def move(photo):
    return MovedPhotos(
      np.repeat(photo.frames + 1, 6, axis=0), np.ones((6, 8), np.float32), np.zeros((6, 4, 4), bool)
    )

  made = examples.collect(people, splits, lambda frames: np.zeros((len(frames), 8), np.float32), move)
  levels = made.pixels[:, 0, 0, 0]
  assert len(levels) == 1 + 6 + len(splits[1].fit) + 1 + 6
  np.testing.assert_array_equal(made.free, levels == 20)  # latents of moved photos are exact
  np.testing.assert_array_equal(made.inside[:, 0, 0], levels % 10 == 0)
  pairs = levels[made.pairs(2000, np.random.default_rng(0))].astype(int)
  assert (pairs[:, 0] // 10 == pairs[:, 1] // 10).all()  # of one recording
  assert (pairs % 10 == 0).any(axis=1).all()  # one was recorded
  counts = {
    tuple(pair): number for pair, number in zip(*np.unique(pairs, axis=0, return_counts=True), strict=True)
  }
  assert set(counts) == {(10, 10), (10, 11), (11, 10), (20, 20), (30, 30), (30, 31), (31, 30)}
  assert min(counts.values()) > 20
