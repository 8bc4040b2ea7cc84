"""Motion sampler of a release: windows of the length of its training."""

import types

import jax
import numpy as np
import pytest

from seetalk_jax.inference import motion_sampler
from seetalk_jax.inference.controls import ResolvedControls
from seetalk_jax.inference.sampling_options import SamplingOptions
from seetalk_jax.releases import storage
from seetalk_jax.sampling import motion
from seetalk_jax.testing import tiny_release


@pytest.mark.parametrize(('stored', 'window'), [({'motion_window': 20}, (20, 5)), ({}, (100, 25))])
def test_a_release_is_sampled_in_windows_of_its_training(tmp_path, monkeypatch, stored, window):
  made = storage.load_networks(tiny_release.shared(), only=['motion_transformer', 'motion_codec'])
  folder = storage.save_release(tmp_path / 'release', made, {**made.statistics, **stored})
  networks = storage.load_networks(folder)
  used = []

  def jit_sampler(network, num_steps, names, levels, *lengths):
    used.append(lengths)
    return lambda params, tokens, m_0, noise, *rest: noise

  monkeypatch.setattr(motion, 'jit_sampler', jit_sampler)
  release = types.SimpleNamespace(
    networks=networks,
    params=networks.params,
    statistics=jax.device_put(networks.statistics),
    device=jax.devices()[0],
  )
  sampler = motion_sampler.MotionSampler(release)
  tokens = np.zeros((1, 30, networks.modules['motion_transformer'].token_dim), np.float32)
  m_0 = np.zeros((1, sampler.motion_dim), np.float32)
  track = sampler.sample(tokens, m_0, 0, SamplingOptions(motion_steps=1), ResolvedControls())
  assert track.shape == (30, sampler.motion_dim) and used == [window]
