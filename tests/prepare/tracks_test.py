"""Face tracks: gaps that they bridge, and where they end."""

from __future__ import annotations

import green_faces
import numpy as np

from seetalk_jax.media import face
from seetalk_jax.prepare import tracks


def test_a_part_of_a_track():
  points = np.arange(10, dtype=np.float32)
  track = tracks.Track(
    start=20,
    landmarks=np.tile(points[:, None, None], (1, 478, 2)),
    blendshapes=np.tile(points[:, None], (1, 52)),
    rotations=np.tile(points[:, None, None], (1, 3, 3)),
    detected=points > 3,
  )
  part = track.between(23, 28)
  assert (part.start, part.stop) == (23, 28)
  for name in ('landmarks', 'blendshapes', 'rotations', 'detected'):
    np.testing.assert_array_equal(getattr(part, name), getattr(track, name)[3:8])
  whole = track.between(-5, 100)
  assert (whole.start, whole.stop) == (20, 30)
  assert track.between(0, 20) is None and track.between(30, 40) is None


def test_tracks_bridge_short_gaps_and_end_at_long_ones():
  frames = [np.zeros((100, 100, 3), np.uint8) for _ in range(40)]
  for index, frame in enumerate(frames):
    if index not in (10, 11, *range(20, 30)):
      frame[20:60, 20 + index // 4 : 60 + index // 4] = (0, 220, 30)
  tracked = tracks.watch(frames, green_faces.read)
  assert [(track.start, track.stop) for track in tracked.tracks] == [(0, 20), (30, 40)]
  assert [int(track.detected.sum()) for track in tracked.tracks] == [18, 10]
  assert tracked.face_counts.sum() == 28
  eyes = tracked.tracks[0].landmarks[:, face.EYE_CORNERS[0], 0]
  assert (np.diff(eyes) >= -1e-4).all()  # gaps are interpolated


def test_a_long_track_is_whole():
  count = 3 * tracks._BLOCK + 5
  rows = tracks._Rows()
  for i in range(count):
    rows.append(np.full((2, 3), i))
  whole = rows.taken()
  assert whole.shape == (count, 2, 3) and whole.dtype == np.float32
  np.testing.assert_array_equal(whole[:, 1, 2], np.arange(count))
