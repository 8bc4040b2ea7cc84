"""Judge of the human world: whether MediaPipe reads from pictures of the human head what was set.

pip install 'seetalk-jax[data]'
python tools/judge_human_world.py face_landmarker.task --frames 500

Two sets of random people, poses and expressions are rendered: with at most three active coefficients, and with all
coefficients at random. For each set it prints the share of pictures with exactly one face, the correlation r of
MediaPipe's blendshape scores with the coefficients, that of the head pose from its transformation matrix with the
pose, and the median distance of its landmarks from those of the mesh over the face's height.
"""

from __future__ import annotations

import argparse
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

# MediaPipe's scores: `_neutral`, then the names in alphabetical order, without tongueOut.
SCORES = ('_neutral', *sorted(blendshapes.MEDIAPIPE_NAMES))
# Standard deviations of yaw, pitch and roll in the portrait crop, radians, and their limits.
POSE_SPREAD, POSE_LIMIT = (0.22, 0.12, 0.08), (0.6, 0.35, 0.25)
# The least r with at most three active coefficients; left and right together.
AIMS = {
  **{'jawOpen': 0.9, 'mouthSmile': 0.9, 'eyeBlink': 0.85},
  **{'mouthPucker': 0.6, 'mouthFunnel': 0.6, 'browInnerUp': 0.6, 'browDown': 0.6},
  **{'yaw': 0.98, 'pitch': 0.98, 'roll': 0.98},
}
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


class Frame(NamedTuple):
  """One picture of a random person.

  Attributes:
    pixels: uint8 `[side, side, 3]`.
    landmarks: relative to the picture, float `[478, 2]`.
  """

  pixels: np.ndarray
  landmarks: np.ndarray


# (generator that draws person, light and all else, coefficients [52], (yaw, pitch, roll), side) -> Frame
Renderer = Callable[[np.random.Generator, np.ndarray, np.ndarray, int], Frame]


def plain_renderer(rng: np.random.Generator, coefficients: np.ndarray, pose: np.ndarray, side: int) -> Frame:
  """Bald heads under one light; one of 12 people."""
  import plain_head

  from seetalk_jax.synthetic.human import landmarks

  person = plain_head.numbered_person(int(rng.integers(12)))
  key = (rng.uniform(-0.8, 0.8), rng.uniform(0.1, 0.8), 0.8)
  picture = plain_head.draw(person, coefficients, tuple(pose), side, key=key)
  return Frame(picture.pixels, np.asarray(landmarks.landmarks(picture.positions)))


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
    groups = rng.choice(_PAIRS, rng.integers(1, active + 1), replace=False)
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
  return np.clip(rng.normal(0, POSE_SPREAD), -np.array(POSE_LIMIT), POSE_LIMIT)


def measure(model: str, renderer: Renderer, frames: int, active: int | None, side: int, seed: int) -> dict:
  """Renders frames and measures them.

  Args:
    model: the `face_landmarker.task` file.
    renderer: see `Renderer`.
    frames: number of pictures.
    active: of `random_coefficients`.
    side: of the pictures in pixels.
    seed: of everything.

  Returns:
    `frames`; `one_face`, share; `r`, name -> correlation, NaN where nothing was set; `slope`, name -> score for
    coefficient 1 of the fitted line; `distance`, group -> median, over face heights.
  """
  set_values, scores, poses, found_poses, distances = [], [], [], [], []
  with face_tasks.open_reader(model, measure=True) as read:
    for number in range(frames):
      rng = np.random.default_rng([seed, number])
      coefficients, pose = random_coefficients(rng, active), random_pose(rng)
      frame = renderer(rng, coefficients, pose, side)
      reading = read(frame.pixels)
      if len(reading.landmarks) != 1:
        continue
      set_values.append(coefficients)
      scores.append(reading.blendshapes[0])
      poses.append(pose)
      found_poses.append(clips.head_pose(reading.transforms[:, :3, :3], reading.landmarks)[0, :3])
      height = np.linalg.norm(np.diff(reading.landmarks[0][list(indices.FACE_ENDS)], axis=0))
      distances.append(np.linalg.norm(frame.landmarks - reading.landmarks[0], axis=-1) / height)
  if len(scores) < 2:
    raise errors.InputError(f'a face in {len(scores)} of {frames} pictures: the renderer draws no faces')
  set_values, scores, distances = np.array(set_values), np.array(scores), np.array(distances)
  r, slope = {}, {}
  for name in blendshapes.MEDIAPIPE_NAMES:
    r[name], slope[name] = _line(set_values[:, blendshapes.INDEX[name]], scores[:, SCORES.index(name)])
  for index, name in enumerate(('yaw', 'pitch', 'roll')):
    r[name], slope[name] = _line(np.array(poses)[:, index], np.array(found_poses)[:, index])
  return {
    'frames': frames,
    'one_face': len(scores) / frames,
    'r': r,
    'slope': slope,
    'distance': {name: float(np.median(distances[:, list(group)])) for name, group in GROUPS.items()},
  }


def _line(x, y):
  """(correlation, slope) of y over x; NaN where one does not vary."""
  if np.ptp(x) == 0 or np.ptp(y) == 0:
    return float('nan'), float('nan')
  return float(np.corrcoef(x, y)[0, 1]), float(np.polyfit(x, y, 1)[0])


def table(few: dict, many: dict) -> str:
  """The figures of both sets as lines of text."""
  lines = [
    f'{"":24}  three active            all random',
    f'{"exactly one face":24}  {few["one_face"]:.4f}  (aim {FACES_AIM})  {many["one_face"]:.4f}',
  ]
  for name, value in few['distance'].items():
    aim = f'(aim {DISTANCE_AIM})' if name in ('lips', 'lids') else ''
    lines.append(f'{"distance, " + name:24}  {value:.4f}  {aim:12} {many["distance"][name]:.4f}')
  for name, value in few['r'].items():
    aim = AIMS.get(name.removesuffix('Left').removesuffix('Right'))
    note = f'(aim {aim})' if aim else ''
    lines.append(
      f'{"r, " + name:24}  {value:6.3f}  {note:12}  {many["r"][name]:6.3f}   slope {few["slope"][name]:6.3f}'
    )
  return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> int:
  """Returns 0, or 2 after one line on stderr if an argument cannot be used."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('model', help='face_landmarker.task')
  parser.add_argument('--frames', type=int, default=200, help='pictures of each set')
  parser.add_argument('--side', type=int, default=256, help='of the pictures in pixels')
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--renderer', default='judge_human_world:plain_renderer', help='MODULE:FUNCTION')
  parser.add_argument('--json', help='file for all figures')
  options = parser.parse_args(arguments)
  try:
    module, _, function = options.renderer.partition(':')
    renderer = getattr(importlib.import_module(module), function)
    sets = [
      measure(options.model, renderer, options.frames, active, options.side, options.seed + offset)
      for offset, active in enumerate((3, None))
    ]
  except (errors.InputError, ImportError, AttributeError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  print(table(*sets))
  if options.json:
    with open(options.json, 'w') as file:
      json.dump({'three_active': sets[0], 'all_random': sets[1]}, file, indent=2)
  return 0


if __name__ == '__main__':
  sys.exit(main())
