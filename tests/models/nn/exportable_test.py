"""Export of networks whose outputs are named tuples: serialized, loaded again, the same values."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from seetalk_jax.models import registry
from seetalk_jax.models.motion.canonical import FlowTruth
from seetalk_jax.models.motion.motion_warper import MotionBasis
from seetalk_jax.models.nn import blocks, exportable
from seetalk_jax.models.portrait.portrait_unet import LinearDenoiserOutput
from seetalk_jax.models.speech.speech_encoder import SpeechFeatures
from seetalk_jax.sampling.portrait import PortraitSamples


@pytest.mark.parametrize(
  'cls', [SpeechFeatures, LinearDenoiserOutput, MotionBasis, FlowTruth, PortraitSamples]
)
def test_named_tuples_are_serialized(cls):
  x = jnp.arange(3.0)
  exported = export.export(jax.jit(lambda x: cls(*(x + i for i in range(len(cls._fields))))))(x)
  result = export.deserialize(exported.serialize()).call(x)
  assert type(result) is cls
  for i, value in enumerate(result):
    np.testing.assert_array_equal(value, x + i)


def test_a_speech_encoder_is_serialized():
  encoder = registry.make('speech_encoder', 'tiny')
  waveform = jnp.asarray(np.random.default_rng(0).standard_normal((1, 3200)).astype(np.float32))
  params = blocks.init_params(encoder, jax.random.key(0), waveform)
  call = jax.jit(lambda waveform: encoder.apply({'params': params}, waveform))
  loaded = export.deserialize(export.export(call)(waveform).serialize())
  jax.tree.map(np.testing.assert_array_equal, loaded.call(waveform), call(waveform))


def test_a_module_can_be_imported_again():
  first, again = (collections.namedtuple('ImportedTwice', 'x') for _ in range(2))
  assert exportable.exportable(first) is first
  assert exportable.exportable(again) is again
