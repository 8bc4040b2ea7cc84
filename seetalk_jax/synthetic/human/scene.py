"""Scene: light, camera, background and tone of one clip of the human world."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from seetalk_jax.media import face
from seetalk_jax.synthetic.human import backgrounds, environments, furnishing, outdoors, studios
from seetalk_jax.synthetic.human.backgrounds import Background
from seetalk_jax.synthetic.human.camera import Camera
from seetalk_jax.synthetic.human.environments import luma
from seetalk_jax.synthetic.human.light import Lights
from seetalk_jax.synthetic.human.tone import Tone

# Kinds of places, and how often each is drawn.
PLACES = {
  **{'room day': 0.17, 'room evening': 0.09, 'room mixed': 0.07, 'room office': 0.12, 'room screen': 0.05},
  **{
    'sunny': 0.06,
    'hazy': 0.04,
    'golden': 0.05,
    'shade': 0.05,
    'overcast': 0.06,
    'dusk': 0.02,
    'night': 0.04,
  },
  'studio': 0.18,
}
# Light on the face over pi, after exposure, that puts skin of middle tone near the middle of the values.
FACE_LIGHT = 0.57
# Limit of the background in units of the light on the face: windows and skies keep some color.
BRIGHTEST = 6.0
MIDDLE_SKIN = 0.25  # reflectance of such skin


class Scene(NamedTuple):
  """What surrounds a person in a clip.

  Attributes:
    lights: light on the person; the mean light on the face is about 1.
    softness: of the shadows of the key lights, `[3]`, for `light.visibility`.
    camera: the camera.
    background: what lies behind, in the same unit as the light.
    tone: exposure, white balance and tone curve.
  """

  lights: Lights
  softness: jax.Array
  camera: Camera
  background: Background
  tone: Tone


def sample_scene(
  rng: np.random.Generator,
  eyes: np.ndarray,
  chin: np.ndarray,
  *,
  kind: str | None = None,
  jitter: float = 1.0,
  reflectance: float = MIDDLE_SKIN,
) -> Scene:
  """A random scene for a person who looks at the camera at rest.

  Args:
    rng: random generator.
    eyes: midpoint of the eyes of the neutral person, decimeters, `[3]`.
    chin: lowest point of the chin, `[3]`.
    kind: key of `PLACES`; None for any.
    jitter: scale of the random shift and zoom of the portrait crop; 0 for the exact crop.
    reflectance: of the skin, 0.03 to 0.6; the automatic exposure makes up for a third of its difference (in
      stops) from that of middle skin.
  """
  if kind is None:
    kind = str(rng.choice(list(PLACES), p=np.array(list(PLACES.values())) / sum(PLACES.values())))
  place, depth = _sample_place(rng, kind)
  found = environments.environment(place.radiance(), place.sources(), fill=rng.uniform(0.1, 0.3))
  level = float(luma(environments.face_light(found)))
  found = found.scaled(1 / level)

  distance = float(np.exp(rng.normal(np.log(12.5), 0.32)).clip(8, 25))
  camera = portrait_camera(
    jnp.asarray(eyes, jnp.float32),
    jnp.asarray(chin, jnp.float32),
    distance,
    zoom=float(np.exp(jitter * rng.normal(0, 0.02))),
    shift=(jitter * rng.normal(0, 0.008, 2)).astype(np.float32),
  )
  height = float(camera.height)
  blur = max(lens_aperture(rng, distance, kind) * depth / (depth + distance) / height, 0.01)
  plate = backgrounds.plate(place.view, rng, distance=distance, height=height, blur=blur) / level
  plate = plate / (1 + plate.mean(0) / BRIGHTEST)
  return Scene(
    Lights(*(jnp.asarray(a, jnp.float32) for a in (found.harmonics, found.directions, found.colors))),
    jnp.asarray(found.softness, jnp.float32),
    camera,
    Background(jnp.asarray(plate, jnp.float32)),
    sample_tone(rng, environments.face_light(found), kind, reflectance),
  )


def _sample_place(rng, kind):
  """(place with `radiance`, `sources` and `view`; distance of the background behind the person in decimeters)."""
  if kind == 'studio':
    place = studios.sample_studio(rng)
    return place, place.distance
  if kind.startswith('room '):
    room = furnishing.sample_room(rng, kind.removeprefix('room '))
    return room, -room.low[2] * 0.9
  place = outdoors.sample_outdoors(rng, kind)
  return place, place.distance


def lens_aperture(rng: np.random.Generator, distance: float, kind: str) -> float:
  """Diameter of an aperture in decimeters: phones and webcams are near and small, portrait lenses far and large."""
  large = 0.9 if kind in ('dusk', 'night') else np.clip((distance - 6) / 9, 0.35, 0.9)
  if rng.random() < large:
    return float(np.exp(rng.uniform(np.log(0.08), np.log(0.45))))
  return float(rng.uniform(0.02, 0.06))


def sample_tone(
  rng: np.random.Generator, face_light: np.ndarray, kind: str, reflectance: float = MIDDLE_SKIN
) -> Tone:
  """Exposure as of an automatic camera that errs, and a white balance that removes most of the cast.

  Args:
    rng: random generator.
    face_light: mean light on the face over pi, `[3]`.
    kind: key of `PLACES`; casts of evenings and nights are kept more.
    reflectance: of the skin.
  """
  keeps = kind in ('room evening', 'room screen', 'golden', 'dusk', 'night')
  share = rng.uniform(0.55, 0.9) if keeps else rng.uniform(0.75, 1.0)
  cast = np.clip(face_light / luma(face_light), 0.15, 4)
  error = rng.normal(0, 0.035) * np.array([1, 0, -1]) + rng.normal(0, 0.015) * np.array([-1, 1, -1])
  balance = np.clip(cast**-share, 0.4, 4) * np.exp(error)
  balance = balance / luma(balance * face_light) * luma(face_light)
  stops = rng.normal(-0.1 if keeps else 0.0, 0.28) + np.log2(MIDDLE_SKIN / reflectance) / 3
  numbers = (rng.normal(1.12, 0.08), rng.normal(1.0, 0.1), abs(rng.normal(0, 0.006)))
  return Tone(
    jnp.float32(FACE_LIGHT * 2**stops),
    jnp.asarray(balance, jnp.float32),
    *(jnp.float32(number) for number in numbers),
  )


def portrait_camera(
  eyes: jax.Array,
  chin: jax.Array,
  distance: jax.Array | float,
  zoom: jax.Array | float = 1.0,
  shift: jax.Array | tuple[float, float] = (0.0, 0.0),
) -> Camera:
  """The camera whose picture is the portrait crop of a frontal face (`media.face.PORTRAIT_CROP`).

  Args:
    eyes: midpoint of the eyes of the neutral person, decimeters, `[3]`.
    chin: lowest point of the chin, `[3]`.
    distance: from the lens to the eyes, decimeters.
    zoom: above 1 shows the face larger.
    shift: moves the face to the right and down, in picture sides.
  """
  crop = face.PORTRAIT_CROP
  shift = jnp.asarray(shift, jnp.float32)
  # The chin is nearer to the lens than the eyes, hence larger by `nearer`; the middle of the picture lies `below`
  # sides below the eyes.
  nearer = distance / (distance - (chin[2] - eyes[2]))
  below = 0.5 - crop.eyes_y - shift[1]
  drop = (eyes[1] - chin[1]) * nearer
  height = crop.side_over_face * drop / (zoom - crop.side_over_face * below * (1 - nearer))
  across = 0.5 - crop.eyes_x - shift[0]
  center = jnp.stack([eyes[0] + across * height, eyes[1] - below * height, eyes[2]])
  return Camera(center, height, jnp.asarray(distance, jnp.float32))
