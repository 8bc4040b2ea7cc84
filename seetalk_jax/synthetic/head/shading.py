"""Paint and light: from surface points with normals to colours and part labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from seetalk_jax.constants import Part
from seetalk_jax.synthetic.head import eyes, field, hair, mouth, skin
from seetalk_jax.synthetic.head.cond import stage
from seetalk_jax.synthetic.head.rig import to_head, turn_to_head
from seetalk_jax.synthetic.head.sdf import mix, noise2, ripple, smoothstep


def lights(settings):
  """Unit direction to the key light, and the linear colours of key, fill, rim, sky and ground."""
  s = settings
  turn, height = -0.62 + 0.75 * s.key_turn, 0.62 + 0.18 * s.key_height
  key = (jnp.sin(turn) * jnp.cos(height), jnp.sin(height), jnp.cos(turn) * jnp.cos(height))
  warm = 0.09 * s.warmth
  k, f, r = 1.74 * (1.0 + 0.15 * s.key), 0.26 * (1.0 + 0.35 * s.fill), 0.9 * (1.0 + 0.5 * s.rim)
  return key, {
    'key': (k * (1.04 + warm), k * 0.98, k * (0.90 - warm)),
    'fill': (f * 0.84, f * 0.95, f * 1.14),
    'rim': (r * 0.95, r, r * 1.08),
    'sky': (0.27, 0.29, 0.33),
    'ground': (0.24, 0.17, 0.13),
  }


def tone(value, exposure):
  """Linear light to sRGB through a soft shoulder, so that pale skin keeps its form."""
  value = jnp.maximum(value, 0.0) * exposure
  value = value * (1.0 + value * 0.16) / (1.0 + value * 0.62)
  value = jnp.clip(value, 0.0, 1.0)
  return jnp.where(value < 0.0031308, 12.92 * value, 1.055 * jnp.exp(jnp.log(value + 1e-7) / 2.4) - 0.055)


def backdrop(identity, settings, u, v):
  """Linear background colour at relative picture coordinates; three arrays."""
  i = identity
  light = 1.0 + 0.25 * settings.backdrop
  radius = jnp.sqrt((u - 0.5) ** 2 + (v - 0.42) ** 2)
  glow = 1.14 - 0.95 * radius * radius - 0.12 * v
  style = i.backdrop_style
  disc = smoothstep(0.47, 0.45, jnp.sqrt((u - 0.5 - 0.08 * i.backdrop_turn) ** 2 + (v - 0.46) ** 2))
  slope = smoothstep(
    -0.04, 0.04, (u - 0.5) * i.backdrop_turn + 0.6 * (v - 0.5) * (1 - jnp.abs(i.backdrop_turn))
  )
  two = mix(0.0, disc * 0.55, smoothstep(0.40, 0.45, style) * smoothstep(0.72, 0.70, style))
  two = two + 0.45 * slope * smoothstep(0.70, 0.72, style)
  base = (i.backdrop_red, i.backdrop_green, i.backdrop_blue)
  lighter = [mix(base[c], 0.92, 0.38) for c in range(3)]
  return [mix(base[c], lighter[c], two) * glow * light for c in range(3)]


def paint(rig, settings, origin, direction, position, normal, ambient, shadow, solid, pixel):
  """Colours one tile of surface points.

  Args:
    origin, direction: world ray, three scalars and three arrays `[n]`.
    position, normal: world surface point and unit normal, three arrays `[n]` each.
    ambient, shadow: ambient light left (0..1) and key light left (0..1), `[n]`.
    solid: whether the ray met anything, `[n]`.
    pixel: width of a pixel on the surface, `[]`.

  Returns:
    linear red, green, blue, the part's label (float), and canonical x, y, z: `[n]` each.
  """
  i = rig.identity
  x, y, z = position
  nx, ny, nz = normal
  # A ray that just touches an outline may find a normal turned away; its light would speckle the edge.
  facing = -(nx * direction[0] + ny * direction[1] + nz * direction[2])
  turn = jnp.maximum(0.12 - facing, 0.0)
  nx, ny, nz = (n - turn * d for n, d in zip((nx, ny, nz), direction, strict=True))
  unit = jax.lax.rsqrt(nx * nx + ny * ny + nz * nz + 1e-9)
  nx, ny, nz = nx * unit, ny * unit, nz * unit

  any_solid = jnp.any(solid)
  head, rest, hole = stage(any_solid, lambda: field.place(rig, x, y, z))
  hx, hy, hz = head
  rx, ry, rz = rest
  whole = stage(any_solid, lambda: field.solid_face(rig, head, rest))
  neck = stage(any_solid, lambda: field.body(rig, x, y, z))

  def look_up():
    ball, _ = eyes.eye_distances(rig, jnp.abs(hx), hy, hz, hx > 0.0)
    return (
      field.open_face(whole, hole, rest),
      ball,
      hair.hair_distance(rig, hx, hy, hz),
      eyes.glasses_distance(rig, jnp.abs(hx), hy, hz),
      field.cloth(rig, x, y, z, neck),
    )

  face, ball, hair_d, glasses, cloth_d = stage(any_solid, look_up)
  is_left = hx > 0.0
  hd = turn_to_head(rig, *direction)
  ho = to_head(rig, *origin)
  hn = turn_to_head(rig, nx, ny, nz)
  key, colours = lights(settings)
  head_key = turn_to_head(rig, *key)

  # Which part: the nearest one.
  bare = jnp.minimum(face, neck)
  is_glass = solid & (glasses < jnp.minimum(jnp.minimum(bare, hair_d), ball))
  is_ball = solid & (ball < jnp.minimum(face, hair_d)) & ~is_glass
  is_hair = solid & (hair_d < jnp.minimum(bare, cloth_d)) & ~is_glass & ~is_ball
  is_cloth = solid & (cloth_d < bare) & ~is_hair & ~is_glass & ~is_ball
  is_skin = solid & ~(is_hair | is_glass | is_cloth | is_ball)
  is_neck = (neck < face) & is_skin
  on_head = 1.0 - smoothstep(-0.03, 0.03, face - neck)

  any_skin = jnp.any(is_skin)
  masks = stage(any_skin, lambda: skin.skin_masks(rig, head, rest, hn[1], on_head, pixel))
  skin_rgb = stage(any_skin, lambda: skin.skin_colours(rig, masks))
  tx, ty, tz, strand = stage(jnp.any(is_hair), lambda: hair.strands(rig, *head, *hn))
  any_ball = jnp.any(is_ball)
  on_ball = stage(any_ball, lambda: eyes.ball_masks(rig, *head, is_left, head_key, hd, pixel))
  ball_rgb = stage(any_ball, lambda: eyes.ball_colour(rig, on_ball))
  glint = on_ball[-1]

  inside = (
    smoothstep(0.008, 0.026, -whole) * smoothstep(-0.014, -0.005, hole) * smoothstep(0.0, 0.02, rig.gap)
  )
  inside = jnp.where(is_skin & ~is_neck, inside, 0.0)
  any_inside = jnp.any(inside > 0.0)
  u = jnp.abs(rx) / rig.mouth_x
  in_mouth = stage(any_inside, lambda: mouth.inside_masks(rig, ho, hd, u, jnp.maximum(hole, 0.0)))
  inner = stage(any_inside, lambda: mouth.inside_colour(in_mouth))

  def cloth_paint():
    stripes = smoothstep(-0.2, 0.2, ripple(y * 6.5)) * i.cloth_stripes
    weave = 0.94 + 0.06 * noise2(x * 60.0, y * 60.0)
    own = (i.cloth_red, i.cloth_green, i.cloth_blue)
    return [mix(c, mix(c, mix(0.03, 0.85, i.cloth_trim), 0.8), stripes) * weave for c in own]

  cloth_rgb = stage(jnp.any(is_cloth), cloth_paint)

  def light_terms():
    ndl = nx * key[0] + ny * key[1] + nz * key[2]
    ndf = nx * 0.72 + ny * 0.10 + nz * 0.69
    rim = jnp.maximum(nx * 0.55 + ny * 0.45 - nz * 0.70, 0.0) ** 2
    rim = rim + 0.6 * jnp.maximum(-nx * 0.75 + ny * 0.25 - nz * 0.60, 0.0) ** 2
    sky = 0.5 + 0.5 * ny
    bx, by, bz = key[0] - direction[0], key[1] - direction[1], key[2] - direction[2]
    inverse = jax.lax.rsqrt(bx * bx + by * by + bz * bz + 1e-6)
    ndh = jnp.clip((nx * bx + ny * by + nz * bz) * inverse, 0.0, 1.0)
    hkx, hky, hkz = turn_to_head(rig, bx * inverse, by * inverse, bz * inverse)
    toh = tx * hkx + ty * hky + tz * hkz
    across = jnp.maximum(1.0 - toh * toh, 0.0)
    silk = across**24 * (0.35 + 0.9 * (strand - 0.6)) + 0.30 * across**6
    gloss = ndh**12
    gloss2 = gloss * gloss
    root = jnp.sqrt(shadow)
    root_ao = jnp.sqrt(ambient)
    lip = masks.lip * (1.0 - masks.hairy)
    spec = jnp.where(
      is_skin,
      (masks.shine * gloss + (0.05 + 0.3 * i.lipstick) * lip * gloss2 * gloss2) * shadow * ambient,
      0.0,
    )
    spec = spec + jnp.where(is_ball, glint * 0.95, 0.0) + jnp.where(is_glass, 0.5 * gloss2, 0.0)
    silk = jnp.where(is_hair, silk * (0.4 + 0.6 * shadow) * 0.42 * ambient, 0.0)
    fill = jnp.maximum(ndf * 0.7 + 0.3, 0.0)
    rim = rim * ambient * jnp.where(is_ball, 0.0, 0.7) * smoothstep(0.0, 0.25, facing)
    return ndl, fill, rim, sky, spec, silk, root, root_ao

  terms = stage(any_solid, light_terms)

  def light_up():
    ndl, fill, rim, sky, spec, silk, root, root_ao = terms
    hair_rgb = hair.hair_colour(i)
    rgb = []
    for c in range(3):
      albedo = jnp.where(is_hair, hair_rgb[c] * strand, skin_rgb[c])
      albedo = jnp.where(is_ball, ball_rgb[c], albedo)
      albedo = jnp.where(is_cloth, cloth_rgb[c], albedo)
      albedo = jnp.where(is_glass, mix(0.010, (0.22, 0.08, 0.03)[c], i.glasses_tone), albedo)
      # Light wraps round skin, red farthest; shadows on it stay warm.
      w = jnp.where(is_skin, (0.42, 0.26, 0.18)[c], jnp.where(is_ball, 0.5, jnp.where(is_hair, 0.25, 0.15)))
      lit = jnp.maximum(ndl + w, 0.0) / (1.0 + w)
      shade = jnp.where(is_skin, mix(shadow, root, (0.9, 0.2, 0.0)[c]), shadow)
      ao = jnp.where(is_skin, mix(ambient, root_ao, (0.7, 0.0, 0.0)[c]), ambient)
      light = colours['key'][c] * lit * shade * (0.5 + 0.5 * ao) + colours['fill'][c] * fill * ao
      light = light + mix(colours['ground'][c], colours['sky'][c], sky) * ao + colours['rim'][c] * rim
      value = albedo * light + silk * mix(hair_rgb[c] * 2.2, 0.26, 0.17) * colours['key'][c] + spec
      rgb.append(mix(value, inner[c], inside))
    return rgb

  rgb = stage(any_solid, light_up)
  streak = eyes.lens_glint(rig, ho, hd)
  rgb = [value + streak for value in rgb]

  part = jnp.where(is_neck, float(Part.NECK), float(Part.SKIN))
  part = jnp.where(is_skin & (masks.brow > 0.5), float(Part.BROW), part)
  part = jnp.where(is_skin & (masks.lip * (1.0 - masks.hairy) > 0.5), float(Part.LIP), part)
  part = jnp.where(inside > 0.5, float(Part.MOUTH), part)
  part = jnp.where(is_hair, float(Part.HAIR), part)
  part = jnp.where(is_cloth, float(Part.BODY), part)
  part = jnp.where(is_ball, float(Part.EYE), part)
  part = jnp.where(is_glass, float(Part.GLASSES), part)
  # Canonical coordinates: skin of the head at rest, rigid parts in head space, torso in the world.
  rigid = is_hair | is_glass | is_ball
  bend = jnp.where(is_cloth, 1.0, jnp.where(is_neck, smoothstep(-0.75, -1.30, y), 0.0))
  cx = mix(jnp.where(rigid, hx, rx), x, bend)
  cy = mix(jnp.where(rigid, hy, ry), y, bend)
  cz = mix(jnp.where(rigid, hz, rz), z, bend)
  return (*rgb, part, cx, cy, cz)
