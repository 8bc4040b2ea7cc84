"""Vision transformer converter: `ViTModel` of transformers to the body of a `FaceEncoder`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.convert.rules import Rule, affine, convolution, norm
from seetalk_jax.convert.tensors import require, unsupported
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.face import vision_transformer
from seetalk_jax.models.face.face_encoder import FaceEncoder

# The layer from the class token to the embedding, which the source does not have.
FRESH = ('to_embedding/',)

_WANTED = {
  'model_type': 'vit',
  'hidden_act': 'gelu',
  'layer_norm_eps': vision_transformer.EPSILON,
  'num_channels': 3,
  'qkv_bias': True,
}


def build(config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str) -> FaceEncoder:
  """The face encoder with the vision transformer of a `config.json` of `transformers`.

  Its input is images in [-1, 1], as for the published ViTs. A ViT with another normalization must be
  fine-tuned.

  Raises:
    CheckpointError: no configuration, or an unsupported variant; the message names the field.
  """
  del shapes
  if config is None:
    raise CheckpointError(f'{kind} needs the config.json beside the weights: give the folder that holds both')
  require(config, _WANTED)
  sides = {'image_size': config.get('image_size', 224), 'patch_size': config.get('patch_size', 16)}
  for name, value in sides.items():
    if not isinstance(value, int):
      raise unsupported(name, value, 'one number, for squares')
  width, heads = config.get('hidden_size', 768), config.get('num_attention_heads', 12)
  if width % heads:
    raise unsupported('num_attention_heads', heads, f'a divisor of hidden_size, {width}')
  return FaceEncoder(
    architecture='vit',
    **sides,
    width=width,
    num_layers=config.get('num_hidden_layers', 12),
    num_heads=heads,
    feed_forward_width=config.get('intermediate_size', 3072),
  )


def without_batch(array: np.ndarray) -> np.ndarray:
  """`[1, n, d]` to `[n, d]`."""
  return array[0]


def flat(array: np.ndarray) -> np.ndarray:
  """`[1, 1, d]` to `[d]`."""
  return array.reshape(-1)


def rules(module: FaceEncoder) -> list[Rule]:
  """Rules for the names of `ViTModel`: with or without the prefix of task models, in old and new spelling."""
  del module  # the names are the same for all sizes
  any_model = r'(?:vit\.)?'
  embeddings, layer = any_model + r'embeddings\.', any_model + r'(?:encoder\.layer|layers)\.(\d+)\.'
  layers = 'layers_{0}'
  rule_list = [
    Rule(embeddings + 'cls_token', 'cls_token', flat),
    Rule(embeddings + 'position_embeddings', 'positions', without_batch),
    *affine(embeddings + r'patch_embeddings\.projection', 'patch_embedding', convolution),
    *norm(any_model + 'layernorm', 'norm_out'),
    *norm(layer + 'layernorm_before', f'{layers}/norm1'),
    *norm(layer + 'layernorm_after', f'{layers}/norm2'),
  ]
  # (name in files, name since transformers 5, name here)
  for old, new, ours in (
    (r'attention\.attention\.query', r'attention\.q_proj', 'attention/to_q'),
    (r'attention\.attention\.key', r'attention\.k_proj', 'attention/to_k'),
    (r'attention\.attention\.value', r'attention\.v_proj', 'attention/to_v'),
    (r'attention\.output\.dense', r'attention\.o_proj', 'attention/to_out'),
    (r'intermediate\.dense', r'mlp\.fc1', 'feed_forward_in'),
    (r'output\.dense', r'mlp\.fc2', 'feed_forward_out'),
  ):
    rule_list += affine(f'{layer}(?:{old}|{new})', f'{layers}/{ours}')
  # Unused: heads of pre-training (including the mask token and its decoder) and of classification.
  unused = r'pooler\..*|classifier\..*|embeddings\.mask_token|decoder\..*'
  rule_list.append(Rule(any_model + f'(?:{unused})', None))
  return rule_list
