"""Video writing: frame-exact content, and files that appear atomically."""

import errno

import numpy as np
import pytest
import small_files
import sounds
from read_video import read_video

from seetalk_jax.errors import InputError, OutputError
from seetalk_jax.media import audio, video

METADATA = {'title': 'Synthetic talking face', 'comment': 'Synthetic media; seed 3'}


def moving_square(num_frames, size=64):
  frames = np.full((num_frames, size, size, 3), (180, 90, 60), np.uint8)
  for i in range(num_frames):
    frames[i, 8:24, 2 * i % 40 : 2 * i % 40 + 16] = (40, 60, 200)
  return frames


@pytest.mark.parametrize('seconds', [0.2, 1.0, 1.03, 2.017])
@pytest.mark.parametrize('rate_hz', [16_000, 44_100])
def test_length_picture_sound_and_metadata_come_back(tmp_path, seconds, rate_hz):
  import av

  path = tmp_path / 'out.mp4'
  wav = sounds.write_sndfile(tmp_path / 'a.wav', sounds.tone(seconds, rate_hz, 2), rate_hz)
  speech = audio.load_speech(wav)
  frames = moving_square(speech.num_frames)
  with video.VideoWriter(path, size=(64, 64), sound=speech.sound, metadata=METADATA) as writer:
    for start in range(0, len(frames), 8):
      writer.write(frames[start : start + 8])
  back = read_video(path)
  assert len(back) == speech.num_frames
  np.testing.assert_allclose([time for time, _ in back], np.arange(len(back)) / 25, atol=1e-3)
  error = np.abs(np.stack([frame for _, frame in back]).astype(int) - frames)
  assert error.mean() < 4  # includes colors: encoder and decoder agree on matrix and range
  again = audio.load_speech(path)
  assert abs(again.seconds - seconds) <= 1 / 25
  assert abs(len(back) / 25 - again.seconds) <= 1 / 25 + 1e-3
  tags = video.read_metadata(path)
  assert METADATA.items() <= tags.items()
  with av.open(str(path)) as container:
    stream = container.streams.video[0]
    assert stream.codec_context.name == 'h264' and stream.codec_context.pix_fmt == 'yuv420p'
    assert stream.average_rate == 25
    assert container.streams.audio[0].codec_context.name == 'aac'
    assert abs(container.duration / 1e6 - seconds) <= 1 / 25
  head = path.read_bytes()
  assert head.index(b'moov') < head.index(b'mdat')  # +faststart


def test_sound_is_in_time(tmp_path):
  samples = sounds.tone(2.0, 44_100)
  samples[:44_100] = 0
  wav = sounds.write_sndfile(tmp_path / 'a.wav', samples, 44_100)
  with video.VideoWriter(tmp_path / 'o.mp4', size=(64, 64), sound=audio.load_speech(wav).sound) as writer:
    writer.write(moving_square(50))
  waveform = audio.load_speech(tmp_path / 'o.mp4').waveform
  assert abs(np.argmax(np.abs(waveform) > 0.05) / 16_000 - 1.0) < 0.02


def test_same_input_same_bytes(tmp_path):
  wav = sounds.write_sndfile(tmp_path / 'a.wav', sounds.tone(1.0), 16_000)
  files = []
  for name in 'ab':
    files.append(tmp_path / f'{name}.mp4')
    sound = audio.load_speech(wav).sound
    with video.VideoWriter(files[-1], size=(64, 64), sound=sound, metadata=METADATA) as writer:
      writer.write(moving_square(25))
  assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize('exception', [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize('when', [0, 1])
def test_nothing_stays_when_interrupted(tmp_path, exception, when):
  path = tmp_path / 'out.mp4'
  path.write_bytes(b'precious')
  with pytest.raises(exception):
    with video.VideoWriter(path, size=(64, 64)) as writer:
      for i in range(2):
        if i == when:
          raise exception
        writer.write(moving_square(30))
  assert [file.name for file in tmp_path.iterdir()] == ['out.mp4']
  assert path.read_bytes() == b'precious'


@pytest.mark.parametrize('num_bytes', [1, 8192])  # fails in the first packet, and at the end
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, num_bytes):
  path = tmp_path / 'out.mp4'
  with pytest.raises(OutputError, match='file too large.*out.mp4') as raised:
    with small_files.file_size_limit(num_bytes), video.VideoWriter(path, size=(64, 64)) as writer:
      writer.write(np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), np.uint8))
  assert raised.value.errno == errno.EFBIG
  assert not list(tmp_path.iterdir())


def test_no_frame_is_a_fault_not_a_file(tmp_path):
  with pytest.raises(ValueError, match='no frame'):
    with video.VideoWriter(tmp_path / 'out.mp4', size=(64, 64)):
      pass
  assert not list(tmp_path.iterdir())


def test_wrong_frames_are_refused(tmp_path):
  with pytest.raises(ValueError, match='uint8'):
    with video.VideoWriter(tmp_path / 'out.mp4', size=(64, 64)) as writer:
      writer.write(np.zeros((1, 64, 32, 3), np.uint8))
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name, size', [('o.avi', (64, 64)), ('o.mp4', (63, 64)), ('no/o.mp4', (64, 64))])
def test_bad_targets(tmp_path, name, size):
  with pytest.raises(InputError, match='video|.mp4|folder'):
    video.VideoWriter(tmp_path / name, size=size)


def test_recoded_frames_keep_shape_and_order_and_lose_with_the_rate_factor():
  y, x = np.mgrid[:32, :48]
  frames = np.stack([np.stack([x * 5, y * 7, np.full_like(x, 20 * i)], -1) for i in range(6)]).astype(
    np.uint8
  )
  fine, again, coarse = (video.recoded(frames, crf) for crf in (10, 10, 40))
  np.testing.assert_array_equal(fine, again)
  assert fine.shape == frames.shape and fine.dtype == np.uint8
  errors = [np.abs(found.astype(int) - frames).mean() for found in (fine, coarse)]
  assert errors[0] < 4 and errors[0] < errors[1]
  with pytest.raises(ValueError, match='even numbers'):
    video.recoded(frames[:, :31], 20)
