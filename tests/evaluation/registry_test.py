"""Registry of evaluation parts: order of the parts, one function per name."""

import pytest

from seetalk_jax.evaluation import registry


def test_parts_run_by_order_and_then_by_name(monkeypatch):
  registry.all_parts()  # imports the parts, which register once
  monkeypatch.setattr(registry, '_REGISTERED', {})
  functions = {}
  for name, order in (('late', 30), ('b', 10), ('a', 10)):
    functions[name] = registry.part(name, order=order)(lambda inputs: [])
  assert list(registry.all_parts()) == ['a', 'b', 'late']
  assert registry.all_parts() == functions
  with pytest.raises(ValueError, match="two evaluation parts are named 'b'"):
    registry.part('b')(lambda inputs: [])
