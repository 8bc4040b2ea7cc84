"""Code transformer stage: predict the codes of the target from the warped source, and train the fusion."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.data import views
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.renderer import drawing
from seetalk_jax.models.renderer.codebook import straight_through_lookup
from seetalk_jax.models.renderer.hr_decoder import from_codebook
from seetalk_jax.stages import base, losses, picture_mask


@dataclasses.dataclass(frozen=True)
class CodeTransformerStage(base.Stage):
  """Cross-entropy to the codes of the target, and distance of the predicted codes (CodeFormer's second step).

  With an `hr_decoder` among the networks, its fusion is trained too, from the target's true codes at a random
  fusion weight (the third step). The stage `render` then trains everything end to end.

  Attributes:
    feature_weight: multiplies the squared distance between the softmax mixture of codes and the target's
      codes.
    pixel_weight: multiplies the Charbonnier pixel error of the HR decoder's image.
    edge_weight: multiplies the edge loss of the HR decoder's image.
    motion_noise: standard deviation of the noise added to motion latents, in units of their spread.
    label_smoothing: label smoothing of the cross-entropy, because different codes can decode to similar
      images.
  """

  preview_rows = ('source', 'target', 'warped source', 'decoded from the predicted codes')
  networks: Mapping[str, nn.Module]
  frozen: Mapping[str, nn.Module]
  name: str = 'code_transformer'
  view: str = 'motion_pair'
  image_size: int = 256
  feature_weight: float = 1.0
  pixel_weight: float = 1.0
  edge_weight: float = 1.0
  motion_noise: float = 0.1
  label_smoothing: float = 0.05

  def batch_spec(self, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    return views.batch_spec(self.view, batch_size, self.image_size, only=('source', 'target', 'picture_box'))

  def init(self, rng: jax.Array, frozen: base.Frozen) -> tuple[dict[str, Any], dict[str, Any]]:
    return init_renderer(rng, frozen, self.networks, self.frozen, self.image_size), {}

  def loss(self, params, frozen, collections, batch, rng, step):
    del step
    source, target = image_ops.to_float(batch['source']), image_ops.to_float(batch['target'])
    noise_rng, weight_rng = jax.random.split(rng)
    warped = jax.lax.stop_gradient(self._warp(frozen, source, target, noise_rng))
    of_pieces = [
      self._piece_loss(params, frozen, piece, target, batch, weight_rng)
      for piece in drawing.pieces_of(self.networks, warped)
    ]
    loss, metrics = jax.tree.map(lambda *values: sum(values) / len(values), *of_pieces)
    return loss, (metrics, collections)

  def _piece_loss(self, params, frozen, piece: drawing.Piece, target, batch, rng):
    """Loss and metrics of whole frames, or of the regions of one size."""
    target, inside = piece.cut(target), piece.cut(picture_mask.of_batch(batch, target))
    book, variables = self.frozen['codebook'], frozen.variables('codebook')
    codes, indices, _, _ = book.apply(
      variables, book.apply(variables, target, method='encode'), method='quantise'
    )
    codes = jax.lax.stop_gradient(codes)
    logits = drawing.predict_codes(self.networks, params, piece)
    cells = image_ops.resize_image(inside, indices.shape[1:3])
    cross_entropy, accuracy = code_losses(logits, indices, self.label_smoothing, cells)
    embedding = frozen.collections['codebook']['codebook_state']['embedding']
    mixed = jax.nn.softmax(logits) @ embedding
    distance = picture_mask.mean_inside(jnp.sum(jnp.square(mixed - codes), axis=-1), cells)
    loss = cross_entropy + self.feature_weight * distance
    metrics = {'cross_entropy': cross_entropy, 'accuracy': accuracy, 'code_distance': distance}
    if 'hr_decoder' in self.networks:
      weight = jax.random.uniform(rng, (target.shape[0], 1, 1, 1))
      image = self.networks['hr_decoder'].apply({'params': params['hr_decoder']}, codes, piece.warped, weight)
      image = picture_mask.only_inside(image, target, inside)
      pixels, edges = jnp.mean(losses.charbonnier(image - target)), losses.edge_loss(image, target)
      loss += self.pixel_weight * pixels + self.edge_weight * edges
      metrics |= {'pixels': pixels, 'edges': edges, 'psnr': losses.psnr(image, target, inside)}
    return loss, metrics

  def _warp(self, frozen, source, target, rng):
    codec, variables = self.frozen['motion_codec'], frozen.variables('motion_codec')
    m = codec.apply(variables, jnp.concatenate([source, target]), method='motion')
    m_source, m_target = jnp.split(losses.noisy_motion(m, rng, self.motion_noise), 2)
    return codec.apply(
      variables, codec.apply(variables, source, method='appearance'), m_source, m_target, method='warp'
    )

  def preview(self, params, frozen, collections, batch, rng) -> np.ndarray:
    """Rows: source, target, warped source, the predicted codes decoded by the codebook."""
    del collections
    source, target = (image_ops.to_float(jnp.asarray(batch[k][:4])) for k in ('source', 'target'))

    @jax.jit
    def draw(params, frozen, source, target):
      warped = self._warp(frozen, source, target, rng)
      embedding = frozen.collections['codebook']['codebook_state']['embedding']
      picture = warped.image
      for piece in drawing.pieces_of(self.networks, warped):
        codes = straight_through_lookup(drawing.predict_codes(self.networks, params, piece), embedding)
        drawn = self.frozen['codebook'].apply(frozen.variables('codebook'), codes, method='decode')
        picture = piece.put(picture, drawn)
      return warped.image, picture

    return image_ops.picture_grid([source, target, *draw(params, frozen, source, target)])


def code_losses(
  logits: jax.Array, indices: jax.Array, smoothing: float, inside: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """(Cross-entropy, accuracy) of `logits [b, m, n, k]` to codes `[b, m, n]` under the mask `inside [b, m, n, 1]`."""
  log_prob = jax.nn.log_softmax(logits)
  hit = jnp.take_along_axis(log_prob, indices[..., None], axis=-1)[..., 0]
  mean = functools.partial(picture_mask.mean_inside, inside=inside)
  cross_entropy = -(1 - smoothing) * mean(hit) - smoothing * mean(log_prob)
  return cross_entropy, mean(jnp.argmax(logits, axis=-1) == indices)


def init_renderer(
  rng: jax.Array,
  frozen: base.Frozen,
  networks: Mapping[str, nn.Module],
  pretrained: Mapping[str, nn.Module],
  image_size: int,
) -> dict[str, Any]:
  """Initial parameters of motion_codec, code_transformer and hr_decoder, of those that are in `networks`.

  The HR decoder starts as a copy of the frozen codebook's decoder.
  """
  every = {**pretrained, **networks}
  keys = dict(zip(('motion_codec', 'code_transformer', 'hr_decoder'), jax.random.split(rng, 3), strict=True))
  params = {}
  for name, key in keys.items():
    if name in networks:
      shapes = networks[name].example_inputs(every, image_size)
      params[name] = networks[name].init(key, *jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes))[
        'params'
      ]
  if 'hr_decoder' in params:
    params['hr_decoder'] = from_codebook(params['hr_decoder'], frozen.params['codebook'])
  return params


def uses(config) -> base.Uses:
  """The code transformer, and the HR decoder if the configuration names one."""
  with_decoder = 'hr_decoder' in config.model or config.init.get('hr_decoder')
  return base.Uses(
    trained=('code_transformer', 'hr_decoder') if with_decoder else ('code_transformer',),
    frozen=('codebook', 'motion_codec'),
  )


def build(config, pretrained: Mapping[str, nn.Module]) -> CodeTransformerStage:
  """The stage of a configuration."""
  networks, frozen = base.networks_for(uses(config), config, pretrained)
  options = base.options_of(CodeTransformerStage, config)
  return CodeTransformerStage(networks=networks, frozen=frozen, **options)
