"""Lips against look-ahead: how well the next 0.2 s follow speech that ends soon after them, as in a live session.

  seetalk corpus data/talks --kind talks --split validation --num 64
  python -m benchmarks.lookahead data/talks --lookaheads 5 10 25 50

Columns: look-ahead in seconds, mean absolute error of the lip fields in units of their scales, r of the jaw's opening
with the truth, frames. The past of every chunk is the true motion if the motion transformer takes one.
"""

from __future__ import annotations

import argparse
import itertools

from seetalk_jax import constants
from seetalk_jax.data import schema, sources
from seetalk_jax.evaluation.measures import lookahead
from seetalk_jax.inference import pipeline


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('corpus', help='folder of validation talks')
  parser.add_argument('--checkpoint', default='demo')
  parser.add_argument('--lookaheads', type=int, nargs='+', default=[5, 10, 25, 50], help='frames')
  parser.add_argument('--talks', type=int, default=32, help='at most this many (default 32)')
  options = parser.parse_args()
  release = pipeline.load(options.checkpoint)
  networks = release.networks
  records = sources.RecordSource(options.corpus, 'talks', 'validation')
  talks = (
    (schema.to_waveform(record.audio), record.speech_motion)
    for record in map(records.__getitem__, range(len(records)))
  )
  sampling = release.release.sampling()
  found = lookahead.lips_by_lookahead(
    networks.modules,
    networks.params,
    networks.statistics,
    itertools.islice(talks, options.talks),
    options.lookaheads,
    num_steps=int(sampling.motion_steps),
    guidance_scale=float(sampling.motion_guidance),
  )
  print('look-ahead    error      r  frames')
  for each in found:
    seconds = each.lookahead / constants.FPS
    print(f'{seconds:8.1f} s {each.error:8.3f} {each.opening:6.2f} {each.frames:7d}', flush=True)


if __name__ == '__main__':
  main()
