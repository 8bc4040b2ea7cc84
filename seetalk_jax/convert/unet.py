"""Stable Diffusion UNet converter: diffusers' `UNet2DConditionModel` to the body of a `PortraitUNet`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seetalk_jax.convert.rules import Rule, affine, convolution, linear, norm
from seetalk_jax.convert.tensors import require, unsupported
from seetalk_jax.errors import CheckpointError
from seetalk_jax.models.portrait.portrait_unet import PortraitUNet

# Layers of the voice conditioning, which the source does not have.
FRESH = ('voice_proj/', 'voice_token/', 'token_proj/')

_WANTED = {
  'act_fn': 'silu',
  'center_input_sample': False,
  'class_embed_type': None,
  'addition_embed_type': None,
  'conv_in_kernel': 3,
  'conv_out_kernel': 3,
  'downsample_padding': 1,
  'dual_cross_attention': False,
  'encoder_hid_dim': None,
  'flip_sin_to_cos': True,
  'freq_shift': 0,
  'mid_block_scale_factor': 1,
  'norm_eps': 1e-5,
  'resnet_time_scale_shift': 'default',
  'time_cond_proj_dim': None,
  'time_embedding_type': 'positional',
  'transformer_layers_per_block': 1,
}
_ATTENTION = {'CrossAttnDownBlock2D': True, 'DownBlock2D': False}
_UP = {'CrossAttnDownBlock2D': 'CrossAttnUpBlock2D', 'DownBlock2D': 'UpBlock2D'}


def build(config: Mapping[str, Any] | None, shapes: Mapping[str, tuple[int, ...]], kind: str) -> PortraitUNet:
  """The UNet of a `config.json` of diffusers; without it, the heads are those of Stable Diffusion 1.x.

  Raises:
    CheckpointError: an unsupported variant; the message names the field.
  """
  del kind
  config = config or {}
  require(config, _WANTED)
  down = config.get('down_block_types', ['CrossAttnDownBlock2D'] * 3 + ['DownBlock2D'])
  up = config.get('up_block_types', [_UP.get(name, '?') for name in reversed(down)])
  if any(name not in _ATTENTION for name in down):
    raise unsupported('down_block_types', down, list(_ATTENTION))
  if list(up) != [_UP[name] for name in reversed(down)]:
    raise unsupported('up_block_types', up, [_UP[name] for name in reversed(down)])
  channels = tuple(config.get('block_out_channels', (320, 640, 1280, 1280)))
  # In diffusers attention_head_dim is the number of heads, unless num_attention_heads is set.
  heads = config.get('num_attention_heads') or config.get('attention_head_dim', 8)
  heads = list(heads) if isinstance(heads, (list, tuple)) else [heads] * len(channels)
  sizes = {width // count for width, count in zip(channels, heads, strict=True)}
  if len(set(heads)) > 1 and len(sizes) > 1:
    raise unsupported('attention_head_dim', heads, 'one number of heads, or heads of one width')
  if 'conv_in.weight' not in shapes or 'conv_out.weight' not in shapes:
    raise CheckpointError('these are no weights of a UNet2DConditionModel: conv_in or conv_out is not there')
  if shapes['conv_in.weight'][1] != shapes['conv_out.weight'][0]:
    raise unsupported(
      'in_channels', shapes['conv_in.weight'][1], f"out_channels' {shapes['conv_out.weight'][0]}"
    )
  context = shapes.get('down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight', (0, 768))[1]
  return PortraitUNet(
    latent_channels=shapes['conv_out.weight'][0],
    patch_size=1,
    channels=channels,
    attention_levels=tuple(_ATTENTION[name] for name in down),
    layers_per_block=config.get('layers_per_block', 2),
    mid_blocks=2,
    context_dim=config.get('cross_attention_dim', context),
    num_heads=heads[0] if len(set(heads)) == 1 else 0,
    head_dim=0 if len(set(heads)) == 1 else sizes.pop(),
    conditioning='add',
    feed_forward_multiple=4,
    num_directions=0,
    guess_width=512,
    guess_blocks=4,
    time_channels=channels[0],
    groups=config.get('norm_num_groups', 32),
  )


def rules(module: PortraitUNet) -> list[Rule]:
  """Rules for the names of diffusers' UNet2DConditionModel, with linear or convolutional projections."""
  del module  # the names are the same for all sizes
  rule_list = []
  for name in ('conv_in', 'conv_out'):
    rule_list += affine(name, name, convolution)
  rule_list += norm('conv_norm_out', 'conv_norm_out')
  for name in ('linear_1', 'linear_2'):
    rule_list += affine(rf'time_embedding\.{name}', f'time_embedding/{name}')
  for blocks, name in (('down_blocks', 'downsamplers'), ('up_blocks', 'upsamplers')):
    ours = blocks + '_{0}_' + name.removesuffix('s')
    rule_list += affine(rf'{blocks}\.(\d+)\.{name}\.0\.conv', ours, convolution)
  sides = {r'(down_blocks|up_blocks)\.(\d+)': ('{0}_{1}', 2), 'mid_block': ('mid_block', 0)}
  for theirs, (ours, groups) in sides.items():
    number = '_{%d}' % groups  # noqa: UP031 (an f-string would need four braces)
    resnet, to = theirs + r'\.resnets\.(\d+)', f'{ours}_resnets{number}'
    for name in ('conv1', 'conv2', 'conv_shortcut'):
      rule_list += affine(rf'{resnet}\.{name}', f'{to}/{name}', convolution)
    for name in ('norm1', 'norm2'):
      rule_list += norm(rf'{resnet}\.{name}', f'{to}/{name}')
    rule_list += affine(rf'{resnet}\.time_emb_proj', f'{to}/time_emb_proj')
    attention, to = theirs + r'\.attentions\.(\d+)', f'{ours}_attentions{number}'
    rule_list += norm(rf'{attention}\.norm', f'{to}/norm')
    for name in ('proj_in', 'proj_out'):
      rule_list += affine(rf'{attention}\.{name}', f'{to}/{name}', linear)
    block, to = attention + r'\.transformer_blocks\.0', f'{to}/transformer_blocks_0'
    for name in ('norm1', 'norm2', 'norm3'):
      rule_list += norm(rf'{block}\.{name}', f'{to}/{name}')
    for name in ('attn1', 'attn2'):
      for part in ('to_q', 'to_k', 'to_v'):
        rule_list += affine(rf'{block}\.{name}\.{part}', f'{to}/{name}/{part}')
      rule_list += affine(rf'{block}\.{name}\.to_out\.0', f'{to}/{name}/to_out')
    rule_list += affine(rf'{block}\.ff\.net\.0\.proj', f'{to}/ff/proj_in')
    rule_list += affine(rf'{block}\.ff\.net\.2', f'{to}/ff/proj_out')
  return rule_list
