"""Network registry: sizes with changed fields, public names, one-line errors."""

import jax
import pytest
import toy_stage

from seetalk_jax import models
from seetalk_jax.errors import ConfigError
from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec, storage


def test_networks_by_size_and_field():
  toy_stage.register()
  assert registry.make('toy_net', 'tiny') == toy_stage.ToyNet(width=16)
  assert (
    registry.make('toy_net', 'demo', width=24)
    == registry.from_fields('toy_net', {'width': 24})
    == toy_stage.ToyNet(width=24)
  )
  entry = network_spec.describe(toy_stage.ToyNet(width=24, dtype='bfloat16'))
  assert network_spec.build('toy_net', entry, 'here') == toy_stage.ToyNet(width=24)
  with pytest.raises(ConfigError, match="size 'huge' of toy_net is unknown: use one of tiny, demo"):
    registry.make('toy_net', 'huge')
  with pytest.raises(ConfigError, match="field 'breadth' is not one of network toy_net: use one of .*width"):
    registry.make('toy_net', 'tiny', breadth=2)


def test_every_network_is_a_public_name_with_a_size():
  for name in [name for name in registry.NETWORKS if not name.startswith('toy')]:
    cls = registry.class_of(name)
    module = registry.make(name, 'tiny')
    assert getattr(models, cls.__name__) is cls and isinstance(module, cls)
    assert all(leaf.shape[0] == 1 for leaf in jax.tree.leaves(module.example_inputs({}, 64)))
  assert models.NETWORKS is registry.NETWORKS
  with pytest.raises(ConfigError, match="network 'unet' is unknown"):
    registry.make('unet')


@pytest.mark.parametrize('name', [name for name in registry.NETWORKS if not name.startswith('toy')])
def test_sizes_name_all_fields(name):
  sizes, names = registry.sizes_of(name), registry.fields_of(registry.class_of(name))
  assert {size: set(row) for size, row in sizes.items()} == {size: set(names) for size in sizes}


def test_demo_is_what_ships():
  shipped = storage.read_info('demo')[1]['networks']
  for name, entry in shipped.items():
    assert network_spec.build(name, entry, 'here') == registry.make(name, 'demo'), name


def test_classes_without_arguments_are_the_size_that_their_text_says():
  published = {'codeformer', 'syncnet', 'perceptual', 'inception', 'i3d'}  # the size of the published weights
  for name in [name for name in registry.NETWORKS if not name.startswith('toy')]:
    size = 'base' if name in published else 'demo'
    assert registry.class_of(name)() == registry.make(name, size), name
