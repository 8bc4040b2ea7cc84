"""Fragmented mp4: the bytes of a chunk at once, one valid file, sound in step, the watermark in it."""

import io

import av
import numpy as np
import pytest

from seetalk_jax.media import live_video
from seetalk_jax.media.live_video import LiveVideo

SIDE = 64
AAC_FRAME = 1024 / 16_000  # seconds


def chunk(first, count=20):
  """Gray frames that tell their number, and a tone that is on for half of every 0.4 s."""
  frames = np.stack([np.full((SIDE, SIDE, 3), 20 + 3 * ((first + i) % 70), np.uint8) for i in range(count)])
  t = np.arange(640 * first, 640 * (first + count)) / 16_000
  return frames, (0.3 * np.sin(2 * np.pi * 200 * t) * (t % 0.4 < 0.2)).astype(np.float32)


def decoded(data, kind):
  with av.open(io.BytesIO(data)) as container:
    return list(container.decode(**{kind: 0}))


def test_chunks_are_one_file_with_all_frames_at_their_times():
  live = LiveVideo((SIDE, SIDE), {'title': 'Synthetic talking face'})
  parts = [live.header] + [live.write(*chunk(first, 20 if first < 40 else 7)) for first in (0, 20, 40)]
  frames = decoded(b''.join(parts), 'video')
  levels = [frame.to_ndarray(format='rgb24').mean() for frame in frames]
  np.testing.assert_allclose(levels, 20 + 3 * np.arange(47), atol=3)
  np.testing.assert_allclose([float(frame.pts * frame.time_base) for frame in frames], np.arange(47) / 25)
  with av.open(io.BytesIO(b''.join(parts))) as container:
    assert container.metadata['title'] == 'Synthetic talking face'


def test_sound_is_in_step_with_the_frames():
  live = LiveVideo((SIDE, SIDE))
  data, given = live.header, []
  for first in range(0, 100, 20):
    frames, audio = chunk(first)
    given.append(audio)
    data += live.write(frames, audio)
  times, parts = [], []
  for frame in decoded(data, 'audio'):
    times.append(float(frame.pts * frame.time_base))
    parts.append(frame.to_ndarray()[0])
  np.testing.assert_allclose(times, AAC_FRAME * np.arange(len(times)), atol=1e-6)
  found, given = np.concatenate(parts), np.concatenate(given)
  assert 0 <= len(given) - len(found) <= 3 * 1024
  envelope = lambda x: np.convolve(np.abs(x), np.ones(160) / 160, 'same')
  mine, theirs = envelope(found), envelope(given)[: len(found)]
  shifts = range(-2048, 2049, 64)
  best = max(shifts, key=lambda shift: np.dot(np.roll(mine, -shift), theirs))
  assert abs(best) <= 512  # half an AAC frame


def test_the_bytes_of_a_chunk_hold_all_its_frames():
  live = LiveVideo((SIDE, SIDE))
  first, second = live.write(*chunk(0)), live.write(*chunk(20))
  assert [name for name, _ in live_video.boxes(live.header)] == ['ftyp', 'moov']
  assert [name for name, _ in live_video.boxes(second)] == ['moof', 'mdat']
  assert len(decoded(live.header + first, 'video')) == 20
  late = decoded(live.header + second, 'video')  # a player that joins late
  assert len(late) == 20 and late[0].key_frame and float(late[0].pts * late[0].time_base) == 0.8


def test_the_mime_type_names_the_profile_of_the_stream():
  small, large = LiveVideo((SIDE, SIDE)).mime_type, LiveVideo((1080, 1920)).mime_type
  assert small.startswith('video/mp4; codecs="avc1.42C0') and small.endswith(', mp4a.40.2"')
  assert small != large  # the level


def test_frames_are_marked():
  live = LiveVideo((SIDE, SIDE), mark=lambda luma: np.full_like(luma, 200))
  data = live.header + live.write(*chunk(0))
  assert decoded(data, 'video')[0].to_ndarray(format='gray').mean() > 180


def test_wrong_chunks_are_refused():
  live = LiveVideo((SIDE, SIDE))
  frames, audio = chunk(0)
  with pytest.raises(ValueError, match='samples'):
    live.write(frames, audio[:-1])
  with pytest.raises(ValueError, match='frames'):
    live.write(frames[:, :32], audio)
  with pytest.raises(ValueError, match='frames'):
    live.write(frames[:0], audio[:0])
  with pytest.raises(ValueError, match='box'):
    list(live_video.boxes(b'\x00\x00\x00\x01moof'))
