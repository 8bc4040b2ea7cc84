"""Surface of a moving person: vertices, normals, and the light that arrives at each of them in one frame."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax import blendshapes
from seetalk_jax.constants import Part
from seetalk_jax.synthetic.human import mesh as meshes
from seetalk_jax.synthetic.human import rig
from seetalk_jax.synthetic.human.mesh import MeshPart
from seetalk_jax.synthetic.human.outfit import parts as outfit_parts
from seetalk_jax.synthetic.human.vectors import smoothstep

# How far light spreads around a surface beyond the terminator, red, green and blue: red travels farthest in skin.
SKIN_WRAP = (0.42, 0.18, 0.10)
CLOTH_WRAP = (0.06, 0.06, 0.06)
_HARD_WRAP = (0.02, 0.02, 0.02)

# Skin vertices this close to an eyeball of the neutral head form the margins of the lids.
_MARGIN = 0.03
_TEETH = (MeshPart.UPPER_TEETH, MeshPart.LOWER_TEETH)
_INNER_MOUTH = (*_TEETH, MeshPart.TONGUE)
_LIT_DEPTH = 0.35  # the inside of a mouth gets no darker behind this depth, decimeters
_LID_SHADOW = 0.13  # decimeters from the upper lid, where the eye is in the lid's shadow


class Regions(NamedTuple):
  """Vertices of the fine mesh with a role in shading.

  Attributes:
    drawn: triangles of the head without the strips of the lashes, int32 `[t]`.
    skin: 1 for skin, 0 for eyes, teeth and tongue, float32 `[v]`.
    mouth: 1 for teeth, tongue and the inside of the mouth, float32 `[v]`.
    teeth: 1 for teeth and gums, float32 `[v]`.
    eyes: vertices of the left and the right eyeball, int32 `[2, e]`.
    upper_margins: vertices of the margins of the upper lids, int32 `[2, k]`; repeated where there are fewer.
    lower_margins: of the lower lids.
    lips: vertices in the middle of the upper and lower inner lip, and at the left and right corner of the mouth,
      int32 `[4]`.
  """

  drawn: np.ndarray
  skin: np.ndarray
  mouth: np.ndarray
  teeth: np.ndarray
  eyes: np.ndarray
  upper_margins: np.ndarray
  lower_margins: np.ndarray
  lips: np.ndarray


@functools.cache
def regions() -> Regions:
  """The regions of the fine head."""
  fine = rig.fine_head().mesh
  place, parts, masks = fine.vertices, fine.parts, fine.masks
  lashes = (MeshPart.LOWER_LASHES, MeshPart.UPPER_LASHES)
  drawn = np.flatnonzero(~np.isin(fine.triangle_parts, lashes)).astype(np.int32)
  mouth = np.where(np.isin(parts, _INNER_MOUTH), 1, np.clip(1.5 * masks['mouth_inside'], 0, 1)).astype(
    np.float32
  )
  eyes = np.stack([np.flatnonzero(parts == part) for part in (MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE)])
  margins = [_lid_margins(place, parts, place[own]) for own in eyes]
  upper, lower = (_stacked([pair[side] for pair in margins]) for side in (0, 1))
  return Regions(
    drawn=drawn,
    skin=(parts == MeshPart.SKIN).astype(np.float32),
    mouth=mouth,
    teeth=np.isin(parts, _TEETH).astype(np.float32),
    eyes=eyes.astype(np.int32),
    upper_margins=upper,
    lower_margins=lower,
    lips=_lip_vertices(fine),
  )


def coarse_triangles() -> np.ndarray:
  """Triangles of the coarse mesh without the strips of the lashes, int32 `[t, 3]`: for shadows and occlusion."""
  head = meshes.load()
  lashes = (MeshPart.LOWER_LASHES, MeshPart.UPPER_LASHES)
  return head.triangles[~np.isin(head.triangle_parts, lashes)]


def num_coarse() -> int:
  """Number of vertices of the coarse head."""
  return len(meshes.load().vertices)


def wrap() -> np.ndarray:
  """Spread of light at the vertices of the fine head, float32 `[v, 3]`."""
  return np.where(regions().skin[:, None] > 0, SKIN_WRAP, _HARD_WRAP).astype(np.float32)


def labels() -> np.ndarray:
  """`constants.Part` of the triangles of the fine head, int32 `[t]`."""
  fine = rig.fine_head().mesh
  masks = {name: values[fine.triangles].mean(1) for name, values in fine.masks.items()}
  y = fine.vertices[fine.triangles][..., 1].mean(1)
  result = np.full(len(fine.triangles), Part.SKIN, np.int32)
  result[(masks['face'] < 0.5) & (y < 6.45) & (masks['ears'] < 0.5)] = Part.NECK
  result[y < 5.7] = Part.BODY
  result[masks['brows'] > 0.5] = Part.BROW
  result[masks['lips'] > 0.5] = Part.LIP
  result[(masks['mouth_inside'] > 0.5) | np.isin(fine.triangle_parts, _INNER_MOUTH)] = Part.MOUTH
  result[np.isin(fine.triangle_parts, (MeshPart.LEFT_EYE, MeshPart.RIGHT_EYE))] = Part.EYE
  return result


def outfit_labels() -> np.ndarray:
  """`constants.Part` of the triangles of the outfit, int32 `[k]`."""
  label = outfit_parts.Label
  part = {
    label.CLOTHES: Part.BODY, label.GLASSES: Part.GLASSES, label.LENS: Part.GLASSES, label.JEWELRY: Part.BODY,
    label.HAT: Part.HAIR,
  }  # fmt: skip
  return np.array([part[own] for own in outfit_parts.labels()], np.int32)


def _lid_margins(place, parts, eyeball):
  """Vertices of the upper and the lower margin of the lids around an eyeball."""
  center = (eyeball.min(0) + eyeball.max(0)) / 2
  radius = (eyeball.max(0) - eyeball.min(0))[0] / 2
  offset = place - center
  near = np.abs(np.linalg.norm(offset, axis=1) - radius) < _MARGIN
  near &= (parts == MeshPart.SKIN) & (offset[:, 2] > 0.35 * radius) & (np.abs(offset[:, 1]) < 0.6 * radius)
  level = np.median(offset[near][:, 1])
  return np.flatnonzero(near & (offset[:, 1] > level)), np.flatnonzero(near & (offset[:, 1] <= level))


def _stacked(rows):
  longest = max(map(len, rows))
  return np.stack([np.resize(row, longest) for row in rows]).astype(np.int32)


def _lip_vertices(fine):
  """Middle of the inner lips and corners of the mouth, from the displacements of `jawOpen`."""
  place = fine.vertices
  unit = meshes.load().units[blendshapes.INDEX['jawOpen']]
  moved = rig.fine_head().apply(unit)[:, 1]
  lips = np.flatnonzero(fine.masks['lips'] > 0.5)
  middle = lips[np.abs(place[lips, 0]) < 0.02]
  still, falling = middle[moved[middle] > -0.05], middle[moved[middle] <= -0.05]
  upper, lower = still[place[still, 1].argmin()], falling[place[falling, 1].argmax()]
  corners = lips[place[lips, 0].argmax()], lips[place[lips, 0].argmin()]
  return np.array([upper, lower, *corners], np.int32)


def moving_occlusion(expressed: jax.Array, baked: jax.Array, places: Regions) -> jax.Array:
  """Occlusion of an expression: baked for the skin, from lids for the eyes and from the lips for the mouth.

  Args:
    expressed: vertices before the head turns, `[v, 3]`.
    baked: occlusion of the neutral face, `[v]`.
    places: `regions()`.

  Returns:
    Unoccluded share of the surroundings, `[v]` in [0, 1].
  """
  baked = _in_the_mouth(expressed, baked, places)
  for own, upper, lower in zip(places.eyes, places.upper_margins, places.lower_margins, strict=True):
    ball = expressed[own]
    above, below = (_distance(ball, expressed[margin]) for margin in (upper, lower))
    seen = (0.42 + 0.58 * smoothstep(above, 0, _LID_SHADOW)) * (0.7 + 0.3 * smoothstep(below, 0, 0.06))
    baked = baked.at[own].set(0.95 * seen)
  return baked


def _in_the_mouth(expressed, baked, places):
  """Share of light that enters through the lips: their opening over the square of the depth behind them."""
  upper, lower, left, right = (expressed[vertex] for vertex in places.lips)
  center = (upper + lower) / 2
  gap = jnp.maximum(upper[1] - lower[1], 0) + 0.004
  area = 0.75 * gap * jnp.abs(left[0] - right[0])
  # Walls deep in the mouth light each other.
  depth = jnp.clip(center[2] - expressed[:, 2], 0, _LIT_DEPTH)
  beside = jnp.maximum(jnp.abs(expressed[:, 1] - center[1]) - gap / 2, 0)
  share = 0.9 * area / (area + 0.5 * depth**2 + 0.8 * beside**2 + 0.004)
  return baked * (1 - places.mouth) + share * places.mouth


def _distance(points, others):
  return jnp.sqrt(((points[:, None] - others) ** 2).sum(-1) + 1e-8).min(1)
