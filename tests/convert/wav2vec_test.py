"""Speech encoders: converted from random weights, every layer matches the reference implementation."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from in_memory import convert

from seetalk_jax.models.speech.wav2vec import num_states

pytestmark = pytest.mark.parity

SMALL = dict(
  hidden_size=64,
  num_hidden_layers=2,
  num_attention_heads=4,
  intermediate_size=96,
  conv_dim=[32] * 7,
  num_conv_pos_embeddings=16,
  num_conv_pos_embedding_groups=4,
)
WIDER = SMALL | dict(
  hidden_size=96, num_hidden_layers=3, num_attention_heads=2, conv_dim=[48] * 7, num_conv_pos_embeddings=31
)
LARGE = dict(feat_extract_norm='layer', conv_bias=True, do_stable_layer_norm=True)
CASES = {
  'wav2vec2-base': ('wav2vec2', SMALL),
  'wav2vec2-large': ('wav2vec2', WIDER | LARGE),
  'hubert-base': ('hubert', WIDER | dict(feat_proj_layer_norm=False)),
  'hubert-large': ('hubert', SMALL | LARGE),
  'wavlm-base': ('wavlm', SMALL | dict(num_buckets=32, max_bucket_distance=40)),
  'wavlm-large': ('wavlm', WIDER | LARGE),
}


@pytest.fixture(params=CASES, scope='module')
def pair(request, tmp_path_factory):
  """(reference model, our encoder, its parameters)."""
  torch = pytest.importorskip('torch')
  transformers = pytest.importorskip('transformers')
  from safetensors.torch import save_file

  kind, fields = CASES[request.param]
  names = {'wav2vec2': 'Wav2Vec2', 'hubert': 'Hubert', 'wavlm': 'WavLM'}
  config = getattr(transformers, f'{names[kind]}Config')(
    **fields, apply_spec_augment=False, layerdrop=0.0, attn_implementation='eager'
  )
  torch.manual_seed(0)
  reference = getattr(transformers, f'{names[kind]}Model')(config).eval()
  with torch.no_grad():
    for parameter in reference.parameters():  # biases and scales are not 0 and 1
      parameter.add_(0.05 * torch.randn(parameter.shape))
  folder = tmp_path_factory.mktemp(request.param)
  save_file({k: v.contiguous() for k, v in reference.state_dict().items()}, folder / 'model.safetensors')
  (folder / 'config.json').write_text(json.dumps(config.to_dict()))
  converted = convert(kind, folder)
  return reference, converted.module, converted.params


def our_states(module, params):
  from seetalk_jax.models.speech.speech_encoder import WAVEFORM_FIELDS
  from seetalk_jax.models.speech.wav2vec import Wav2Vec2

  encoder = Wav2Vec2(**{name: getattr(module, name) for name in WAVEFORM_FIELDS})
  return jax.jit(lambda wave, valid: encoder.apply({'params': params['body']['encoder']}, wave, valid))


# The norm over time of 'group' models is without padding here, and counts it in the reference: a padded recording
# has the states of the reference for it alone. 8080 samples are a whole number of states.
@pytest.mark.parametrize('length, lengths', [(16_000, None), (9_777, None), (12_345, (12_345, 8_080))])
def test_every_layer_is_the_reference_s(pair, length, lengths):
  import torch

  reference, module, params = pair
  rng = np.random.default_rng(0)
  waveform = rng.standard_normal((2, length)).astype(np.float32)
  valid = None
  if lengths is not None:
    for row, own in zip(waveform, lengths, strict=True):
      row[own:] = 0
    states = [num_states(own) for own in lengths]
    valid = np.arange(num_states(length))[None] < np.array(states)[:, None]
  found = our_states(module, params)(waveform, valid)
  for row, own in enumerate(lengths or (length, length)):
    with torch.no_grad():
      wanted = reference(torch.from_numpy(waveform[row : row + 1, :own]), output_hidden_states=True)
    # For pre-norm models, hidden_states[-1] of the reference is before the final norm, its result after it.
    theirs = [*wanted.hidden_states[:-1], wanted.last_hidden_state]
    assert len(found) == len(theirs) == module.num_layers + 1
    for ours, other in zip(found, theirs, strict=True):
      np.testing.assert_allclose(np.asarray(ours)[row, : num_states(own)], other.numpy()[0], atol=1e-4)


def test_the_gradient_of_the_waveform_is_the_reference_s(pair):
  import torch

  reference, module, params = pair
  waveform = np.random.default_rng(1).standard_normal((1, 8_001)).astype(np.float32)
  run = our_states(module, params)
  weights = np.random.default_rng(2).standard_normal(run(waveform, None)[-1].shape).astype(np.float32)
  ours = jax.grad(lambda wave: jnp.sum(weights * run(wave, None)[-1]))(waveform)
  given = torch.from_numpy(waveform).requires_grad_()
  (torch.from_numpy(weights) * reference(given).last_hidden_state).sum().backward()
  theirs = given.grad.numpy()
  assert np.linalg.norm(ours - theirs) <= 1e-3 * np.linalg.norm(theirs)
