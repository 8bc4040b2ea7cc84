"""Portraits of the human world as PNG files, with a table of what was meant, for judges that know nothing of it.

python tools/draw_portraits.py FOLDER --people 100 --pictures 3 --size 512

The first picture of a person is frontal and neutral, the others have a random expression or an emotion and a random
pose; every picture has its own light and background. FOLDER/portraits.csv says for each file: the person, sex (0
female to 1 male) and age of the speaker, and whether the face is neutral. A file that exists is kept, so that an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import functools
import pathlib
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from seetalk_jax import constants
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic import speakers
from seetalk_jax.synthetic.acting import emotions, faces
from seetalk_jax.synthetic.human import landmarks, people, person, render, rig, scene

_STREAM_MOTION, _STREAM_SCENE = 0x907A, 0x907B


class Portrait(NamedTuple):
  """A picture to draw.

  Attributes:
    name: of the file.
    person: speaker and seed of the appearance.
    number: of the picture among those of the person; 0 is neutral.
  """

  name: str
  person: int
  number: int


def portraits(first: int, num_people: int, pictures: int) -> list[Portrait]:
  """The portraits of a run, `pictures` of each person."""
  numbers = ((one, picture) for one in range(first, first + num_people) for picture in range(pictures))
  return [Portrait(f'{one:05d}-{picture}.png', one, picture) for one, picture in numbers]


def motion_of(portrait: Portrait) -> np.ndarray:
  """Motion vector of a portrait, float32 `[58]`: neutral, then a random expression and an emotion by turns."""
  rng = np.random.default_rng([_STREAM_MOTION, portrait.person, portrait.number])
  if portrait.number == 0:
    return faces.neutral(rng)
  if portrait.number % 2:
    return faces.random_expression(rng)
  emotion = str(rng.choice(constants.EMOTIONS[1:]))
  coefficients = rng.uniform(0.3, 1.0) * emotions.sample_set(emotion, rng)
  return np.concatenate([coefficients, faces.random_pose(rng)]).astype(np.float32)


def draw(appearance: person.Appearance, wanted: list[Portrait], size: int) -> list[np.ndarray]:
  """Pictures of one person, uint8 `[size, size, 3]` each."""
  arrays, baked = person.shared(), person.bake(appearance)
  rest = np.asarray(landmarks.at_rest(jnp.asarray(appearance.shape), arrays.topology))
  eyes, chin = rest[list(landmark_indices.EYE_CORNERS)].mean(0), rest[landmark_indices.CHIN]
  drawn = []
  for portrait in wanted:
    rng = np.random.default_rng([_STREAM_SCENE, portrait.person, portrait.number])
    surroundings = scene.sample_scene(rng, eyes, chin, reflectance=people.reflectance(appearance.skin))
    motion = jnp.asarray(motion_of(portrait))
    pose, coefficients = rig.pose_of(motion, surroundings.camera.height), motion[constants.COEFFICIENTS]
    image = _render()(baked, coefficients, pose, surroundings, arrays, size=size).image
    drawn.append(np.round(255 * np.clip(image, 0, 1)).astype(np.uint8))
  return drawn


@functools.cache
def _render():
  return jax.jit(render.render, static_argnames='size')


def main(arguments: list[str] | None = None) -> int:
  """Draws the portraits that are missing and writes the table."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('folder', type=pathlib.Path)
  parser.add_argument('--people', type=int, default=100)
  parser.add_argument('--pictures', type=int, default=3, help='of each person')
  parser.add_argument('--size', type=int, default=512, help='side of the pictures in pixels')
  parser.add_argument('--first', type=int, default=0, help='number of the first person')
  options = parser.parse_args(arguments)
  options.folder.mkdir(parents=True, exist_ok=True)
  wanted = portraits(options.first, options.people, options.pictures)
  with open(options.folder / 'portraits.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(('file', 'person', 'sex', 'age', 'neutral'))
    for one in wanted:
      speaker = speakers.sample_speaker(one.person)
      row = f'{speaker.sex:.3f}', f'{speaker.age:.1f}', int(one.number == 0)
      table.writerow((one.name, one.person, *row))
  for number in range(options.first, options.first + options.people):
    missing = [one for one in wanted if one.person == number and not (options.folder / one.name).is_file()]
    if missing:
      appearance = people.sample(speakers.sample_speaker(number), number)
      for one, pixels in zip(missing, draw(appearance, missing, options.size), strict=True):
        Image.fromarray(pixels).save(options.folder / one.name)
  return 0


if __name__ == '__main__':
  sys.exit(main())
