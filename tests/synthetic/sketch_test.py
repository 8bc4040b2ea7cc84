"""Sketch world: its pictures move as the motion says, and its corpora are its own."""

import numpy as np
import pytest

from seetalk_jax import constants
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import corpus, sketch


class OtherWorld(sketch.SketchWorld):
  """A world of another name."""

  name = 'other'


def test_shifts_are_in_half_image_widths():
  motion = np.zeros([2, constants.MOTION_DIM], np.float32)
  motion[1, constants.MOTION_FIELDS.index('shift_x')] = 0.3
  drawn = sketch.SketchWorld().draw(0, 0, motion, 64)
  np.testing.assert_allclose(drawn.landmarks[1] - drawn.landmarks[0], [[0.15, 0]] * 4, atol=1e-6)


def test_a_sketch_does_not_go_on_with_the_corpus_of_another_world(tmp_path):
  options = dict(size=16, progress=False, processes=0)
  corpus.render_corpus(tmp_path, 'faces', 'train', 2, world=OtherWorld, **options)
  with pytest.raises(InputError, match='world'):
    corpus.render_corpus(tmp_path, 'faces', 'train', 2, world=sketch.SketchWorld, **options)
