"""Sample pictures: rows stay as they are, each under its label."""

import numpy as np
import pytest

from seetalk_jax.training import sample_picture


def test_every_row_is_below_its_label():
  rows = np.random.default_rng(0).integers(0, 256, (2, 64, 200, 3), np.uint8)
  picture = sample_picture.labeled(rows.reshape(128, 200, 3), ('source', 'target'))
  assert picture.shape == (160, 200, 3) and picture.dtype == np.uint8
  np.testing.assert_array_equal(picture[16:80], rows[0])
  np.testing.assert_array_equal(picture[96:160], rows[1])
  first, second = picture[:16], picture[80:96]
  assert (first < 128).any() and (second < 128).any() and (first != second).any()


def test_narrow_pictures_are_widened_for_their_labels():
  picture = sample_picture.labeled(np.zeros((8, 4, 3), np.uint8), ('a label of many words',))
  assert picture.shape[0] == 24 and picture.shape[1] > 60
  assert (picture[16:, 4:] == 250).all() and (picture[:16, -2:] == 250).all()


def test_rows_of_other_heights_are_refused():
  with pytest.raises(ValueError, match='no 2 rows of equal height'):
    sample_picture.labeled(np.zeros((7, 4, 3), np.uint8), ('a', 'b'))
  without = np.zeros((7, 4, 3), np.uint8)
  assert sample_picture.labeled(without, ()) is without
