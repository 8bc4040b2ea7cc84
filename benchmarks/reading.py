"""Data loading benchmark: a prepared corpus through Grain against mp4 files through a PyTorch DataLoader.

  seetalk prepare RAW_DIR CORPUS
  python benchmarks/reading.py RAW_DIR CORPUS --workers 1 --pairs 5

The result is in windows per second and core. Both readers yield the same windows of 25 frames (128 px, face
crop) with their speech (16 kHz), with equal order, batch size and number of worker processes. A few windows
are compared first. The readers alternate; the result is the median ratio. The second reader decodes with PyAV
and needs PyTorch, which the library itself does not need.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import pathlib
import statistics
import time
from typing import NamedTuple

import av
import numpy as np

from seetalk_jax.constants import CLIP_FRAMES, CLIP_SIZE, FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from seetalk_jax.data import pipeline, sources, transforms
from seetalk_jax.errors import InputError
from seetalk_jax.media import decode, face

_SEED = 0


class Window(NamedTuple):
  """Position of a window in its raw recording."""

  path: str
  first_frame: int  # on the 25 fps grid that begins with the first picture
  box: face.FaceBox


def list_windows(raw_dir: pathlib.Path, corpus: pathlib.Path, count: int) -> list[Window]:
  """Windows of the view `clip`, in its order, as positions in the raw recordings."""
  records = sources.open_corpora(corpus, ('real',), 'train')
  elements = pipeline.Elements('clip', records, seed=_SEED)
  boxes = {}
  for entry in json.loads((corpus / 'report.json').read_text()):
    for clip in entry.get('clips', ()):
      left, top, side = clip['box']
      key = f'{entry["clip"]}@{round(clip["start"] * FPS)}'
      boxes[entry['speaker'], key] = (entry['file'], face.FaceBox(left, top, side))
  windows = []
  for index in range(count):
    number = elements.record_index(index)
    record = records[number]
    # The only random number that the view samples for a real record without augmentation.
    rng, beside = np.random.default_rng([_SEED, index]), functools.partial(records.beside, number)
    joined, first = transforms.random_window(record, beside, rng, CLIP_FRAMES, 'clip')
    file, box = boxes[record.speaker, record.clip]
    windows.append(Window(str(raw_dir / file), round(joined.start_seconds * FPS) + first, box))
  return windows


def read_window(window: Window) -> dict[str, np.ndarray]:
  """Seeks, decodes, crops and resamples one window of a raw recording."""
  begin = window.first_frame / FPS
  with decode.open_container(window.path) as container:
    stream = container.streams.video[0]
    origin = float((stream.start_time or 0) * stream.time_base)
    moments = origin + begin + np.arange(CLIP_FRAMES) / FPS
    container.seek(int(max(moments[0] - 0.5, 0.0) / stream.time_base), stream=stream)
    shown, frames = [], []
    for frame in _decoded(container, stream):
      if float(frame.pts * stream.time_base) <= moments[0] + 1e-3:
        shown, frames = [], []  # the last picture before the window is its first frame
      shown.append(float(frame.pts * stream.time_base))
      frames.append(frame)
      if shown[-1] > moments[-1]:
        break
    picked = np.maximum(np.searchsorted(shown, moments + 1e-3, side='right') - 1, 0)
    crops = {i: face.crop(frames[i].to_ndarray(format='rgb24'), window.box, CLIP_SIZE) for i in set(picked)}
    return {'frames': np.stack([crops[i] for i in picked]), 'speech': _read_speech(container, origin + begin)}


def _decoded(container, stream):
  """Frames of a stream after a seek; packets that the seek has truncated are skipped."""
  for packet in container.demux(stream):
    try:
      frames = packet.decode()
    except av.error.InvalidDataError:
      continue
    yield from (frame for frame in frames if frame.pts is not None)


def _read_speech(container, begin: float) -> np.ndarray:
  stream, wanted = container.streams.audio[0], CLIP_FRAMES * SAMPLES_PER_FRAME
  container.seek(int(max(begin - 0.2, 0.0) / stream.time_base), stream=stream)
  resampler = av.AudioResampler('flt', 'mono', SAMPLE_RATE_HZ)
  first, parts, num = None, [], 0
  for frame in _decoded(container, stream):
    if first is None:
      first = float(frame.pts * stream.time_base)
    parts += [block.to_ndarray().ravel() for block in resampler.resample(frame)]
    num = sum(map(len, parts))
    if first + num / SAMPLE_RATE_HZ > begin + CLIP_FRAMES / FPS + 0.05:
      break
  samples = np.concatenate(parts) if parts else np.zeros([0], np.float32)
  skip = round((begin - (first or 0.0)) * SAMPLE_RATE_HZ)
  samples = samples[max(skip, 0) : max(skip, 0) + wanted]
  return np.pad(samples, (0, wanted - len(samples))).astype(np.float32)


class RawWindows:
  """A map-style dataset over raw recordings."""

  def __init__(self, windows: list[Window]):
    self.windows = windows

  def __len__(self) -> int:
    return len(self.windows)

  def __getitem__(self, index: int) -> dict[str, np.ndarray]:
    return read_window(self.windows[index])


def time_grain(corpus: pathlib.Path, count: int, batch_size: int, workers: int) -> float:
  """Seconds for `count` windows through Grain, extrapolated from all batches but the first."""
  arguments = dict(batch_size=batch_size, seed=_SEED, augment=False, num_workers=workers)
  with pipeline.make_batches('clip', corpus, **arguments) as batches:
    return _time(batches, count // batch_size)


def time_torch(windows: list[Window], batch_size: int, workers: int) -> float:
  """Seconds for all windows through a PyTorch DataLoader, measured as in `time_grain`."""
  import torch.utils.data

  loader = torch.utils.data.DataLoader(
    RawWindows(windows),
    batch_size=batch_size,
    num_workers=workers,
    multiprocessing_context='spawn' if workers else None,
  )
  return _time(iter(loader), len(windows) // batch_size)


def _time(batches, count: int) -> float:
  next(batches)  # the workers have started
  start = time.perf_counter()
  for _ in range(count - 1):
    next(batches)
  return (time.perf_counter() - start) * count / (count - 1)


def compare(windows: list[Window], corpus: pathlib.Path) -> tuple[float, float]:
  """Medians over windows of picture difference (levels of 255) and speech correlation of both readers."""
  with pipeline.make_batches('clip', corpus, batch_size=len(windows), seed=_SEED, augment=False) as batches:
    batch = next(batches)
  pictures, sounds = [], []
  for row, window in enumerate(windows):
    raw = read_window(window)
    pictures.append(np.abs(batch['frames'][row].astype(np.float32) - raw['frames']).mean())
    sounds.append(np.corrcoef(batch['speech'][row], raw['speech'])[0, 1])
  return float(np.median(pictures)), float(np.median(sounds))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('raw_dir', type=pathlib.Path, help='folder of raw recordings')
  parser.add_argument('corpus', type=pathlib.Path, help='what seetalk prepare made of it')
  parser.add_argument('--workers', type=int, default=1, help='worker processes of either reader (default 1)')
  parser.add_argument('--windows', type=int, default=240, help='windows a round (default 240)')
  parser.add_argument('--batch-size', type=int, default=8, help='windows a batch (default 8)')
  parser.add_argument('--pairs', type=int, default=5, help='rounds of both readers (default 5)')
  options = parser.parse_args()
  try:
    windows = list_windows(options.raw_dir, options.corpus, options.windows)
  except InputError as error:
    parser.error(str(error))
  difference, agreement = compare(windows[:16], options.corpus)
  print(
    f'16 windows by both readers: pictures differ by {difference:.1f} of 255, speech correlates {agreement:.3f}'
  )
  cores, ratios, ours, theirs = max(options.workers, 1), [], [], []
  for _ in range(options.pairs):
    theirs.append(options.windows / time_torch(windows, options.batch_size, options.workers) / cores)
    ours.append(
      options.windows
      / time_grain(options.corpus, options.windows, options.batch_size, options.workers)
      / cores
    )
    ratios.append(ours[-1] / theirs[-1])
    print(
      f'windows per second and core: Grain {ours[-1]:.1f}, DataLoader {theirs[-1]:.1f}, ratio {ratios[-1]:.1f}'
    )
  print(
    f'median of {options.pairs} rounds, {options.workers} workers: Grain {statistics.median(ours):.1f}, '
    f'DataLoader {statistics.median(theirs):.1f}, ratio {statistics.median(ratios):.1f}'
  )


if __name__ == '__main__':
  os.environ.setdefault('OMP_NUM_THREADS', '1')
  main()
