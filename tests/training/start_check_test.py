"""Check of the releases that a run starts from: networks of other sizes are one line before the first stage."""

import pathlib

import pytest

from seetalk_jax.errors import CheckpointError, ConfigError
from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec, storage
from seetalk_jax.testing import tiny_release
from seetalk_jax.training import all_stages, config_files, start_check

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check(variant, *start, **overrides):
  config = config_files.load(ROOT / 'configs' / 'all.py', variant)
  config.start = tuple(map(str, start))
  config.overrides.update(overrides)
  all_stages.check_start(config)


def release(folder, converted=False, **modules):
  """A release of modules with random parameters."""
  networks = {
    name: (module, tiny_release.random_arrays(network_spec.shapes_of(module, modules), 0))
    for name, module in modules.items()
  }
  nested = {name: (module, _nested(arrays)) for name, (module, arrays) in networks.items()}
  provenance = {'converted': {'kind': 'wavlm'}} if converted else {}
  return storage.save_release(folder, nested, provenance=provenance)


def _nested(arrays):
  from flax import traverse_util

  return traverse_util.unflatten_dict(arrays, sep='/')


@pytest.fixture(scope='module')
def tiny():
  return tiny_release.shared()


def refused(variant, *start, **overrides):
  with pytest.raises((ConfigError, CheckpointError)) as error:
    check(variant, *start, **overrides)
  assert '\n' not in str(error.value)
  return str(error.value)


def test_the_shipped_weights_in_the_recipe_for_large_networks():
  assert refused('real', 'demo') == (
    'demo of config.start has networks of another size: latent_channels of autoencoder is 16 there and 4 here: '
    'use configs/all.py:real-demo, or leave demo out'
  )
  assert 'use configs/all.py:demo' in refused('tiny', 'demo')


@pytest.mark.parametrize('variant', ['real-demo', 'real-person', 'demo'])
def test_the_shipped_weights_fit_the_variants_of_their_size(variant):
  check(variant, 'demo')


def test_releases_of_tiny_networks(tiny):
  check('real-tiny', tiny)
  check('tiny', tiny)
  found = refused('real-demo', tiny)
  assert (
    tiny in found
    and 'token_dim of speech_encoder is 32 there and 192 here: use configs/all.py:real-tiny' in found
  )


def test_networks_of_all_releases_are_checked(tmp_path):
  expert = release(tmp_path / 'expert', sync_expert=registry.make('sync_expert', 'tiny'))
  assert f'{expert} of config.start' in refused('real-demo', 'demo', expert)
  # The first release that holds a network gives it.
  check('real-demo', 'demo', release(tmp_path / 'codes', codebook=registry.make('codebook', 'tiny')))


def test_a_field_that_the_user_changed_is_named(tiny):
  found = refused('real-tiny', tiny, codebook={'model': {'codebook': {'num_codes': 33}}})
  assert 'num_codes of codebook is' in found and 'and 33 here: give codebook these fields' in found
  # How a network is computed is no size.
  check('real-tiny', tiny, conre={'model': {'speech_encoder': {'remat': True}}})


def test_variants_are_those_of_the_configurations():
  assert start_check.VARIANTS[True] == {'tiny': 'real-tiny', 'demo': 'real-demo', 'base': 'real'}
  for variant in start_check.VARIANTS[False].values():
    config_files.load(ROOT / 'configs' / 'all.py', variant)


def test_converted_networks_keep_their_size_if_what_they_pass_on_fits(tmp_path):
  deep = registry.make('speech_encoder', 'tiny', num_layers=3)
  check('real-tiny', release(tmp_path / 'deep', converted=True, speech_encoder=deep))
  assert 'num_layers of speech_encoder is 3 there' in refused(
    'real-tiny', release(tmp_path / 'own', speech_encoder=deep)
  )
  wide = release(
    tmp_path / 'wide', converted=True, speech_encoder=registry.make('speech_encoder', 'tiny', token_dim=48)
  )
  found = refused('real-tiny', wide)
  assert (
    f'token_dim of speech_encoder of {wide} is 48, and motion_transformer has 32: give both the same' in found
  )
  fields = {'motion': 'motion_transformer', 'lip_refiner': 'lip_refiner'}
  check('real-tiny', wide, **{stage: {'model': {name: {'token_dim': 48}}} for stage, name in fields.items()})


def test_networks_of_two_releases_that_do_not_fit(tmp_path):
  unet, wide = registry.make('portrait_unet', 'tiny'), registry.make('speech_encoder', 'tiny', token_dim=48)
  both = release(tmp_path / 'both', portrait_unet=unet, speech_encoder=wide)
  speech = release(tmp_path / 'speech', speech_encoder=registry.make('speech_encoder', 'tiny'))
  found = refused('real-tiny', speech, both)
  assert f'weights of another configuration, {both}' in found and '48' in found and '32' in found
