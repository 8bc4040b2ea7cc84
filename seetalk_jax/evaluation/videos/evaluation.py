"""Evaluation of a folder of generated videos beside real ones, with its baselines, as rows of one table."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from seetalk_jax.constants import FPS, SAMPLES_PER_FRAME
from seetalk_jax.evaluation.measures import frechet, mouth_regression, theval
from seetalk_jax.evaluation.videos import measuring, network_values, pairs, sources, track_values
from seetalk_jax.evaluation.videos.measuring import Measured
from seetalk_jax.evaluation.videos.network_values import Networks
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.sources import Video
from seetalk_jax.evaluation.videos.store import Store
from seetalk_jax.prepare import audio_checks, tracks

# Rows of the table.
PRED, REAL, COPY, SHUFFLED = 'pred', 'real', 'copy', 'shuffled'
# Measures that say something about a video with the sound of another.
_OF_SOUND = (
  *('lip_sync', 'beat_alignment', 'offset', 'offset_correlation'),
  *('mouth_regression', 'mouth_regression_lag', 'lse_d', 'lse_c', 'syncnet_offset'),
)

_NOTHING = 1e-6  # of moments; what rounding leaves of a difference


class Row(NamedTuple):
  """A row of the table.

  Attributes:
    videos: name of the video -> values by the names in `catalogue.ALL`.
    sets: values of all videos together.
  """

  videos: dict[str, dict[str, float]]
  sets: dict[str, float]


class VideoEvaluation:
  """Measures generated and real videos, with the baselines that they allow.

  Args:
    protocol: how.
    read: function from `face.open_face_reader`.
    store: where finished results are kept.
    networks: those of the measures that need one; None: none.
  """

  def __init__(self, protocol: Protocol, read: tracks.Reader, store: Store, networks: Networks | None = None):
    self._protocol, self._read, self._store = protocol, read, store
    self._networks = networks or Networks({}, {})

  def rows(self, pred: Sequence[Video], real: Sequence[Video]) -> dict[str, Row]:
    """All rows that the videos allow.

    Args:
      pred: generated videos.
      real: real ones, none or some. Videos of one name are compared.

    Returns:
      `pred`; with real videos `real` and `copy` (the first frame of each real video held still), and `shuffled`: the
      real videos, or without them the generated ones, with the sound of another.
    """
    return self.rows_of({PRED: pred}, real)

  def rows_of(
    self, methods: Mapping[str, Sequence[Video]], real: Sequence[Video], *, own_sound: bool = True
  ) -> dict[str, Row]:
    """As `rows`, with a row for each of several methods in the place of `pred`.

    Args:
      methods: name of the row -> its videos.
      real: real videos, none or some.
      own_sound: generated videos have the sound of the real one of their name. False: that of another one; of the
        measures of pairs only that of identity is computed then.
    """
    groups = {row: list(videos) for row, videos in methods.items()}
    if real:
      groups |= {REAL: list(real), COPY: [sources.StillVideo(video) for video in real]}
    values = {row: self._single(row, videos) for row, videos in groups.items()}
    pair = self._pair if own_sound else self._identity
    for row in (*methods, *([COPY] if real else [])):
      for video, other in _by_name(groups[row], groups.get(REAL, [])):
        values[row][video.name] |= pair(video, other)
    shuffled = sources.shuffled_sound(real or next(iter(groups.values())))
    if shuffled:
      values[SHUFFLED] = {video.name: self._with_other_sound(video) for video in shuffled}
    self._add_regression({**groups, SHUFFLED: shuffled}, values)
    rows = {row: Row(each, {}) for row, each in values.items()}
    for row, videos in groups.items() if real else ():
      sets = self._set_distances(videos, groups[REAL]) if row != REAL else {}
      rows[row] = rows[row]._replace(sets={**sets, **theval_ratio(rows[row], rows[REAL])})
    return rows

  def _set_distances(self, videos: Sequence[Video], real: Sequence[Video]) -> dict[str, float]:
    """FID and FVD of all videos against all real ones; videos without features do not count."""
    found = {}
    for name, array in (('fid', network_values.INCEPTION), ('fvd', network_values.I3D)):
      if array in self._networks:
        statistics = [self._statistics(group, array) for group in (videos, real)]
        enough = all(each is not None and each.count > 1 for each in statistics)
        found[name] = frechet.frechet_distance(*statistics) if enough else float('nan')
    return found

  def _statistics(self, videos: Sequence[Video], array: str) -> frechet.GaussianStatistics | None:
    features = (self._measured(video).arrays.get(array) for video in videos)
    parts = (each for each in features if each is not None)
    first = next(parts, None)
    return None if first is None else frechet.GaussianStatistics.of(itertools.chain([first], parts))

  def measure_part(
    self, pred: Sequence[Video], real: Sequence[Video], index: int, count: int, *, own_sound: bool = True
  ) -> None:
    """Measures one of `count` equal parts of what `rows` needs into the store, for processes that share it.

    Args:
      pred, real: as for `rows`; for `rows_of` the videos of all methods.
      index: of the part, from 0.
      count: number of parts.
      own_sound: as for `rows_of`.
    """
    singles = [*pred, *real, *(sources.StillVideo(video) for video in real)]
    for video in tqdm(singles[index::count], desc=f'part {index + 1} of {count}', file=sys.stderr):
      self._measured(video)
    of_name = {video.name: video for video in real if own_sound}
    paired = [video for video in singles if video.name in of_name and video not in real]
    for video in paired[index::count]:
      self._pair(video, of_name[video.name])

  def _measured(self, video: Video) -> Measured:
    compute = lambda: measuring.measure_video(video, self._protocol, self._read, self._networks)
    return self._store.get(video.name, video.identity, compute)

  def _single(self, row: str, videos: Sequence[Video]) -> dict[str, dict[str, float]]:
    return {video.name: self._measured(video).values for video in tqdm(videos, desc=row, file=sys.stderr)}

  def _pair(self, video: Video, other: Video) -> dict[str, float]:
    def compute() -> Measured:
      both = self._measured(video), self._measured(other)
      found = pairs.pair_values(video, other, *both, self._protocol, self._networks.pair_measures())
      return Measured(found | self._identity(video, other), {})

    key = ['pair', video.identity, other.identity]
    return self._store.get(f'{video.name}-pair', key, compute).values

  def _identity(self, video: Video, other: Video) -> dict[str, float]:
    arrays = [self._measured(each).arrays for each in (video, other)]
    if network_values.IDENTITY not in arrays[0]:
      return {}
    return {'csim': network_values.identity_similarity(*arrays)}

  def _with_other_sound(self, video: sources.WithOtherSound) -> dict[str, float]:
    """Values of the sound, over the frames that have some; the frames are those of a video that is measured already."""
    track, waveform = self._measured(video.pictures).track, video.waveform()
    if waveform is not None:
      track = track.until(max(1, len(waveform) // SAMPLES_PER_FRAME))
    values = track_values.track_values(track, waveform)
    return {name: values[name] for name in _OF_SOUND if name in values}

  def _talk(self, video: Video) -> mouth_regression.SoundAndMouth | None:
    pictures = video.pictures if isinstance(video, sources.WithOtherSound) else video
    opening, waveform = track_values.filled_opening(self._measured(pictures).track), video.waveform()
    if opening is None or waveform is None or audio_checks.is_silent(waveform):
      return None
    opening = opening[: len(waveform) // SAMPLES_PER_FRAME]
    return mouth_regression.SoundAndMouth(waveform, opening) if len(opening) >= FPS else None

  def _moments(self, video: Video) -> mouth_regression.Moments:
    """Moments of a real video; zero without a mouth or sound."""
    talk = self._talk(video)
    return mouth_regression.Moments() if talk is None else mouth_regression.Moments.of(talk)

  def _add_regression(
    self, groups: Mapping[str, Sequence[Video]], values: Mapping[str, dict[str, dict[str, float]]]
  ) -> None:
    """Adds the agreement with the mouth regression of the real videos of other names."""
    moments, of_name = mouth_regression.Moments(), {video.name: video for video in groups.get(REAL, ())}
    for video in of_name.values():
      moments = moments + self._moments(video)
    rows_of_name: dict[str, list[tuple[str, Video]]] = {}
    for row, videos in groups.items():
      for video in videos:
        rows_of_name.setdefault(video.name, []).append((row, video))
    for name, found in rows_of_name.items():  # by name, so that each regression is solved once
      others = moments - self._moments(of_name[name]) if name in of_name else moments
      if not np.any(np.abs(others.square) > _NOTHING):
        continue
      regression = mouth_regression.MouthRegression.solve(others)
      for row, video in found:
        if (talk := self._talk(video)) is None:
          continue
        agreement = regression.agreement(talk)
        del talk  # the sound of a long video is large
        values[row][name] |= {
          'mouth_regression': agreement.correlation,
          'mouth_regression_lag': agreement.lag,
        }


def _by_name(videos: Sequence[Video], others: Sequence[Video]) -> Iterator[tuple[Video, Video]]:
  of_name = {other.name: other for other in others}
  for video in tqdm(videos, desc='beside real', file=sys.stderr, disable=not others):
    if video.name in of_name:
      yield video, of_name[video.name]


def theval_ratio(row: Row, truth: Row) -> dict[str, float]:
  """Mean over THEval's five measures of `min(x, real) / max(x, real)`, of means over videos; {} for other rows."""
  ratios = []
  for name in theval.NAMES:
    mine, real = (_mean(each, name) for each in (row, truth))
    if not (np.isfinite(mine) and np.isfinite(real)):
      return {}
    ratios.append(min(mine, real) / max(mine, real) if max(mine, real) > 0 else 1.0)
  return {'theval_ratio': float(np.mean(ratios))}


def _mean(row: Row, name: str) -> float:
  values = np.array([each.get(name, np.nan) for each in row.videos.values()])
  values = values[np.isfinite(values)]
  return float(values.mean()) if len(values) else float('nan')
