"""Robustness of the watermark, and its false positives.

Usage: python benchmarks/watermark.py UNMARKED.mp4 ... [--trials 30000]

Every video is marked, written as `Clip.save` writes it, changed, and read again: bits right of 64, found or not. A
trial of false positives is the whole search of the detector in a crop of an unmarked video, with a key of its own.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
import PIL.Image

from seetalk_jax.media import psnr, timeline, video
from seetalk_jax.provenance import detection, watermark, watermark_code

CRFS, SIZES, CROP = (18, 23, 28, 32), (1.0, 0.5), 0.1
PAYLOAD = 0x5EE7A1C5
TRIALS_PER_CROP = 30  # keys
UNMARKED_FRAMES = 8
SCORES = (4.5, 5.0, 5.5, 6.0)


def read(path: str, count: int) -> np.ndarray:
  """The first `count` frames of a video, uint8 `[t, h, w, 3]`, with even sides."""
  frames = np.stack([pixels for _, pixels in itertools.islice(timeline.grid_frames(path), count)])
  return frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]


def cropped(frames: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
  """A part of the frames at a random place, `share` smaller in both directions."""
  height, width = (round(side * (1 - share) / 2) * 2 for side in frames.shape[1:3])
  top, left = (
    rng.integers(side - part + 1) for side, part in zip(frames.shape[1:3], (height, width), strict=True)
  )
  return frames[:, top : top + height, left : left + width]


def resized(frames: np.ndarray, scale: float) -> np.ndarray:
  """The frames at another size, by bilinear interpolation."""
  height, width = (round(side * scale / 2) * 2 for side in frames.shape[1:3])
  if (height, width) == frames.shape[1:3]:
    return frames
  filter = PIL.Image.Resampling.BILINEAR
  return np.stack([np.asarray(PIL.Image.fromarray(each).resize((width, height), filter)) for each in frames])


def luma_of(frames: np.ndarray) -> np.ndarray:
  """Mean luma of frames."""
  return frames.sum(axis=0, dtype=np.uint32) @ np.array([0.2126, 0.7152, 0.0722]) / len(frames)


def attacked(path: str, count: int) -> None:
  """Prints the rows of one video."""
  mark = watermark.Watermark(PAYLOAD)
  frames, rng = read(path, count), np.random.default_rng(0)
  marked = np.stack([mark.mark_rgb(each) for each in frames])
  height, width = frames.shape[1:3]
  print(f'\n{path}: {len(frames)} frames of {width} x {height}, marked {psnr.psnr(marked, frames):.1f} dB\n')
  print('| crop | size | CRF | score | bits right | found |\n|---|---|---|---|---|---|')
  written = video.recoded(marked, int(video.CRF))
  for crop, size, crf in itertools.product((0.0, CROP), SIZES, CRFS):
    changed = video.recoded(resized(cropped(written, crop, rng), size), crf)
    spectra = detection.spectra_of(luma_of(changed))
    scores, shifts = detection.sync_scores(spectra, watermark.PUBLIC_KEY)
    found = detection.find_at(spectra, scores, shifts)
    best = [int(scores.argmax())]
    bits = detection.messages_at(spectra.values[best], shifts[best], watermark.PUBLIC_KEY)[0]
    right = int((bits == watermark_code.message(PAYLOAD)).sum())
    yes = 'yes' if found is not None and found.payload == PAYLOAD else 'no'
    print(f'| {crop:.0%} | {size:g} | {crf} | {scores.max():.1f} | {right} | {yes} |', flush=True)


def false_positives(paths: list[str], trials: int) -> None:
  """Prints how often unmarked crops reach a score, beside the bound."""
  rng, began = np.random.default_rng(1), time.monotonic()
  clips = [read(path, UNMARKED_FRAMES) for path in paths]
  scores, found = [], 0
  while len(scores) < trials:
    crop = cropped(clips[rng.integers(len(clips))], rng.uniform(0, 0.5), rng)
    spectra = detection.spectra_of(luma_of(crop[rng.integers(len(crop)) :]))
    for _ in range(min(TRIALS_PER_CROP, trials - len(scores))):
      key = rng.bytes(16)
      at_scales, shifts = detection.sync_scores(spectra, key)
      found += detection.find_at(spectra, at_scales, shifts, key) is not None
      scores.append(float(at_scales.max()))
  print(f'\n{found} false positives in {trials} trials ({time.monotonic() - began:.0f} s); ', end='')
  print(f'probability per file: {detection.FALSE_POSITIVE:.1e}\n')
  print('| score | trials above it | bound of the probability |\n|---|---|---|')
  for score in SCORES:
    print(f'| {score} | {np.mean(np.array(scores) > score):.1e} | {detection.tail(score):.1e} |')


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('videos', nargs='+', help='unmarked videos: seetalk generate --no-watermark')
  parser.add_argument('--frames', type=int, default=50, help='of every video (default 50)')
  parser.add_argument('--trials', type=int, default=30_000, help='of false positives (default 30000)')
  options = parser.parse_args()
  if options.trials:
    false_positives(options.videos, options.trials)
  for path in options.videos if options.frames else ():
    attacked(path, options.frames)


if __name__ == '__main__':
  main()
