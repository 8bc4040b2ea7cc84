"""Timeline of a recording: frames and sound stay in sync for any frame rate, rotation and start time."""

from __future__ import annotations

import flashes
import numpy as np
import pytest

from seetalk_jax.media import timeline

EVENTS = (0.2, 4.1, 7.7)
SECONDS = 8.0


def _even(fps):
  return [round(i / fps, 3) for i in range(int(SECONDS * fps))]


def _first_lit(path):
  """Start time of each flash on the 25 fps grid, in seconds of the clock."""
  lit = [float(pixels.mean()) > 128 for _, pixels in timeline.grid_frames(path)]
  return [i / 25 for i in range(1, len(lit)) if lit[i] and not lit[i - 1]]


def _clicks(waveform):
  """Time of the loudest sample of each click, in seconds."""
  near = np.flatnonzero(np.abs(waveform) > 0.3 * np.abs(waveform).max())
  groups = np.split(near, np.flatnonzero(np.diff(near) > 1600) + 1)
  return [group[np.argmax(np.abs(waveform[group]))] / 16_000 for group in groups]


@pytest.mark.parametrize(
  ('name', 'stamps', 'codec'),
  [
    ('even.mkv', _even(25), 'pcm_s16le'),
    ('odd.mkv', _even(23.976), 'pcm_s16le'),
    ('fast.mp4', _even(59.94), 'aac'),
    ('variable.mkv', flashes.variable_stamps(SECONDS), 'pcm_s16le'),
    ('variable.mp4', flashes.variable_stamps(SECONDS, seed=1), 'aac'),
  ],
)
@pytest.mark.parametrize('rate_hz', [44_100, 48_000])
def test_flashes_and_clicks_stay_in_sync(tmp_path, name, stamps, codec, rate_hz):
  path = flashes.write(tmp_path / name, stamps, EVENTS, seconds=SECONDS, rate_hz=rate_hz, audio_codec=codec)
  # A flash is visible from the first picture at or after its event on.
  shown = [min(s for s in stamps if s >= event - 1e-9) for event in EVENTS]
  seen = _first_lit(path)
  assert len(seen) == len(EVENTS)
  np.testing.assert_allclose(seen, shown, atol=0.0205)  # half a frame, plus rounding to milliseconds
  clicks = _clicks(timeline.sound(path, 0.0))
  assert len(clicks) == len(EVENTS)
  np.testing.assert_allclose(clicks, np.array(EVENTS) + 4 / rate_hz, atol=0.001)


def test_frame_count_covers_the_pictures(tmp_path):
  path = flashes.write(tmp_path / 'v.mkv', _even(30), EVENTS, seconds=SECONDS)
  assert abs(sum(1 for _ in timeline.grid_frames(path)) - SECONDS * 25) <= 1


@pytest.mark.parametrize('late', [0.24, 0.52])
def test_sound_that_starts_late_is_padded(tmp_path, late):
  path = flashes.write(tmp_path / 'v.mkv', _even(25), (4.1,), seconds=SECONDS, audio_start=late)
  waveform = timeline.sound(path, 0.0)
  assert not np.abs(waveform[: int(late * 16_000) - 16]).max()
  np.testing.assert_allclose(_clicks(waveform), [4.1], atol=0.001)


def test_pictures_that_start_late_set_the_clock(tmp_path):
  stamps = [0.3 + s for s in _even(25)]
  path = flashes.write(tmp_path / 'v.mkv', stamps, (4.1,), seconds=SECONDS)
  (first, _), *_ = timeline.grid_frames(path)
  assert first == pytest.approx(0.3, abs=0.002)
  np.testing.assert_allclose(_clicks(timeline.sound(path, first)), [3.8], atol=0.001)
  np.testing.assert_allclose(_first_lit(path), [3.8], atol=0.0205)


def test_pixels_become_square(tmp_path):
  path = flashes.write(tmp_path / 'v.mkv', _even(25)[:20], (), seconds=0.8, aspect=(2, 1))
  _, pixels = next(timeline.grid_frames(path))
  assert pixels.shape == (64, 192, 3)


def test_rotation_is_applied(tmp_path, monkeypatch):
  path = flashes.write(tmp_path / 'v.mkv', _even(25)[:20], (), seconds=0.8, corner=True)
  plain = next(timeline.grid_frames(path))[1]
  assert plain[4, 4, 0] > 150 > plain[4, -4, 0]

  class Turned:
    def __init__(self, frame):
      self._frame = frame
      self.rotation = 90  # counterclockwise

    def __getattr__(self, name):
      return getattr(self._frame, name)

  shown = timeline._as_shown
  monkeypatch.setattr(timeline, '_as_shown', lambda frame, stream: shown(Turned(frame), stream))
  turned = next(timeline.grid_frames(path))[1]
  np.testing.assert_array_equal(turned, np.rot90(plain))
  assert turned[-4, 4, 0] > 150  # the top left corner is now at the bottom left


def test_bad_files_name_themselves(tmp_path):
  text = tmp_path / 'text.mp4'
  text.write_text('not a video ' * 100)
  with pytest.raises(timeline.RecordingError, match='not a video'):
    timeline.probe(text)
  whole = flashes.write(tmp_path / 'whole.mp4', _even(25), EVENTS, seconds=SECONDS, audio_codec='aac')
  cut = tmp_path / 'cut.mp4'
  cut.write_bytes(whole.read_bytes()[:-2000])  # the index is at the end of the file
  with pytest.raises(timeline.RecordingError, match=str(cut)):
    timeline.probe(cut)
  with pytest.raises(timeline.RecordingError, match='missing'):
    list(timeline.grid_frames(tmp_path / 'gone.mp4'))


def test_sound_without_pictures(tmp_path):
  import soundfile

  path = tmp_path / 'voice.wav'
  soundfile.write(path, np.zeros(1600), 16_000)
  assert not timeline.probe(path).has_picture
  with pytest.raises(timeline.RecordingError, match='no picture'):
    list(timeline.grid_frames(path))


def test_joined_recordings_go_on_in_sync(tmp_path):
  parts = [
    flashes.write(tmp_path / 'a.ts', _even(25)[:50], (0.48, 1.4), seconds=2.0, audio_codec='aac'),
    flashes.write(
      tmp_path / 'b.ts', _even(30)[:90], (0.48, 1.4), seconds=3.0, rate_hz=44_100, audio_codec='aac'
    ),
  ]
  path = tmp_path / 'joined.ts'
  path.write_bytes(b''.join(part.read_bytes() for part in parts))
  (first, _), *others = timeline.grid_frames(path)
  assert len(others) + 1 == 125
  expected = [0.48, 1.4, 2.48, 3.4]
  np.testing.assert_allclose(_first_lit(path), expected, atol=0.0205)
  np.testing.assert_allclose(_clicks(timeline.sound(path, first)), expected, atol=0.04)
