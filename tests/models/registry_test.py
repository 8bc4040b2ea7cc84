"""Network registry: sizes with changed fields, public names, one-line errors."""

import jax
import pytest
import toy_stage

from seetalk_jax import models
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec


def test_networks_by_size_and_field():
  toy_stage.register()
  assert registry.make('toy_net', 'tiny') == toy_stage.ToyNet(width=16)
  assert registry.make('toy_net', 'demo, width=24') == toy_stage.ToyNet(width=24)
  entry = network_spec.describe(toy_stage.ToyNet(width=24, dtype='bfloat16'))
  assert network_spec.build('toy_net', entry, 'here') == toy_stage.ToyNet(width=24)
  for spec, message in [
    ('huge', "size 'huge'"),
    ('tiny, breadth=2', "field 'breadth'"),
    ('tiny, width', 'cannot be parsed'),
    ('tiny, width=open("x")', 'cannot be parsed'),
  ]:
    with pytest.raises(ConfigError, match=message):
      registry.make('toy_net', spec)


def test_every_network_is_a_public_name_with_a_size():
  for name in [name for name in registry.NETWORKS if not name.startswith('toy')]:
    cls = registry.class_of(name)
    module = registry.make(name, 'tiny')
    assert getattr(models, cls.__name__) is cls and isinstance(module, cls)
    assert all(leaf.shape[0] == 1 for leaf in jax.tree.leaves(module.example_inputs({}, 64)))
  assert models.NETWORKS is registry.NETWORKS
  with pytest.raises(ConfigError, match="network 'unet' is unknown"):
    registry.make('unet')
