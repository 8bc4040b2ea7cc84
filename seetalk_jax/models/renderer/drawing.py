"""Frames from warped portraits by the codebook renderer: whole, or their regions over frames of the codec's decoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from seetalk_jax.models.motion.motion_codec import Warped
from seetalk_jax.models.renderer import regions
from seetalk_jax.models.renderer.regions import REGIONS, crop_pixels, crop_warped, paste


class Piece(NamedTuple):
  """A picture that the codebook renderer draws: whole frames, or one region of each.

  Attributes:
    warped: its warp.
    region: int `[b]`, index of the region in `REGIONS`; None: whole frames.
    corner: int32 `[b, 2]`, see `regions.corners`; None: whole frames.
  """

  warped: Warped
  region: jax.Array | None = None
  corner: jax.Array | None = None

  def cut(self, image: jax.Array) -> jax.Array:
    """What the frames `[b, h, w, c]` show there."""
    if self.corner is None:
      return image
    repeats = len(self.corner) // len(image)
    height, width = self.warped.image.shape[1:3]
    return crop_pixels(jnp.concatenate([image] * repeats), self.corner, (height, width))

  def put(self, image: jax.Array, drawn: jax.Array) -> jax.Array:
    """Frames `[b, h, w, c]` with what was drawn there, which replaces them if it is whole."""
    if self.corner is None:
      return drawn
    repeats = len(self.corner) // len(image)
    for corner, region in zip(jnp.split(self.corner, repeats), jnp.split(drawn, repeats), strict=True):
      image = paste(image, region, corner)
    return image


def pieces_of(networks: Mapping[str, Any], warped: Warped) -> list[Piece]:
  """What the codebook renderer draws of warped portraits: whole frames, or their regions, those of one size together.

  Regions are drawn if the code transformer among the networks has `num_regions`.
  """
  if not networks['code_transformer'].num_regions:
    return [Piece(warped)]
  side, pieces = warped.image.shape[1], []
  for size in dict.fromkeys(region.size for region in REGIONS):
    crops, corners = [], []
    kinds = [i for i, region in enumerate(REGIONS) if region.size == size]
    for i in kinds:
      corners.append(regions.corners(warped.canonical_coords, REGIONS[i], side))
      crops.append(crop_warped(warped, corners[-1], REGIONS[i].shape(side)))
    together = jax.tree.map(lambda *parts: jnp.concatenate(parts), *crops)
    region = jnp.repeat(jnp.array(kinds), len(warped.image))
    pieces.append(Piece(together, region, jnp.concatenate(corners)))
  return pieces


def draw_from_codes(
  networks: Mapping[str, Any],
  params: Mapping[str, Any],
  warped: Warped,
  fusion: jax.Array | float,
  lookup: Callable[[jax.Array], jax.Array],
) -> tuple[jax.Array, list[tuple[Piece, jax.Array]]]:
  """Pictures of warped portraits by the HR decoder, from the codes that the code transformer predicts.

  Args:
    networks, params: modules and parameters by name, with `code_transformer` and `hr_decoder`, and with `motion_codec`
      if regions are drawn.
    warped: from `MotionCodec.warp`.
    fusion: weight of the warped portrait, 0 to 1; a scalar or `[b, 1, 1, 1]`.
    lookup: logits `[b, m, n, k]` -> codes `[b, m, n, code_dim]`.

  Returns:
    (pictures `[b, h, w, 3]`, about [-1, 1]; every piece with its logits).
  """
  (pictures, _), logits = parts_from_codes(networks, params, warped, fusion, lookup)
  return pictures, logits


def parts_from_codes(
  networks: Mapping[str, Any],
  params: Mapping[str, Any],
  warped: Warped,
  fusion: jax.Array | float,
  lookup: Callable[[jax.Array], jax.Array],
) -> tuple[tuple[jax.Array, jax.Array], list[tuple[Piece, jax.Array]]]:
  """As `draw_from_codes`, with the copy weights: ((pictures, copy weights `[b, h, w, 1]`), pieces with logits)."""
  whole: tuple[jax.Array, jax.Array] | None = None
  if networks['code_transformer'].num_regions:
    codec = {'params': params['motion_codec']}
    whole = networks['motion_codec'].apply(codec, warped, method='decode_parts')
  found = []
  for piece in pieces_of(networks, warped):
    logits = predict_codes(networks, params, piece)
    weight = fusion
    if piece.region is not None and jnp.ndim(fusion):
      weight = jnp.concatenate([fusion] * (len(piece.region) // len(warped.image)))
    drawn = networks['hr_decoder'].apply(
      {'params': params['hr_decoder']}, lookup(logits), piece.warped, weight, method='decode_parts'
    )
    whole = drawn if whole is None else (piece.put(whole[0], drawn[0]), piece.put(whole[1], drawn[1]))
    found.append((piece, logits))
  assert whole is not None
  return whole, found


def predict_codes(networks: Mapping[str, Any], params: Mapping[str, Any], piece: Piece) -> jax.Array:
  """Logits of the codes of a piece, `[b, m, n, num_codes]`."""
  region = () if piece.region is None else (piece.region,)
  variables = {'params': params['code_transformer']}
  return networks['code_transformer'].apply(variables, piece.warped.features, *region)
