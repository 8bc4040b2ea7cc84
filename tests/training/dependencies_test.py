"""Dependencies between networks: which replaced network makes which kept network wrong."""

import pathlib

import numpy as np
import pytest

from seetalk_jax.stages import base, motion_codec
from seetalk_jax.training import config_files, dependencies

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALL = ('speech_encoder', 'autoencoder', 'codebook', 'motion_codec', *dependencies.READS)
TRAINED_BY = {
  'portrait_unet': 'portrait',
  'sample_adaptive_weighting': 'portrait',
  'motion_transformer': 'motion',
  'lip_refiner': 'lip_refiner',
  'code_transformer': 'render',
  'hr_decoder': 'render',
}


def params(value=1.0):
  parts = (*motion_codec.KEPT, 'warper')
  return {part: {'kernel': np.full(3, value, np.float32)} for part in parts}


def networks(**changed):
  return {**{name: params() for name in ALL}, **changed}


@pytest.mark.parametrize('name', dependencies.READS)
def test_the_table_is_that_of_the_stages(name):
  used = base.uses(config_files.load(ROOT / 'configs' / f'{TRAINED_BY[name]}.py', 'demo'))
  assert name in used.trained
  assert set(dependencies.READS[name]) <= {*used.trained, *used.frozen}


def test_a_new_motion_codec_names_keep_motion_and_its_readers():
  (line,) = dependencies.warnings(networks(), {'motion_codec': params(2.0)}, 'demo')
  assert 'keep_motion' in line and '\n' not in line
  for reader in ('motion_transformer', 'lip_refiner', 'code_transformer', 'hr_decoder'):
    assert reader in line
  assert 'portrait_unet' not in line


def test_keep_motion_keeps_motion_networks():
  new = {**params(), 'warper': {'kernel': np.zeros(3, np.float32)}}
  (line,) = dependencies.warnings(networks(), {'motion_codec': new}, 'demo')
  assert 'code_transformer, hr_decoder' in line
  assert 'motion_transformer' not in line and 'keep_motion' not in line


def test_networks_that_are_trained_too_are_not_named():
  new = dict.fromkeys(('motion_codec', 'code_transformer', 'hr_decoder'), params(2.0))
  (line,) = dependencies.warnings(networks(), new, 'demo')
  assert 'motion_transformer, lip_refiner of demo' in line and 'hr_decoder' not in line


@pytest.mark.parametrize(
  'new',
  [
    {},
    {'motion_codec': params()},
    {'motion_codec': params(1.0 + 4e-4)},  # rounded to float16
    {'hr_decoder': params(2.0)},  # nothing reads it
    dict.fromkeys(('codebook', 'code_transformer', 'hr_decoder'), params(2.0)),
  ],
)
def test_no_warning(new):
  assert dependencies.warnings(networks(), new, 'demo') == []


@pytest.mark.parametrize(
  'name, readers',
  [
    ('speech_encoder', ['portrait_unet', 'motion_transformer']),
    ('autoencoder', ['portrait_unet']),
    ('codebook', ['code_transformer', 'hr_decoder']),
  ],
)
def test_other_networks(name, readers):
  (line,) = dependencies.warnings(networks(), {name: params(2.0)}, 'demo')
  assert all(reader in line for reader in readers) and 'keep_motion' not in line


def test_another_size_differs():
  new = {'codebook': {'wide': np.ones(4)}}
  (line,) = dependencies.warnings(networks(), new, 'demo')
  assert 'codebook is replaced' in line
