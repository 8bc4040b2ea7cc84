"""Portraits of a voice: a sequence of the pictures that `generate --face N` animates, saved with their marks."""

import numpy as np
import pytest
import sounds
from PIL import Image

from seetalk_jax.errors import InputError
from seetalk_jax.testing import tiny_release


@pytest.fixture(scope='module')
def pipe():
  return tiny_release.load(tiny_release.shared())


@pytest.fixture(scope='module')
def faces(pipe):
  return pipe.portraits(sounds.tone(0.5), num=3, seed=5)


def test_they_are_a_sequence_of_pictures(pipe, faces):
  assert len(faces) == 3 and np.asarray(faces).shape == (3, tiny_release.SIDE, tiny_release.SIDE, 3)
  np.testing.assert_array_equal(faces.pixels, pipe.portrait(sounds.tone(0.5), 3, 5))
  np.testing.assert_array_equal(np.stack(list(faces)), faces.pixels)
  assert repr(faces) == 'Portraits(3 of 64 x 64 pixels, seed 5)'
  assert faces._repr_html_().count('<img') == 3


def test_number_i_is_the_portrait_of_face_i(pipe, faces):
  clip = pipe(sounds.tone(0.5), seed=5, face=2)
  np.testing.assert_array_equal(clip.portrait, faces[2])
  animated = pipe.animate(faces[2], sounds.tone(0.5), seed=5)
  np.testing.assert_array_equal(animated.motion, clip.motion)


def test_saved_portraits_are_marked(faces, tmp_path):
  paths = faces.save(tmp_path)
  assert [path.name for path in paths] == ['face_0.png', 'face_1.png', 'face_2.png']
  with Image.open(paths[1]) as picture:
    np.testing.assert_array_equal(np.asarray(picture), faces[1])
    assert picture.text['Title'] == 'Synthetic portrait' and picture.text['seetalk:face'] == '1'
    assert picture.text['seetalk:seed'] == '5'
  with pytest.raises(InputError, match='no such folder'):
    faces.save(tmp_path / 'missing')
