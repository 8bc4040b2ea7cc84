"""Factors of motion codec and decoder: they begin without effect and change no other network or part."""

import jax
import numpy as np
import pytest
from flax import traverse_util

from seetalk_jax.adaptation import factors
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release


@pytest.fixture(scope='module')
def params():
  return storage.load_networks(tiny_release.shared()).params


def flat(tree):
  return traverse_util.flatten_dict(tree, sep='/')


@pytest.mark.parametrize('complete', [True, False])
def test_only_geometry_and_decoder_change(params, complete):
  options = factors.options_for(2)
  changed = set()
  for parts in (factors.GEOMETRY, factors.decoder_parts(params, complete)):
    start = factors.start(params, parts, options, seed=0)
    unchanged = factors.merge(params, start, options.scale)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((np.asarray(a) == b).all()), unchanged, params))
    moved = jax.tree.map(lambda leaf: leaf + 0.1, start)
    merged = flat(factors.merge(params, moved, options.scale))
    assert set(merged) == set(flat(params))
    changed |= {path for path, leaf in flat(params).items() if not (np.asarray(merged[path]) == leaf).all()}
  allowed = [f'motion_codec/{part}/' for part in ('motion_encoder', 'identity_encoder', 'motion_modes')]
  allowed.append('hr_decoder/' if complete else 'motion_codec/decoder/')
  # Every kernel of these parts, also one that is not inside of a block.
  kernels = {path for path in flat(params) if path.startswith(tuple(allowed)) and path.endswith('/kernel')}
  assert changed == kernels and (not complete or 'hr_decoder/mask/kernel' in changed)
  assert {path.split('/')[0] for path in changed} == set(factors.adapted_networks(complete))
