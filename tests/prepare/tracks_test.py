"""Face tracks: gaps that they bridge, and where they end."""

from __future__ import annotations

import green_faces
import numpy as np

from seetalk_jax.media import face
from seetalk_jax.prepare import tracks


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
