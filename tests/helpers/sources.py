"""Source folders with random weights, in the layout of published ones."""

import json

import numpy as np
from safetensors.numpy import save_file


def autoencoder_source(folder, channels=(16, 32), latent=4, groups=4):
  """Random weights under diffusers' names."""
  rng = np.random.default_rng(0)
  tensors = {}

  def add(name, *shape):
    tensors[f'{name}.weight'] = rng.standard_normal(shape).astype(np.float32) * 0.1
    tensors[f'{name}.bias'] = rng.standard_normal(shape[0]).astype(np.float32) * 0.1

  def resnet(name, before, after):
    add(f'{name}.norm1', before), add(f'{name}.norm2', after)
    add(f'{name}.conv1', after, before, 3, 3), add(f'{name}.conv2', after, after, 3, 3)
    if before != after:
      add(f'{name}.conv_shortcut', after, before, 1, 1)

  for side, first, last in (('encoder', 3, 2 * latent), ('decoder', latent, 3)):
    ends = (channels[0], channels[-1]) if side == 'encoder' else (channels[-1], channels[0])
    add(f'{side}.conv_in', ends[0], first, 3, 3), add(f'{side}.conv_out', last, ends[1], 3, 3)
    add(f'{side}.conv_norm_out', ends[1])
    for i in range(2):
      resnet(f'{side}.mid_block.resnets.{i}', channels[-1], channels[-1])
    middle = f'{side}.mid_block.attentions.0'
    add(f'{middle}.group_norm', channels[-1])
    for name in ('to_q', 'to_k', 'to_v', 'to_out.0'):
      add(f'{middle}.{name}', channels[-1], channels[-1])
    order = channels if side == 'encoder' else channels[::-1]
    before = order[0]
    for i, width in enumerate(order):
      blocks, scaler = ('down', 'downsamplers') if side == 'encoder' else ('up', 'upsamplers')
      for j in range(1 if side == 'encoder' else 2):
        resnet(f'{side}.{blocks}_blocks.{i}.resnets.{j}', before, width)
        before = width
      if i < len(order) - 1:
        add(f'{side}.{blocks}_blocks.{i}.{scaler}.0.conv', width, width, 3, 3)
  add('quant_conv', 2 * latent, 2 * latent, 1, 1), add('post_quant_conv', latent, latent, 1, 1)
  folder.mkdir(exist_ok=True)
  save_file(tensors, folder / 'diffusion_pytorch_model.safetensors')
  (folder / 'config.json').write_text(json.dumps({'norm_num_groups': groups}))
  (folder / 'README.md').write_text('---\nlicense: openrail\n---\n# A model\n')
  return tensors
