"""CodeFormer converter: the authors' state dict (under `params_ema`) to a `CodeFormer`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seetalk_jax.convert.rules import Rule, affine, convolution, linear, norm
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.renderer.codeformer import CodeFormer

FRESH = ()

# Width of a head; the number of heads is not in the file and does not follow from the shapes.
_HEAD_DIM = 64


def build(config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str) -> CodeFormer:
  """The network of the tensor shapes. `num_heads` comes from `config` if it is there.

  Raises:
    CheckpointError: the tensors are not those of a CodeFormer.
  """
  del kind
  table = shapes.get('position_emb', ())
  codes = shapes.get('quantize.embedding.weight', ())
  if len(table) != 2 or len(codes) != 2 or 'encoder.blocks.0.weight' not in shapes:
    raise CheckpointError('these are no weights of a CodeFormer: position_emb or quantize is not there')
  channels, num_blocks = _levels(shapes)
  side = math.isqrt(table[0])
  if side**2 != table[0]:
    raise CheckpointError(f'position_emb {table} is no square of places: convert another model')
  image_size = side * 2 ** (len(channels) - 1)
  sides = {int(key.split('.')[1]) for key in shapes if key.startswith('fuse_convs_dict.')}
  fused = tuple(sorted(int(math.log2(image_size / side)) for side in sides))
  return CodeFormer(
    image_size=image_size,
    channels=channels,
    num_blocks=num_blocks,
    num_codes=codes[0],
    code_dim=codes[1],
    width=table[1],
    num_heads=(config or {}).get('num_heads', max(1, table[1] // _HEAD_DIM)),
    num_layers=len({key.split('.')[1] for key in shapes if key.startswith('ft_layers.')}),
    fused=fused,
  )


def _levels(shapes: Mapping[str, tuple[int, ...]]) -> tuple[tuple[int, ...], int]:
  """(channels of each level, residual blocks per level), from the encoder's blocks with running numbers."""
  channels, widths = [], []
  for index in itertools.count(1):
    block = f'encoder.blocks.{index}'
    if f'{block}.conv2.weight' in shapes:
      widths.append(shapes[f'{block}.conv2.weight'][0])
    elif widths and f'{block}.conv.weight' in shapes:  # a downsampling layer ends the level
      channels.append(widths[-1])
      num_blocks, widths = len(widths), []
    elif (
      widths and channels and f'{block}.q.weight' in shapes
    ):  # attention follows blocks only in the last level
      return (*channels, widths[-1]), num_blocks
    else:
      raise CheckpointError('these are no weights of a CodeFormer: its encoder has no attention')


def rules(module: CodeFormer) -> list[Rule]:
  """Rules for the names of CodeFormer. Blocks have running numbers, so the rules depend on the depth."""
  rule_list: list[Rule] = []
  last = len(module.channels) - 1

  def residual(theirs, ours):
    for name in ('norm1', 'norm2'):
      rule_list.extend(norm(rf'{theirs}\.{name}', f'{ours}/{name}'))
    for name in ('conv1', 'conv2'):
      rule_list.extend(affine(rf'{theirs}\.{name}', f'{ours}/{name}', convolution))
    rule_list.extend(affine(rf'{theirs}\.conv_out', f'{ours}/conv_shortcut', convolution))

  def attention(theirs, ours):
    rule_list.extend(norm(rf'{theirs}\.norm', f'{ours}/group_norm'))
    for name, own in (('q', 'to_q'), ('k', 'to_k'), ('v', 'to_v'), ('proj_out', 'to_out')):
      rule_list.extend(affine(rf'{theirs}\.{name}', f'{ours}/attention/{own}', linear))

  def level_blocks(theirs, ours, index, level):
    for i in range(module.num_blocks):
      residual(rf'{theirs}\.{index}', f'{ours}/level_{level}_block_{i}')
      index += 1
      if level == last:
        attention(rf'{theirs}\.{index}', f'{ours}/level_{level}_attention_{i}')
        index += 1
    return index

  def middle(theirs, ours, index):
    residual(rf'{theirs}\.{index}', f'{ours}/middle_block_0')
    attention(rf'{theirs}\.{index + 1}', f'{ours}/middle_attention')
    residual(rf'{theirs}\.{index + 2}', f'{ours}/middle_block_1')
    return index + 3

  def ends(theirs, ours, index):
    rule_list.extend(norm(rf'{theirs}\.{index}', f'{ours}/norm_out'))
    rule_list.extend(affine(rf'{theirs}\.{index + 1}', f'{ours}/conv_out', convolution))

  theirs, index = r'encoder\.blocks', 1
  rule_list += affine(rf'{theirs}\.0', 'encoder/conv_in', convolution)
  for level in range(last + 1):
    index = level_blocks(theirs, 'encoder', index, level)
    if level < last:
      rule_list += affine(rf'{theirs}\.{index}\.conv', f'encoder/level_{level}_down', convolution)
      index += 1
  ends(theirs, 'encoder', middle(theirs, 'encoder', index))

  theirs = r'generator\.blocks'
  rule_list += affine(rf'{theirs}\.0', 'decoder/conv_in', convolution)
  index = middle(theirs, 'decoder', 1)
  for level in range(last, -1, -1):
    index = level_blocks(theirs, 'decoder', index, level)
    if level:
      rule_list += affine(rf'{theirs}\.{index}\.conv', f'decoder/level_{level}_up', convolution)
      index += 1
  ends(theirs, 'decoder', index)

  for level in module.fused:
    theirs, ours = rf'fuse_convs_dict\.{module.image_size >> level}', f'fusions_{level}'
    residual(rf'{theirs}\.encode_enc', f'{ours}/both')
    for branch in ('scale', 'shift'):
      rule_list += affine(rf'{theirs}\.{branch}\.0', f'{ours}/{branch}_in', convolution)
      rule_list += affine(rf'{theirs}\.{branch}\.2', f'{ours}/{branch}_out', convolution)

  layer, ours = r'ft_layers\.(\d+)', 'layers_{0}'
  packed = rf'{layer}\.self_attn\.in_proj_'
  for name, part, turn in (('weight', 'kernel', thirds_turned), ('bias', 'bias', thirds)):
    rule_list.append(
      Rule(packed + name, tuple(f'{ours}/{to}/{part}' for to in ('to_q', 'to_k', 'to_v')), turn)
    )
  rule_list += affine(rf'{layer}\.self_attn\.out_proj', f'{ours}/to_out')
  rule_list += affine(rf'{layer}\.linear1', f'{ours}/proj_in') + affine(
    rf'{layer}\.linear2', f'{ours}/proj_out'
  )
  rule_list += norm(rf'{layer}\.norm1', f'{ours}/norm1') + norm(rf'{layer}\.norm2', f'{ours}/norm2')
  rule_list += affine('feat_emb', 'feature_in') + norm(r'idx_pred_layer\.0', 'norm_out')
  rule_list.append(Rule(r'idx_pred_layer\.1\.weight', 'to_logits/kernel', linear))
  rule_list.append(Rule(r'quantize\.embedding\.weight', 'embedding'))
  rule_list.append(Rule('position_emb', 'positions', square))
  return rule_list


def square(table: np.ndarray) -> np.ndarray:
  """Positions in row order, `[n * n, d]`, to `[n, n, d]`."""
  side = math.isqrt(len(table))
  return table.reshape(side, side, -1)


def thirds(packed: np.ndarray) -> list[np.ndarray]:
  """Query, key and value from PyTorch's packed projection."""
  return np.split(packed, 3)


def thirds_turned(packed: np.ndarray) -> list[np.ndarray]:
  """Query, key and value kernels, each `[in, out]`, from the packed `[3 d, d]`."""
  return [part.T for part in thirds(packed)]
