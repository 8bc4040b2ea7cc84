"""Loaded release: the side of its pictures, networks that are left out."""

import pytest

from seetalk_jax.errors import CheckpointError
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.testing import tiny_release


@pytest.mark.parametrize('only', [None, ('motion_codec',)])
def test_the_side_does_not_need_the_weights_of_the_autoencoder(only):
  release = LoadedRelease.load(tiny_release.shared(), 'cpu', only=only)
  assert release.side == tiny_release.SIDE


def test_a_release_without_an_autoencoder_has_the_default_side(tmp_path):
  release = LoadedRelease.load(tiny_release.make(tmp_path / 'release', ['motion_codec']), 'cpu')
  assert release.side == 256


def test_networks_are_left_out_of_a_copy():
  release = LoadedRelease.load(tiny_release.shared(), 'cpu', only=('motion_codec', 'speech_encoder'))
  bare = release.without('speech_encoder')
  assert set(bare.networks.modules) == {'motion_codec'} and 'speech_encoder' in release.networks.modules
  bare.need('motion_codec')
  for names in (('speech_encoder',), ('nothing',)):
    with pytest.raises(CheckpointError, match=names[0]):
      bare.without(*names)
  assert release.without().networks.modules == release.networks.modules
