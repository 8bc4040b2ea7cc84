"""Renderings of the readers: the same in one call, in several, and after an interruption."""

import ml_collections
import numpy as np
import pytest

from seetalk_jax.evaluation.probes import rendered, worlds
from seetalk_jax.synthetic import sketch

_NUM = 30  # more than a file holds


class _CountedWorld(worlds.MeasuredWorld):
  """A sketched world that counts renderings, and fails at number `fails_at`."""

  def __init__(self, fails_at=None):
    super().__init__(sketch.SketchWorld(), skin_parts=(1,), hair_parts=(2,), outside_parts=(0,))
    self.drawn, self.fails_at = 0, fails_at

  def draw_redressed(self, speaker, seed, motion, size):
    if self.drawn == self.fails_at:
      raise KeyboardInterrupt
    self.drawn += 1
    return self.draw(speaker, seed, motion, size)


def _settings(num):
  return ml_collections.ConfigDict(dict(first=500, num=num, frames=2, seed=3))


def _rendered(folder, num, fails_at=None):
  world = _CountedWorld(fails_at)
  return rendered.cached_looks(folder, world, _settings(num)), world.drawn


def test_an_interrupted_rendering_goes_on(tmp_path):
  with pytest.raises(KeyboardInterrupt):
    _rendered(tmp_path, _NUM, fails_at=27)
  looks, drawn = _rendered(tmp_path, _NUM)
  assert drawn == _NUM - rendered._LOOKS_A_FILE
  world = _CountedWorld()
  whole = rendered.render_looks(world, world.speakers('train', 500, _NUM), 2, seed=3)
  assert looks.images.shape == (_NUM, 2, 128, 128, 3)
  for got, wanted in zip(looks, whole, strict=True):
    np.testing.assert_array_equal(got, wanted)


def test_more_looks_use_the_files_of_fewer(tmp_path):
  few, _ = _rendered(tmp_path, _NUM)
  more, drawn = _rendered(tmp_path, _NUM + 1)
  assert drawn == _NUM + 1 - rendered._LOOKS_A_FILE
  np.testing.assert_array_equal(more.images[:_NUM], few.images)
  assert len(list(tmp_path.glob('looks-*'))) == 1
