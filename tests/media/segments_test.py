"""Video segments: written in one or several runs and joined without re-encoding, they are one video."""

import av
import numpy as np
import pytest
import sounds
from read_video import read_video

from seetalk_jax.media import audio, segments, video

TOTAL, LENGTH = 47, 12


@pytest.fixture(scope='module')
def frames():
  rows, columns = np.mgrid[:64, :64] / 64
  waves = [np.sin(9 * rows + i / 4) * np.cos(7 * columns - i / 6) for i in range(TOTAL)]
  return np.uint8(127 + 120 * np.stack(waves))[..., None].repeat(3, axis=-1)


def writer(tmp_path, name, sound=None):
  folder = tmp_path / name
  folder.mkdir(exist_ok=True)
  return segments.SegmentWriter(
    tmp_path / f'{name}.mp4',
    folder,
    size=(64, 64),
    num_frames=TOTAL,
    segment_frames=LENGTH,
    sound=sound,
    metadata={'title': 'long'},
  )


def test_broken_off_anywhere_it_is_the_same_video(tmp_path, frames):
  with writer(tmp_path, 'whole') as whole:
    whole.write(frames)
  for stop in (0, 5, LENGTH, LENGTH + 1, 40, TOTAL):
    name = f'at_{stop}'
    with pytest.raises(KeyboardInterrupt), writer(tmp_path, name) as first:
      for i in range(0, stop, 5):
        first.write(frames[i : min(i + 5, stop)])
      raise KeyboardInterrupt
    assert first.num_finished == (4 if stop == TOTAL else stop // LENGTH)
    assert not (tmp_path / f'{name}.mp4').exists()
    assert all(path.name.startswith('segment-') for path in (tmp_path / name).iterdir())
    with writer(tmp_path, name) as second:
      begin = second.num_frames
      assert begin == (TOTAL if stop == TOTAL else stop // LENGTH * LENGTH)
      second.write(frames[begin:])
    assert (tmp_path / f'{name}.mp4').read_bytes() == (tmp_path / 'whole.mp4').read_bytes()


def test_joined_is_what_was_encoded(tmp_path, frames):
  sound = audio.speech_from_array(sounds.tone(TOTAL / 25, 44_100), 44_100).sound
  with writer(tmp_path, 'talk', sound) as made:
    for i in range(0, TOTAL, 7):
      made.write(frames[i : i + 7])
  joined = read_video(tmp_path / 'talk.mp4')
  np.testing.assert_allclose([time for time, _ in joined], np.arange(TOTAL) / 25, atol=1e-3)
  parts = [frame for path in sorted((tmp_path / 'talk').iterdir()) for _, frame in read_video(path)]
  np.testing.assert_array_equal([frame for _, frame in joined], parts)
  assert np.abs(np.stack(parts).astype(int) - frames).mean() < 4
  with av.open(str(tmp_path / 'talk.mp4')) as container:
    assert [stream.codec_context.name for stream in container.streams] == ['h264', 'aac']
    assert abs(container.duration / 1e6 - TOTAL / 25) < 0.04
    dts = [packet.dts for packet in container.demux(video=0) if packet.dts is not None]
    assert (np.diff(dts) > 0).all() and len(dts) == TOTAL
  head = (tmp_path / 'talk.mp4').read_bytes()
  assert head.index(b'moov') < head.index(b'mdat')
  assert video.read_metadata(tmp_path / 'talk.mp4')['title'] == 'long'
  # The sound equals that of a video written in one run.
  with video.VideoWriter(tmp_path / 'once.mp4', size=(64, 64), sound=sound) as once:
    once.write(frames)
  first, second = (audio.load_speech(tmp_path / name).waveform for name in ('talk.mp4', 'once.mp4'))
  np.testing.assert_array_equal(first, second)


def test_segments_of_other_settings_are_not_joined(tmp_path, frames):
  for name, size in (('a', 64), ('b', 48)):
    with video.VideoWriter(tmp_path / f'{name}.mp4', size=(size, size)) as part:
      part.write(frames[:5, :size, :size])
  with pytest.raises(ValueError, match='other settings'):
    with video.VideoJoiner(tmp_path / 'ab.mp4', tmp_path / 'a.mp4') as joiner:
      joiner.append(tmp_path / 'a.mp4')
      joiner.append(tmp_path / 'b.mp4')
  assert not (tmp_path / 'ab.mp4').exists() and not list(tmp_path.glob('.*'))


def test_too_few_frames_are_a_fault(tmp_path, frames):
  with pytest.raises(ValueError, match='36 of 47'), writer(tmp_path, 'talk') as made:
    made.write(frames[:40])
  assert not (tmp_path / 'talk.mp4').exists()


def test_what_is_no_whole_video_has_no_frames(tmp_path, frames):
  path = tmp_path / 'a.mp4'
  assert video.count_frames(path) == 0
  path.write_bytes(b'nothing')
  assert video.count_frames(path) == 0
  with video.VideoWriter(path, size=(64, 64)) as made:
    made.write(frames[:20])
  assert video.count_frames(path) == 20
  path.write_bytes(path.read_bytes()[:-100])
  assert video.count_frames(path) < 20


def test_same_frames_same_stream(tmp_path, frames):
  """Also on a busy machine: a nondeterministic encoder would break resuming."""
  streams = set()
  for _ in range(12):
    with video.VideoWriter(tmp_path / 'a.mp4', size=(64, 64)) as made:
      made.write(frames)
    streams.add((tmp_path / 'a.mp4').read_bytes())
  assert len(streams) == 1
