"""wav2vec 2.0, HuBERT and WavLM converter: models of `transformers` to the body of a `SpeechEncoder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.convert.rules import Rule, affine, convolution, linear, norm
from seetalk_jax.convert.tensors import require
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.speech import wav2vec
from seetalk_jax.models.speech.speech_encoder import SpeechEncoder

# Layers around the body, which the source does not have; training initializes them.
FRESH = ('body/layer_mix', 'to_token/', 'token_norm/', 'pool_score/', 'to_embedding/')


def build(
  config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str
) -> SpeechEncoder:
  """The speech encoder of a `config.json` of `transformers`.

  Raises:
    CheckpointError: no configuration, or an unsupported variant; the message names the field.
  """
  del shapes
  if config is None:
    raise CheckpointError(f'{kind} needs the config.json beside the weights: give the folder that holds both')
  model_type = config.get('model_type', kind)
  if model_type != kind:
    raise CheckpointError(
      f'config.json is of a {model_type!r}, not of {kind}: use seetalk convert {model_type}'
    )
  wanted = {
    'hidden_act': 'gelu',
    'feat_extract_activation': 'gelu',
    'conv_kernel': list(wav2vec.KERNELS),
    'conv_stride': list(wav2vec.STRIDES),
    'layer_norm_eps': 1e-5,
    'conv_pos_batch_norm': False,
    'add_adapter': False,
    'adapter_attn_dim': None,
  }
  require(config, wanted)
  channels = config.get('conv_dim', [512] * 7)
  if len(set(channels)) != 1:
    raise CheckpointError(f'config.json has conv_dim {channels!r}, only equal ones are supported')
  width = config.get('hidden_size', 768)
  return SpeechEncoder(
    front_end='waveform',
    token_dim=width,
    width=width,
    num_layers=config.get('num_hidden_layers', 12),
    num_heads=config.get('num_attention_heads', 12),
    feed_forward_width=config.get('intermediate_size', 3072),
    feature_channels=channels[0],
    feature_norm=config.get('feat_extract_norm', 'group'),
    feature_bias=config.get('conv_bias', False),
    project_norm=config.get('feat_proj_layer_norm', True),
    pre_norm=config.get('do_stable_layer_norm', False),
    position_kernel=config.get('num_conv_pos_embeddings', 128),
    position_groups=config.get('num_conv_pos_embedding_groups', 16),
    relative_buckets=config.get('num_buckets', 320) if kind == 'wavlm' else 0,
    relative_reach=config.get('max_bucket_distance', 800),
  )


def weight_norm(gain: np.ndarray, direction: np.ndarray) -> np.ndarray:
  """Kernel `[k, in, out]` from a direction `[out, in, k]` and a gain per tap `[1, 1, k]` (weight norm)."""
  length = np.sqrt(np.sum(np.square(direction, dtype=np.float64), axis=(0, 1), keepdims=True))
  return convolution((direction * (gain / length)).astype(np.float32))


def gate_scale(array: np.ndarray) -> np.ndarray:
  """`[1, heads, 1, 1]` to `[heads]`."""
  return array.reshape(-1)


def rules(module: SpeechEncoder) -> list[Rule]:
  """Rules for the names of `Wav2Vec2Model` and similar models, with or without the prefix of task models."""
  del module  # the names are the same for all sizes
  any_model = r'(?:(?:wav2vec2|hubert|wavlm)\.)?'
  features, layer = (
    any_model + r'feature_extractor\.conv_layers\.(\d+)',
    any_model + r'encoder\.layers\.(\d+)',
  )
  body = 'body/encoder'
  layers = body + '/layers_{0}'
  position = any_model + r'encoder\.pos_conv_embed\.conv\.'
  rule_list = [
    *affine(features + r'\.conv', body + '/feature_conv_{0}', convolution),
    *norm(features + r'\.layer_norm', body + '/feature_norm_{0}'),
    *norm(any_model + r'feature_projection\.layer_norm', body + '/projection_norm'),
    *affine(any_model + r'feature_projection\.projection', body + '/projection', linear),
    *norm(any_model + r'encoder\.layer_norm', body + '/encoder_norm'),
    Rule(position + 'bias', body + '/position_conv/conv/bias'),
  ]
  # Weight normalization has two spellings: in older and in newer files.
  for gain, direction in (
    ('weight_g', 'weight_v'),
    ('parametrizations.weight.original0', 'parametrizations.weight.original1'),
  ):
    first = f'({position})' + gain.replace('.', r'\.')
    rule_list.append(Rule((first, '{0}' + direction), body + '/position_conv/conv/kernel', weight_norm))
  for theirs, ours in (('q_proj', 'to_q'), ('k_proj', 'to_k'), ('v_proj', 'to_v'), ('out_proj', 'to_out')):
    rule_list += affine(layer + r'\.attention\.' + theirs, f'{layers}/attention/{ours}')
  rule_list += affine(layer + r'\.attention\.gru_rel_pos_linear', f'{layers}/attention/gate')
  rule_list.append(
    Rule(layer + r'\.attention\.gru_rel_pos_const', f'{layers}/attention/gate_scale', gate_scale)
  )
  rule_list.append(
    Rule(
      any_model + r'encoder\.layers\.0\.attention\.rel_attn_embed\.weight',
      body + '/relative_positions/embedding',
    )
  )
  rule_list += norm(layer + r'\.layer_norm', f'{layers}/attention_norm')
  rule_list += norm(layer + r'\.final_layer_norm', f'{layers}/final_norm')
  rule_list += affine(layer + r'\.feed_forward\.intermediate_dense', f'{layers}/feed_forward_in')
  rule_list += affine(layer + r'\.feed_forward\.output_dense', f'{layers}/feed_forward_out')
  # Unused: heads of pre-training, and classifiers of fine-tuned models.
  unused = (
    r'masked_spec_embed|quantizer\..*|project_q\..*|project_hid\..*|lm_head\..*|projector\..*|classifier\..*'
  )
  rule_list.append(Rule(any_model + rf'(?:{unused})', None))
  return rule_list
