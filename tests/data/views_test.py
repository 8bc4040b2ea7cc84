"""The table of views: kinds of records, and shapes of batches."""

import numpy as np
import pytest

from seetalk_jax.data import views
from seetalk_jax.errors import InputError


def test_every_view_has_kinds_and_whole_specs():
  for name, view in views.VIEWS.items():
    assert view.name == name and view.kinds and view.entries
  for view in views.VIEWS:
    for name, spec in views.batch_spec(view, 3, image_size=64).items():
      assert spec.shape[0] == 3 and all(isinstance(size, int) for size in spec.shape), (view, name)


def test_a_spec_of_some_entries():
  spec = views.batch_spec('image', 2, 64, only=('parts',))
  assert {name: (s.shape, s.dtype) for name, s in spec.items()} == {'parts': ((2, 16, 16), np.uint8)}
  with pytest.raises(KeyError, match='lips'):
    views.batch_spec('image', 2, only=('image', 'lips'))


def test_an_unknown_view_is_named():
  with pytest.raises(InputError, match='unknown'):
    views.batch_spec('portrait', 1)
