"""Kinds of published networks that can be converted. This module imports no converter."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
  """A kind of published network for `seetalk convert KIND`.

  Attributes:
    network: name of the resulting network of this package.
    home: converter module in this package, with `build`, `rules` (of the built module) and `FRESH`.
    about: one line for `--help`.
  """

  network: str
  home: str
  about: str


KINDS = {
  'wav2vec2': Kind('speech_encoder', 'wav2vec', 'wav2vec 2.0, as transformers stores it'),
  'hubert': Kind('speech_encoder', 'wav2vec', 'HuBERT, as transformers stores it'),
  'wavlm': Kind('speech_encoder', 'wav2vec', 'WavLM, as transformers stores it'),
  'sd-vae': Kind('autoencoder', 'autoencoder', "Stable Diffusion's autoencoder, as diffusers stores it"),
  'sd-unet': Kind('portrait_unet', 'unet', "Stable Diffusion's UNet, as diffusers stores it"),
  'arcface': Kind(
    'face_encoder',
    'arcface',
    "ArcFace's IResNet, as InsightFace stores it (published weights: for non-commercial research only)",
  ),
  'codeformer': Kind(
    'codeformer', 'codeformer', 'CodeFormer, as its authors store it (published weights: non-commercial)'
  ),
  'syncnet': Kind('syncnet', 'syncnet', 'SyncNet, as its authors store it'),
  'lpips': Kind('perceptual', 'perceptual', 'LPIPS with its VGG-16 or AlexNet, as the package saves itself'),
  'vgg': Kind('perceptual', 'perceptual', 'VGG-16, VGG-19 or AlexNet, as torchvision stores them'),
  'efficientnet-lite': Kind(
    'perceptual', 'efficientnet_lite', 'EfficientNet-Lite0, under the names of EfficientNet-PyTorch'
  ),
  'inception': Kind('inception', 'inception', 'Inception-v3 of pytorch-fid, for FID'),
  'i3d': Kind('i3d', 'i3d', 'I3D for RGB, under the names of pytorch-i3d, for FVD'),
  'vit': Kind('face_encoder', 'vit', 'ViT, as transformers stores it'),
}
