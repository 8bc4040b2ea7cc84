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


# Channels and blocks per stage, side of the last feature map, width of the embedding.
IRESNETS = {
  'narrow': ((8, 16, 24, 32), (1, 1, 1, 1), 2, 24),
  'deeper': ((16, 24, 32, 40), (2, 3, 4, 2), 3, 32),
}


def iresnet_source(folder, size='narrow', prefix=''):
  """Random weights and statistics under InsightFace's names."""
  channels, depths, side, embedding = IRESNETS[size]
  rng = np.random.default_rng(0)
  tensors = {}

  def add(name, *shape, scale=0.1):
    tensors[prefix + name] = (scale * rng.standard_normal(shape)).astype(np.float32)

  def norm(name, width):
    tensors[f'{prefix}{name}.weight'] = rng.uniform(0.5, 1.5, width).astype(np.float32)
    tensors[f'{prefix}{name}.running_var'] = rng.uniform(0.1, 2, width).astype(np.float32)
    tensors[f'{prefix}{name}.num_batches_tracked'] = np.array(12)
    add(f'{name}.bias', width), add(f'{name}.running_mean', width)

  add('conv1.weight', channels[0], 3, 3, 3), norm('bn1', channels[0]), add('prelu.weight', channels[0])
  before = channels[0]
  for i, (width, depth) in enumerate(zip(channels, depths, strict=True)):
    for j in range(depth):
      name = f'layer{i + 1}.{j}'
      norm(f'{name}.bn1', before), norm(f'{name}.bn2', width), norm(f'{name}.bn3', width)
      add(f'{name}.conv1.weight', width, before, 3, 3), add(f'{name}.conv2.weight', width, width, 3, 3)
      add(f'{name}.prelu.weight', width)
      if j == 0:
        add(f'{name}.downsample.0.weight', width, before, 1, 1), norm(f'{name}.downsample.1', width)
      before = width
  norm('bn2', before), norm('features', embedding)
  add('fc.weight', embedding, before * side**2), add('fc.bias', embedding)
  folder.mkdir(exist_ok=True)
  save_file(tensors, folder / 'backbone.safetensors')
  return tensors


def vit_source(folder, **changes):
  """Random weights of one layer under transformers' names, with a classifier."""
  config = dict(model_type='vit', hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
  config |= dict(intermediate_size=12, image_size=16, patch_size=8) | changes
  rng = np.random.default_rng(0)
  shapes = {'embeddings.cls_token': (1, 1, 8), 'embeddings.position_embeddings': (1, 5, 8)}
  parts = {
    'embeddings.patch_embeddings.projection': (8, 3, 8, 8),
    'layernorm': (8,),
    'encoder.layer.0.layernorm_before': (8,),
    'encoder.layer.0.layernorm_after': (8,),
    **{f'encoder.layer.0.attention.attention.{name}': (8, 8) for name in ('query', 'key', 'value')},
    'encoder.layer.0.attention.output.dense': (8, 8),
    'encoder.layer.0.intermediate.dense': (12, 8),
    'encoder.layer.0.output.dense': (8, 12),
  }
  for name, shape in parts.items():
    shapes |= {f'{name}.weight': shape, f'{name}.bias': shape[:1]}
  tensors = {f'vit.{name}': rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
  tensors |= {'classifier.weight': np.zeros((2, 8), np.float32), 'classifier.bias': np.zeros(2, np.float32)}
  folder.mkdir(exist_ok=True)
  save_file(tensors, folder / 'model.safetensors')
  (folder / 'config.json').write_text(json.dumps(config))
  return tensors
