"""Loaded release: the side of its pictures."""

import pytest

from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.testing import tiny_release


@pytest.mark.parametrize('only', [None, ('motion_codec',)])
def test_the_side_does_not_need_the_weights_of_the_autoencoder(only):
  release = LoadedRelease.load(tiny_release.shared(), 'cpu', only=only)
  assert release.side == tiny_release.SIDE


def test_a_release_without_an_autoencoder_has_the_default_side(tmp_path):
  release = LoadedRelease.load(tiny_release.make(tmp_path / 'release', ['motion_codec']), 'cpu')
  assert release.side == 256
