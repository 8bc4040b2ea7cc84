"""Identities: round trip through arrays."""

import heads
import numpy as np
import pytest

from seetalk_jax.synthetic import head


def test_identity_round_trip_and_bad_arrays():
  identity = head.sample_identity(heads.speaker(), 2)
  array = head.identity_to_array(heads.stack([identity, identity]))
  assert array.shape == (2, head.IDENTITY_DIM)
  np.testing.assert_array_equal(head.identity_to_array(head.array_to_identity(array)), array)
  with pytest.raises(ValueError, match='channels'):
    head.array_to_identity(array[:, :-1])
