"""Path rules: the longest prefix counts, spared paths keep the default, mistakes are named."""

import pytest

from seetalk_jax.errors import ConfigError
from seetalk_jax.training import path_rules

PARAMS = {'net': {'body': {'kernel': 0, 'bias': 0}, 'head': {'kernel': 0}}, 'other': {'kernel': 0}}


def leaves(values, **options):
  return path_rules.leaves(PARAMS, values, 1.0, 'parts', **options)


def test_the_longest_prefix_counts():
  assert leaves({'net': 0.5, 'net/body/bias': 0.1}) == {
    'net': {'body': {'kernel': 0.5, 'bias': 0.1}, 'head': {'kernel': 0.5}},
    'other': {'kernel': 1.0},
  }


def test_spared_paths_keep_the_default():
  assert leaves({'net': 0.5}, spared=('net/head',)) == {
    'net': {'body': {'kernel': 0.5, 'bias': 0.5}, 'head': {'kernel': 1.0}},
    'other': {'kernel': 1.0},
  }


def test_a_prefix_without_a_parameter_is_named():
  with pytest.raises(
    ConfigError, match=r'config\.parts: no trained parameter begins with nett, of net, other'
  ):
    leaves({'net': 0.5, 'nett': 0.1})


def test_pairs_become_a_mapping():
  assert path_rules.checked([('net', 0.5), ('a/b', 2)], 'parts', lambda v: v > 0, 'pairs') == {
    'net': 0.5,
    'a/b': 2,
  }
  assert path_rules.checked((), 'parts', lambda v: False, 'pairs') == {}


@pytest.mark.parametrize('pairs', [{'net': 1}, [('net',)], [('', 1)], [(3, 1)], [('net', -1)], 'net', None])
def test_what_is_no_pair_is_refused(pairs):
  with pytest.raises(
    ConfigError, match=r'config\.parts=.* is not allowed: write \(\(PATH, NUMBER\), \.\.\.\)'
  ):
    path_rules.checked(pairs, 'parts', lambda v: v > 0, '((PATH, NUMBER), ...)')
