"""Values of a generated video beside the real one of its name: pixels, landmarks, mouth opening."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from seetalk_jax.evaluation.measures import landmark_distance, pictures, series
from seetalk_jax.evaluation.videos import measuring, track_values
from seetalk_jax.evaluation.videos.measuring import Measured
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.sources import Video
from seetalk_jax.media import psnr

# Distances `[t]` of two stacks of frames uint8 `[t, S, S, 3]`.
PairMeasure = Callable[[np.ndarray, np.ndarray], np.ndarray]

_HIGHEST_PSNR = 100.0  # dB, of equal pictures


def pair_values(
  made: Video,
  real: Video,
  measured: Measured,
  reference: Measured,
  protocol: Protocol,
  networks: dict[str, PairMeasure] | None = None,
) -> dict[str, float]:
  """Values by the names in `catalogue.PAIRED`, over the frames that both videos have.

  Args:
    made, real: the videos; read once more.
    measured, reference: their own results.
    protocol: how frames are cropped and resized.
    networks: name of the catalogue -> measure that needs a network.
  """
  faces = measured.track, reference.track
  values = landmark_distance.landmark_distances(faces[0].points, faces[1].points)
  values |= opening_values(*(track_values.filled_opening(track) for track in faces))
  measures = {'psnr': _psnr, 'ssim': _ssim, **(networks or {})}
  totals, count = dict.fromkeys(measures, 0.0), 0
  streams = [
    measuring.square_frames(video.frames(), protocol, track.box)
    for video, track in zip((made, real), faces, strict=True)
  ]
  both = zip(*streams, strict=False)  # the longer one is cut
  while pairs := list(itertools.islice(both, 16)):
    first, second = (np.stack(frames) for frames in zip(*pairs, strict=True))
    for name, measure in measures.items():
      totals[name] += float(np.sum(measure(first, second)))
    count += len(pairs)
  return values | {name: total / count if count else float('nan') for name, total in totals.items()}


def opening_values(made: np.ndarray | None, real: np.ndarray | None) -> dict[str, float]:
  """Correlation and ratio of the standard deviations of two mouth openings `[n]`; NaN without a face."""
  if made is None or real is None:
    return {'opening_r': float('nan'), 'opening_ratio': float('nan')}
  count = min(len(made), len(real))
  made, real = made[:count], real[:count]
  if count < 3:
    return {'opening_r': float('nan'), 'opening_ratio': float('nan')}
  ratio = float(np.std(made) / np.std(real)) if np.std(real) > 0 else float('nan')
  return {'opening_r': series.correlation(made, real), 'opening_ratio': ratio}


def _psnr(made: np.ndarray, real: np.ndarray) -> np.ndarray:
  return np.array([min(psnr.psnr(a, b), _HIGHEST_PSNR) for a, b in zip(made, real, strict=True)])


def _ssim(made: np.ndarray, real: np.ndarray) -> np.ndarray:
  return np.array([pictures.ssim(a, b) for a, b in zip(made, real, strict=True)])
