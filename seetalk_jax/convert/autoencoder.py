"""Stable Diffusion autoencoder converter: `AutoencoderKL` with the names of diffusers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from seetalk_jax.convert.rules import Rule, affine, convolution, linear, norm
from seetalk_jax.convert.tensors import require
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.portrait.autoencoder import AutoencoderKL

FRESH = ()


def build(
  config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str
) -> AutoencoderKL:
  """The autoencoder of the tensor shapes. The number of groups comes from `config`, else it is 32.

  Raises:
    CheckpointError: the tensors are of another network, or of a variant that is not supported.
  """
  del kind
  config = config or {}
  require(config, {'act_fn': 'silu', 'in_channels': 3, 'out_channels': 3})
  names = '\n'.join(shapes)
  levels = 1 + max((int(i) for i in re.findall(r'^encoder\.down_blocks\.(\d+)\.', names, re.M)), default=-1)
  resnets = [
    len(set(re.findall(rf'^encoder\.down_blocks\.{i}\.resnets\.(\d+)\.', names, re.M))) for i in range(levels)
  ]
  up = [
    len(set(re.findall(rf'^decoder\.up_blocks\.{i}\.resnets\.(\d+)\.', names, re.M))) for i in range(levels)
  ]
  channels = [shapes.get(f'encoder.down_blocks.{i}.resnets.0.conv2.weight', (0,))[0] for i in range(levels)]
  if not levels or 0 in channels or 'decoder.conv_in.weight' not in shapes:
    raise CheckpointError('these are no weights of an AutoencoderKL: its encoder or decoder is not there')
  return AutoencoderKL(
    latent_channels=shapes['decoder.conv_in.weight'][1],
    cosine_shortcut=False,
    patch_size=1,
    encoder_channels=tuple(channels),
    decoder_channels=tuple(channels),
    encoder_blocks=tuple(resnets),
    decoder_blocks=tuple(reversed(up)),
    mid_blocks=len(set(re.findall(r'^encoder\.mid_block\.resnets\.(\d+)\.', names, re.M))),
    mid_attention='encoder.mid_block.attentions.0.group_norm.weight' in shapes,
    groups=config.get('norm_num_groups', 32),
    quant_conv='quant_conv.weight' in shapes,
  )


def rules(module: AutoencoderKL) -> list[Rule]:
  """Rules for the names of diffusers' AutoencoderKL, including the older names of its attention."""
  del module  # the names are the same for all sizes
  rule_list = [
    *affine(r'quant_conv', 'quant', convolution),
    *affine(r'post_quant_conv', 'post_quant', convolution),
  ]
  side = r'(encoder|decoder)'
  for name in ('conv_in', 'conv_out'):
    rule_list += affine(rf'{side}\.{name}', '{0}/' + name, convolution)
  rule_list += norm(rf'{side}\.conv_norm_out', '{0}/conv_norm_out')
  places = {
    r'\.(down_blocks|up_blocks)\.(\d+)\.resnets\.(\d+)': '{0}/{1}_{2}_resnets_{3}',
    r'\.mid_block\.resnets\.(\d+)': '{0}/mid_block_resnets_{1}',
  }
  for theirs, ours in places.items():
    for name in ('conv1', 'conv2', 'conv_shortcut'):
      rule_list += affine(rf'{side}{theirs}\.{name}', f'{ours}/{name}', convolution)
    for name in ('norm1', 'norm2'):
      rule_list += norm(rf'{side}{theirs}\.{name}', f'{ours}/{name}')
  for blocks, name in (('down_blocks', 'downsamplers'), ('up_blocks', 'upsamplers')):
    ours = '{0}/' + blocks + '_{1}_' + name.removesuffix('s')
    rule_list += affine(rf'{side}\.{blocks}\.(\d+)\.{name}\.0\.conv', ours, convolution)
  middle = side + r'\.mid_block\.attentions\.0\.'
  rule_list += norm(middle + 'group_norm', '{0}/mid_block_attentions_0/group_norm')
  # (name, name before diffusers 0.18, name here)
  for new, old, ours in (
    ('to_q', 'query', 'to_q'),
    ('to_k', 'key', 'to_k'),
    ('to_v', 'value', 'to_v'),
    (r'to_out\.0', 'proj_attn', 'to_out'),
  ):
    rule_list += affine(middle + f'(?:{new}|{old})', '{0}/mid_block_attentions_0/attention/' + ours, linear)
  return rule_list
