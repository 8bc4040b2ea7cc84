"""Comparison of synthetic worlds: a small motion codec is trained on each, and rebuilds frames of real recordings.

  for world in cartoon human; do
    for split in "validation 16" "train 400"; do set -- $split
      seetalk corpus data/worlds/$world --world $world --kind faces --frames 4 --size 128 --split $1 --num $2
    done
    python train.py --config benchmarks/codec_worlds.py --workdir runs/$world \\
      --config.data_root=data/worlds --config.data.corpora="('$world',)"
  done
  seetalk prepare RECORDINGS data/real --size 128
  python benchmarks/codec_worlds.py data/real runs/cartoon runs/human   # --step 1000: while they are being trained

Self-reenactment: a frame of a recording is the source, other frames of the same clip give the motion and are the
target. The source has the motion nearest to the mean of its clip, targets are of the half farther from it. PSNR is in
dB, the mean over clips, over the whole picture, the face (convex hull of the landmarks) and the mouth (`lip_box`, which
includes the jaw). The last row copies the source.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

SIZE = 128  # side of the pictures in pixels
TARGETS = 6  # of each clip


def get_config():
  """Configuration of `train.py`: networks of the size 'demo', half as wide, and 128-pixel pictures."""
  from configs import common, motion_codec

  config = motion_codec.get_config('demo')
  config.model.motion_codec.update(
    common.network_config(
      'motion_codec',
      'demo',
      appearance_widths=(24, 48, 64),
      motion_widths=(24, 48, 80),
      warp_widths=(32, 64),
      decoder_widths=(24, 32),
      hidden=128,
    )
  )
  config.options.image_size = SIZE
  config.data.batch_size = 4
  config.num_steps, config.max_minutes = 3000, 0.0  # the same number of steps in every world
  config.checkpoint_every, config.keep_every = 100, 500
  return config


class Sample(NamedTuple):
  """Pictures of one clip: uint8 `[S, S, 3]` and `[n, S, S, 3]`, masks of the targets, bool `[n, S, S]`."""

  clip: str
  source: np.ndarray
  targets: np.ndarray
  masks: dict[str, np.ndarray]


def samples(corpus_dir: str) -> Iterator[Sample]:
  """A source and targets of every clip of a prepared corpus, of all splits."""
  from seetalk_jax.data import schema, sources
  from seetalk_jax.evaluation.parts import codec

  for part in sources.read_manifest(corpus_dir)['parts']:
    records = sources.RecordSource(corpus_dir, *part.split('-'))
    clips: dict[tuple, list] = {}
    for index in range(len(records)):
      record = records[index]
      clips.setdefault((record.speaker, record.clip), []).append(record)
    for name, pieces in clips.items():
      frames = [frame for record in pieces for frame in record.frames]
      motion, points, boxes = (
        np.concatenate([getattr(record, field) for record in pieces])
        for field in ('motion', 'landmarks', 'lip_box')
      )
      source, distance = codec.central_frame(motion)
      far = np.argsort(distance)[len(frames) // 2 :]
      chosen = far[np.linspace(0, len(far) - 1, TARGETS).astype(int)]
      yield Sample(
        '/'.join(map(str, name)),
        schema.decode_frame(frames[source]),
        np.stack([schema.decode_frame(frames[i]) for i in chosen]),
        {
          'picture': np.ones([len(chosen), SIZE, SIZE], bool),
          'face': np.stack([_hull(points[i]) for i in chosen]),
          'mouth': np.stack([_box(boxes[i]) for i in chosen]),
        },
      )


def rebuild_of(workdir: str, step: int | None = None) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
  """Motion codec of a run, at its latest step or `step`.

  Returns:
    Function of source and target, uint8 `[n, S, S, 3]` both: the rebuilt targets.
  """
  import jax

  from seetalk_jax.models.nn import image_ops
  from seetalk_jax.training import initial_weights

  trained = initial_weights.load_trained_stage(workdir, step)
  module, params = trained.modules()['motion_codec'], trained.params['motion_codec']

  def rebuild(params: Any, source, target):
    def run(*arguments, method):
      return module.apply({'params': params}, *arguments, method=method)

    source, target = image_ops.to_float(source), image_ops.to_float(target)
    motion = [run(picture, method='motion') for picture in (source, target)]
    image = run(run(run(source, method='appearance'), *motion, method='warp'), method='decode')
    return image_ops.to_uint8(image)

  compiled = jax.jit(rebuild)
  return lambda source, target: np.asarray(compiled(params, source, target))


def _hull(points: np.ndarray) -> np.ndarray:
  """Mask of the convex hull of landmarks `[k, 2]` in relative units."""
  from PIL import Image, ImageDraw
  from scipy import spatial

  corners = SIZE * points[spatial.ConvexHull(points).vertices]
  image = Image.new('1', (SIZE, SIZE))
  ImageDraw.Draw(image).polygon([tuple(corner) for corner in corners.tolist()], fill=1)
  return np.asarray(image)


def _box(box: np.ndarray) -> np.ndarray:
  """Mask of a box `[4]` in relative units."""
  left, top, right, bottom = np.round(SIZE * np.clip(box, 0, 1)).astype(int)
  mask = np.zeros([SIZE, SIZE], bool)
  mask[top:bottom, left:right] = True
  return mask


def measure(
  corpus_dir: str, runs: Sequence[str], step: int | None = None
) -> dict[str, dict[str, list[float]]]:
  """Mean PSNR of each clip by run and region; the run 'copy' repeats the source."""
  from seetalk_jax.media.psnr import psnr

  rebuilds = {run: rebuild_of(run, step) for run in runs} | {'copy': lambda source, target: source}
  figures: dict[str, dict[str, list[float]]] = {run: {} for run in rebuilds}
  for sample in samples(corpus_dir):
    source = np.broadcast_to(sample.source, sample.targets.shape)
    for run, rebuild in rebuilds.items():
      made = rebuild(source, sample.targets)
      for region, masks in sample.masks.items():
        scores = [psnr(a, b, mask) for a, b, mask in zip(made, sample.targets, masks, strict=True)]
        figures[run].setdefault(region, []).append(float(np.mean(scores)))
  return figures


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('corpus', help='recordings prepared at 128 pixels')
  parser.add_argument('runs', nargs='+', metavar='WORKDIR', help='runs of train.py')
  parser.add_argument('--step', type=int, help='a kept checkpoint of every run (default: the latest)')
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')
  options = parser.parse_args()
  figures = measure(options.corpus, options.runs, options.step)
  if options.json:
    print(json.dumps(figures))
    return
  regions = list(figures['copy'])
  print(f'{len(figures["copy"][regions[0]])} clips, PSNR in dB over {", ".join(regions)}')
  for run, values in figures.items():
    print(f'{run:40s}' + ''.join(f'{statistics.mean(values[region]):8.2f}' for region in regions))


if __name__ == '__main__':
  main()
