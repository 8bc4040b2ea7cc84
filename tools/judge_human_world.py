"""Judge of the human world: whether MediaPipe reads from pictures of the human head what was set.

pip install 'seetalk-jax[data]'
python tools/judge_human_world.py face_landmarker.task --people 50 --frames 8

Two sets of random people, poses and expressions are rendered: with at most three active coefficients, and with all
coefficients at random. For each set it prints the share of pictures with exactly one face, the correlation r of
MediaPipe's blendshape scores with the coefficients, that of the head pose from its transformation matrix with the
pose, and the median distance of its landmarks from those of the mesh over the face's height. Left and right are
taken together. "r, offset removed" is the correlation after the scores of the same person's neutral face are
subtracted, as `seetalk prepare` removes the neutral offset of a clip.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from seetalk_jax import blendshapes, errors
from seetalk_jax.media import face_tasks
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.prepare import clips

# Yaw, pitch and roll are uniform within these limits in radians: the portrait crop holds the head.
POSE_LIMIT = (0.5, 0.3, 0.25)
# The least r with at most three active coefficients; left and right together.
AIMS = {
  **{'jawOpen': 0.9, 'mouthSmile': 0.9, 'eyeBlink': 0.85},
  **{'mouthPucker': 0.6, 'mouthFunnel': 0.6, 'browInnerUp': 0.6, 'browDown': 0.6},
  **{'yaw': 0.98, 'pitch': 0.98, 'roll': 0.98},
}
# Set -> the most groups of coefficients that are active at once; None: all.
SETS = {'three active': 3, 'all random': None}
FACES_AIM, DISTANCE_AIM = 0.995, 0.03
GROUPS = {
  'lips': (*indices.OUTER_LIP_CONTOUR, *indices.INNER_LIP_CONTOUR),
  'lids': (*indices.RIGHT_EYE_CONTOUR, *indices.LEFT_EYE_CONTOUR),
  'irises': (*indices.RIGHT_IRIS, *indices.LEFT_IRIS),
  'brows': (*indices.RIGHT_BROW, *indices.LEFT_BROW),
  'jaw line': indices.JAW_LINE,
}
# Coefficients that people move together.
_PAIRS = tuple(sorted({name.removesuffix('Left').removesuffix('Right') for name in blendshapes.NAMES}))
_AIMED = tuple(name for name in _PAIRS if name in AIMS)


class Frame(NamedTuple):
  """One picture of a random person.

  Attributes:
    pixels: uint8 `[side, side, 3]`.
    landmarks: relative to the picture, float `[478, 2]`.
  """

  pixels: np.ndarray
  landmarks: np.ndarray


# (number of the person, number of the frame, coefficients [52], (yaw, pitch, roll) as in constants.MOTION_FIELDS,
# side) -> Frame. The number of the person draws face, hair and outfit; both together draw light and background.
Renderer = Callable[[int, int, np.ndarray, np.ndarray, int], Frame]


def plain_renderer(person: int, frame: int, coefficients: np.ndarray, pose: np.ndarray, side: int) -> Frame:
  """Bald heads under one light."""
  import plain_head

  return _plain_frame(plain_head.numbered_person(person), person, frame, coefficients, pose, side)


def bald_renderer(person: int, frame: int, coefficients: np.ndarray, pose: np.ndarray, side: int) -> Frame:
  """The faces of people of the human world, bald, with one skin under one light."""
  import plain_head

  from seetalk_jax.synthetic import speakers
  from seetalk_jax.synthetic.human import people

  shape = people.sample(speakers.sample_speaker(person), person).shape
  own = plain_head.numbered_person(0)._replace(shape=shape)
  return _plain_frame(own, person, frame, coefficients, pose, side)


def _plain_frame(own, person, frame, coefficients, pose, side):
  """A plain picture of a bald head; both numbers draw the light."""
  import plain_head

  from seetalk_jax.synthetic.human import landmarks

  rng = np.random.default_rng([3, person, frame])
  key = (rng.uniform(-0.8, 0.8), rng.uniform(0.1, 0.8), 0.8)
  picture = plain_head.draw(own, coefficients, tuple(pose), side, key=key)
  return Frame(picture.pixels, np.asarray(landmarks.landmarks(picture.positions)))


def human_renderer(person: int, frame: int, coefficients: np.ndarray, pose: np.ndarray, side: int) -> Frame:
  """People of the human world with hair and outfit, in a scene that is drawn for each frame."""
  import jax.numpy as jnp

  from seetalk_jax.synthetic.human import landmarks, rig, scene
  from seetalk_jax.synthetic.human import person as people_lib

  drawn, rest = _human(person)
  arrays = people_lib.shared()
  eyes = rest[list(indices.EYE_CORNERS)].mean(0)
  surroundings = scene.sample_scene(np.random.default_rng([3, person, frame]), eyes, rest[indices.CHIN])
  posed = rig.Pose(jnp.asarray(pose, jnp.float32), jnp.zeros(3))
  shown = _compiled_render()(drawn, jnp.asarray(coefficients), posed, surroundings, arrays, size=side)
  count = len(arrays.topology.turning)
  pixels = np.asarray((jnp.clip(shown.image, 0, 1) * 255).round().astype(jnp.uint8))
  return Frame(pixels, np.asarray(landmarks.landmarks(shown.positions[:count])) / side)


@functools.lru_cache(maxsize=1)
def _human(number):
  """(baked person, landmarks at rest `[478, 3]`)."""
  import jax.numpy as jnp

  from seetalk_jax.synthetic import speakers
  from seetalk_jax.synthetic.human import landmarks, people, rig
  from seetalk_jax.synthetic.human import person as people_lib

  look = people.sample(speakers.sample_speaker(number), number)
  rest = landmarks.at_rest(jnp.asarray(look.shape), rig.topology())
  return people_lib.bake(look), np.asarray(rest)


@functools.cache
def _compiled_render():
  import jax

  from seetalk_jax.synthetic.human import render

  return jax.jit(render.render, static_argnames='size')


def random_coefficients(rng: np.random.Generator, active: int | None) -> np.ndarray:
  """Coefficients `[52]` of a random expression.

  Left and right move together, with up to a fifth of difference; turns to one side exclude the other.

  Args:
    rng: generator.
    active: at most so many groups of coefficients are not 0; None: all are random, most of them small.
  """
  if active is None:
    groups, values = _PAIRS, rng.beta(0.6, 2.0, len(_PAIRS))
  else:
    # Names with an aim are drawn as often as all others together.
    odds = (
      np.array([1 / len(_AIMED) if name in AIMS else 1 / (len(_PAIRS) - len(_AIMED)) for name in _PAIRS]) / 2
    )
    groups = rng.choice(_PAIRS, rng.integers(1, active + 1), replace=False, p=odds)
    values = rng.uniform(0, 1, len(groups))
  coefficients = np.zeros(blendshapes.NUM_BLENDSHAPES, np.float32)
  for group, value in zip(groups, values, strict=True):
    names = [group + side for side in ('', 'Left', 'Right') if group + side in blendshapes.INDEX]
    if group in ('jaw', 'mouth'):  # jawLeft and jawRight, mouthLeft and mouthRight
      names = [names[rng.integers(2)]]
    for name in names:
      coefficients[blendshapes.INDEX[name]] = value * rng.uniform(0.8, 1)
  _make_possible(coefficients)
  return coefficients


def _make_possible(coefficients: np.ndarray) -> None:
  """Removes what no face does: lips that close more than the jaw opens, eyes that look up and down, out and out."""
  at = blendshapes.INDEX
  coefficients[at['mouthClose']] = min(coefficients[at['mouthClose']], coefficients[at['jawOpen']])
  for side, other in (('Left', 'Right'), ('Right', 'Left')):
    coefficients[at['eyeLookIn' + side]] = coefficients[at['eyeLookOut' + other]]
    up, down = at['eyeLookUp' + side], at['eyeLookDown' + side]
    coefficients[up if coefficients[up] < coefficients[down] else down] = 0
  right, left = at['eyeLookOutRight'], at['eyeLookOutLeft']
  if coefficients[right] and coefficients[left]:
    lost = right if coefficients[right] < coefficients[left] else left
    coefficients[lost] = 0
    coefficients[at['eyeLookInLeft' if lost == right else 'eyeLookInRight']] = 0


def random_pose(rng: np.random.Generator) -> np.ndarray:
  """Yaw, pitch and roll in radians."""
  return rng.uniform(-1, 1, 3) * POSE_LIMIT


class Measured(NamedTuple):
  """What was set and what MediaPipe found in n pictures with one face.

  Attributes:
    asked: number of pictures.
    faces: number of those that show exactly one face.
    coefficients: `[n, 52]`.
    scores: in the order of `blendshapes.NAMES`, `[n, 52]`.
    neutral: of the person's neutral face, `[n, 52]`.
    pose: yaw, pitch and roll, `[n, 3]`.
    found_pose: `[n, 3]`.
    neutral_pose: that found for the person's neutral face, `[n, 3]`.
    distances: of the landmarks over the height of the face, `[n, 478]`.
  """

  asked: int
  faces: int
  coefficients: np.ndarray
  scores: np.ndarray
  neutral: np.ndarray
  pose: np.ndarray
  found_pose: np.ndarray
  neutral_pose: np.ndarray
  distances: np.ndarray


def measure(
  model: str, renderer: Renderer, people: int, frames: int, active: int | None, side: int, seed: int
) -> Measured:
  """Renders frames and reads them.

  Args:
    model: the `face_landmarker.task` file.
    renderer: see `Renderer`.
    people: number of people.
    frames: number of pictures of each, besides a neutral one.
    active: of `random_coefficients`.
    side: of the pictures in pixels.
    seed: of expressions and poses.
  """
  rows, asked, faces = [], 0, 0
  still = np.zeros(blendshapes.NUM_BLENDSHAPES, np.float32), np.zeros(3)
  with face_tasks.open_reader(model, measure=True) as read:
    for person in range(people):
      asked += 1
      neutral = _read(read, renderer(person, 0, *still, side))
      if neutral is None:
        continue
      faces += 1
      for number in range(1, frames + 1):
        rng = np.random.default_rng([seed, person, number])
        coefficients, pose = random_coefficients(rng, active), random_pose(rng)
        found = _read(read, renderer(person, number, coefficients, pose, side))
        asked += 1
        if found is not None:
          faces += 1
          rows.append((coefficients, found[0], neutral[0], pose, found[1], neutral[1], found[2]))
  if len(rows) < 2:
    raise errors.InputError(f'a face in {len(rows)} of {asked} pictures: the renderer draws no faces')
  return Measured(asked, faces, *(np.array(column) for column in zip(*rows, strict=True)))


def _read(read, frame):
  """(scores, pose, distances) of a picture, or None unless it shows one face."""
  reading = read(frame.pixels)
  if len(reading.landmarks) != 1:
    return None
  points = reading.landmarks[0]
  height = np.linalg.norm(np.diff(points[list(indices.FACE_ENDS)], axis=0))
  pose = clips.head_pose(reading.transforms[:, :3, :3])[0]
  return reading.blendshapes[0], pose, np.linalg.norm(frame.landmarks - points, axis=-1) / height


def figures(measured: Measured) -> dict:
  """`one_face`; group of landmarks -> `distance`; name -> `r`, `r_offset_removed` and `slope` of scores over values.

  Correlations are NaN where nothing was set.
  """
  result = {'pictures': measured.asked, 'one_face': measured.faces / measured.asked}
  result['distance'] = {
    name: float(np.median(measured.distances[:, list(group)])) for name, group in GROUPS.items()
  }
  result |= {'r': {}, 'r_offset_removed': {}, 'slope': {}}
  for group in _PAIRS:
    names = [group + side for side in ('', 'Left', 'Right') if group + side in blendshapes.MEDIAPIPE_NAMES]
    if names:
      columns = [blendshapes.INDEX[name] for name in names]
      values = measured.coefficients, measured.scores, measured.neutral
      own, scores, neutral = (value[:, columns].ravel() for value in values)
      _correlate(result, group, own, scores, neutral)
  for index, name in enumerate(('yaw', 'pitch', 'roll')):
    values = (measured.pose, measured.found_pose, measured.neutral_pose)
    _correlate(result, name, *(value[:, index] for value in values))
  return result


def _correlate(result, name, own, found, neutral):
  varies = np.ptp(own) > 0 and np.ptp(found) > 0
  for key, values in (('r', found), ('r_offset_removed', found - neutral)):
    result[key][name] = float(np.corrcoef(own, values)[0, 1]) if varies else float('nan')
  result['slope'][name] = float(np.polyfit(own, found, 1)[0]) if varies else float('nan')


def table(sets: dict[str, dict]) -> str:
  """The figures as lines of text."""
  lines = []
  for title, one in sets.items():
    lines += [f'{title}: {one["pictures"]} pictures', _line('exactly one face', one['one_face'], FACES_AIM)]
    for name, value in one['distance'].items():
      lines.append(_line(f'distance of {name}', value, DISTANCE_AIM if name in ('lips', 'lids') else None))
    lines.append(f'{"":20} {"r":>7} {"aim":>6} {"r, offset removed":>18} {"slope":>7}')
    for name, r in one['r'].items():
      others = f'{one["r_offset_removed"][name]:18.3f} {one["slope"][name]:7.3f}'
      lines.append(f'{_line(name, r, AIMS.get(name))} {others}')
    lines.append('')
  return '\n'.join(lines)


def _line(name, value, aim=None):
  return f'{name:20} {value:7.4f} {"" if aim is None else aim:>6}'


def main(arguments: list[str] | None = None) -> int:
  """Returns 0, or 2 after one line on stderr if an argument cannot be used."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('model', help='face_landmarker.task')
  parser.add_argument('--people', type=int, default=25)
  parser.add_argument('--frames', type=int, default=8, help='pictures of each person, besides a neutral one')
  parser.add_argument('--set', choices=SETS, action='append', help='a set of expressions; both by default')
  parser.add_argument('--side', type=int, default=256, help='of the pictures in pixels')
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument(
    '--renderer',
    default='judge_human_world:plain_renderer',
    help='MODULE:FUNCTION; human_renderer draws people with hair and outfit, bald_renderer their faces alone',
  )
  parser.add_argument('--json', help='file for all figures')
  options = parser.parse_args(arguments)
  try:
    module, _, function = options.renderer.partition(':')
    renderer = getattr(importlib.import_module(module), function)
    sets = {}
    for name in options.set or SETS:
      counts = options.people, options.frames, SETS[name]
      sets[name] = figures(measure(options.model, renderer, *counts, options.side, options.seed))
  except (errors.InputError, ImportError, AttributeError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  print(table(sets))
  if options.json:
    with open(options.json, 'w') as file:
      json.dump(sets, file, indent=2)
  return 0


if __name__ == '__main__':
  sys.exit(main())
