"""Renderer on people that no network has seen: their first picture, moved as in their other pictures.

  seetalk corpus data/synthetic/corpus/faces --size 512 --frames 4 --split validation --num 64
  python -m benchmarks.people data/synthetic/corpus/faces runs/demo/release --sheet people.png
  python -m benchmarks.people data/synthetic/corpus/faces runs/demo/release --landmarker face_landmarker.task

Motion is exact: the truth encoder reads it. Printed are medians over pictures: PSNR of the head against the rendered
truth, that of a copy of the first picture, the energy of gradients in head, mouth and eyes over that of the truth, and
in portraits through the autoencoder. With MediaPipe's landmarker, which needs the extra `data`, the correlation of lip
opening and of eye opening in what is drawn and in the truth.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from seetalk_jax import files
from seetalk_jax.constants import Part
from seetalk_jax.data import schema, sources
from seetalk_jax.evaluation.measures import pictures
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.renderer import Renderer
from seetalk_jax.media import face_tasks
from seetalk_jax.media import landmark_indices as indices
from seetalk_jax.media.psnr import psnr
from seetalk_jax.models.nn import image_ops

# Regions of sharpness: landmarks, and the margin around them relative to their width.
BOXES = {
  'mouth': (indices.OUTER_LIP_CONTOUR, 0.15),
  'eyes': ((*indices.RIGHT_EYE_CONTOUR, *indices.LEFT_EYE_CONTOUR), 0.1),
}


class Person(NamedTuple):
  """A record: pictures uint8 `[k, s, s, 3]`, motion `[k, d]`, head masks `[k, s, s]`, landmarks `[k, 478, 2]`."""

  pictures: np.ndarray
  motion: np.ndarray
  heads: np.ndarray
  landmarks: np.ndarray


def people(corpus: pathlib.Path, count: int) -> Iterator[Person]:
  """The first people of the validation split."""
  records = sources.open_corpora([corpus], ['faces'], 'validation')
  for index in range(min(count, len(records))):
    record = records[index]
    frames = np.stack([schema.decode_frame(frame) for frame in record.frames])
    heads = [pictures.grow_mask(parts > Part.BODY, frames.shape[1]) for parts in record.truth.parts]
    yield Person(frames, np.asarray(record.motion), np.stack(heads), np.asarray(record.landmarks))


def box_mask(landmarks: np.ndarray, name: str, side: int) -> np.ndarray:
  """Bool `[side, side]`: inside the box around some landmarks, relative `[478, 2]`."""
  chosen, margin = BOXES[name]
  points = landmarks[list(chosen)] * side
  low, high = points.min(0), points.max(0)
  pad = margin * (high[0] - low[0])
  mask = np.zeros([side, side], bool)
  left, top, right, bottom = (int(round(edge)) for edge in (*(low - pad), *(high + pad)))
  mask[max(top, 0) : max(bottom, 1), max(left, 0) : max(right, 1)] = True
  return mask


def figures(person: Person, drawn: np.ndarray, rebuilt: np.ndarray) -> dict[str, list[float]]:
  """Name -> values, of the pictures of one person after the first, and of the first through the autoencoder."""
  side = drawn.shape[1]
  found: dict[str, list[float]] = {}

  def add(name, value):
    found.setdefault(name, []).append(value)

  for i, image in enumerate(drawn, 1):
    truth, head = person.pictures[i], person.heads[i]
    add('PSNR of the head, dB', psnr(image, truth, head))
    add('PSNR of a copy, dB', psnr(person.pictures[0], truth, head))
    masks = {'head': head, **{name: box_mask(person.landmarks[i], name, side) for name in BOXES}}
    for name, mask in masks.items():
      energies = [pictures.gradient_energy(picture, mask) for picture in (image, truth)]
      add(f'gradient energy, {name}', energies[0] / energies[1])
  energies = [pictures.gradient_energy(picture, person.heads[0]) for picture in (rebuilt, person.pictures[0])]
  add('gradient energy, head of portraits', energies[0] / energies[1])
  add('PSNR of portraits, dB', psnr(rebuilt, person.pictures[0]))
  return found


def openings(read: Callable[[np.ndarray], face_tasks.FaceReading], picture: np.ndarray) -> list[float]:
  """Openings of mouth and right eye over the height of the face, as MediaPipe reads them; NaN without a face."""
  found = read(picture).landmarks
  if not len(found):
    return [np.nan, np.nan]
  points = found[0] * picture.shape[1::-1]
  height = np.linalg.norm(points[10] - points[152])
  return [float(np.linalg.norm(points[a] - points[b]) / height) for a, b in ((13, 14), (159, 145))]


def agreement(seen: Sequence[tuple[list[float], list[float]]]) -> dict[str, float]:
  """Correlation of the openings in drawn and true pictures, and the share of pictures in which both have a face."""
  drawn, true = np.moveaxis(np.asarray(seen), 1, 0)
  both = np.isfinite(drawn[:, 0]) & np.isfinite(true[:, 0])
  names = ('opening of the lips, r', 'opening of the eye, r')
  found = {name: float(np.corrcoef(drawn[both, i], true[both, i])[0, 1]) for i, name in enumerate(names)}
  return {**found, 'faces found': float(both.mean())}


def measure(args: argparse.Namespace, read: Callable[[np.ndarray], face_tasks.FaceReading] | None) -> None:
  """Prints the figures of one release and writes its sheet."""
  release = LoadedRelease.load(args.checkpoint)
  modules, renderer = release.networks.modules, Renderer(release, plain=args.plain)
  encode = jax.jit(lambda p, m: modules['motion_codec'].apply({'params': p}, m, method='encode_truth'))

  @jax.jit
  def rebuild(params, image):
    through = modules['autoencoder'].apply({'params': params}, image_ops.to_float(image))[0]
    return image_ops.to_uint8(through)

  found, rows, seen = {}, [], []
  for person in people(args.corpus, args.people):
    latents = encode(release.params['motion_codec'], jnp.asarray(person.motion, jnp.float32))
    renderer.prepare(person.pictures.shape[1])
    portrait = renderer.encode_portrait(person.pictures[0])._replace(m_0=latents[:1])
    drawn = np.asarray(renderer.bind(portrait, np.asarray(latents[1:]), 1.0)(0))[: len(latents) - 1]
    rebuilt = np.asarray(rebuild(release.params['autoencoder'], person.pictures[:1]))[0]
    for name, values in figures(person, drawn, rebuilt).items():
      found.setdefault(name, []).extend(values)
    if read is not None:
      seen += [
        tuple(openings(read, x) for x in pair) for pair in zip(drawn, person.pictures[1:], strict=True)
      ]
    if len(rows) < 6:
      rows.append(np.concatenate([person.pictures[0], rebuilt, person.pictures[1], drawn[0]], axis=1))
  results = {name: float(np.median(values)) for name, values in found.items()}
  for name, value in {**results, **(agreement(seen) if seen else {})}.items():
    print(f'{name:40}{value:8.3f}')
  if args.sheet:
    with files.replacing(args.sheet) as path:
      Image.fromarray(np.concatenate(rows)).save(path, format='PNG')


def main(argv: list[str] | None = None) -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('corpus', type=pathlib.Path, help='faces of the world of people')
  parser.add_argument('checkpoint')
  parser.add_argument('--people', type=int, default=32)
  parser.add_argument(
    '--plain', action='store_true', help='draw with the decoder of the codec, without codes'
  )
  parser.add_argument('--landmarker', help="MediaPipe's face_landmarker.task")
  parser.add_argument(
    '--sheet', type=pathlib.Path, help='portraits, rebuilt, true and drawn pictures of six people'
  )
  args = parser.parse_args(argv)
  with contextlib.ExitStack() as stack:
    read = (
      stack.enter_context(face_tasks.open_reader(args.landmarker, measure=False)) if args.landmarker else None
    )
    measure(args, read)
  return 0


if __name__ == '__main__':
  sys.exit(main())
