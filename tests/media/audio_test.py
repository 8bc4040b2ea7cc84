"""Audio decoding: every container, rate and channel count; invalid files; loudness."""

import os
import struct

import numpy as np
import pytest
import sounds

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.errors import SpeechError
from seetalk_jax.media import audio, decode, timeline

SECONDS = 1.3


def dominant_hz(waveform):
  spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
  return np.argmax(spectrum) * SAMPLE_RATE_HZ / len(waveform)


@pytest.mark.parametrize('rate_hz', [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize('channels', [1, 2, 6])
def test_any_rate_and_channel_count(tmp_path, rate_hz, channels):
  path = sounds.write_sndfile(tmp_path / 'a.wav', sounds.tone(SECONDS, rate_hz, channels), rate_hz)
  speech = audio.load_speech(path)
  assert speech.waveform.dtype == np.float32 and speech.waveform.ndim == 1
  assert abs(len(speech.waveform) - SECONDS * SAMPLE_RATE_HZ) <= 1
  assert abs(dominant_hz(speech.waveform) - 220) < 2
  assert 0.4 < np.abs(speech.waveform).max() < 0.6
  assert (speech.rate_hz, speech.channels) == (rate_hz, channels)


@pytest.mark.parametrize('suffix, codec, exact', [
  ('wav', None, True),
  ('flac', None, True),
  ('ogg', None, True),
  ('mp3', None, False),
  ('m4a', 'aac', False),
  ('mp4', 'aac', False),
  ('mkv', 'flac', True),
  ('webm', 'libopus', False),
])  # fmt: skip
def test_any_container_keeps_length_and_timing(tmp_path, suffix, codec, exact):
  samples = sounds.tone(SECONDS, 48_000, 2)
  samples[: 48_000 // 2] = 0  # sound starts at 0.5 s
  path = tmp_path / f'a.{suffix}'
  if codec:
    sounds.write_av(path, samples, 48_000, codec)
  else:
    sounds.write_sndfile(path, samples, 48_000)
  speech = audio.load_speech(path)
  slack = 1 if exact else 0.04 * SAMPLE_RATE_HZ
  assert abs(len(speech.waveform) - SECONDS * SAMPLE_RATE_HZ) <= slack
  onset = np.argmax(np.abs(speech.waveform) > 0.05) / SAMPLE_RATE_HZ
  assert abs(onset - 0.5) < 0.03
  assert abs(dominant_hz(speech.waveform) - 220) < 2


def test_content_counts_not_the_name(tmp_path):
  wav = sounds.write_sndfile(tmp_path / 'a.wav', sounds.tone(SECONDS), 16_000)
  lying = wav.rename(tmp_path / 'with spaces: and colons.mp3')
  assert abs(audio.load_speech(lying).seconds - SECONDS) < 1e-3
  m4a = sounds.write_av(tmp_path / 'b.m4a', sounds.tone(SECONDS, 44_100), 44_100)
  assert abs(audio.load_speech(m4a.rename(tmp_path / 'b.wav')).seconds - SECONDS) < 0.04


@pytest.mark.parametrize('suffix, codec', [('wav', None), ('m4a', 'aac')])
def test_names_that_are_not_utf_8(tmp_path, suffix, codec):
  path = tmp_path / f'a.{suffix}'
  if codec:
    sounds.write_av(path, sounds.tone(SECONDS, 48_000), 48_000, codec)
  else:
    sounds.write_sndfile(path, sounds.tone(SECONDS), 16_000)
  path = path.rename(tmp_path / os.fsdecode(b'\xff\xe9.' + suffix.encode()))
  speech = audio.load_speech(path)
  assert abs(speech.seconds - SECONDS) < 0.04
  assert sum(map(len, speech.sound.open_blocks())) == speech.sound.num_samples


def test_sound_track_that_starts_late(tmp_path):
  path = tmp_path / 'late.mp4'
  sounds.write_av(path, sounds.tone(1.0, 48_000), 48_000, picture_seconds=2.0, delay=0.5)
  speech = audio.load_speech(path)
  assert abs(speech.seconds - 1.5) < 0.05
  assert np.abs(speech.waveform[: int(0.4 * SAMPLE_RATE_HZ)]).max() < 1e-3


def test_opposite_channels_do_not_cancel(tmp_path):
  samples = sounds.tone(SECONDS, 16_000, 2)
  samples[:, 1] *= -1
  speech = audio.load_speech(sounds.write_sndfile(tmp_path / 'a.wav', samples, 16_000))
  assert np.abs(speech.waveform).max() > 0.3
  assert speech.sound.channels == 1


@pytest.mark.parametrize('rate_hz, sound_rate', [(44_100, 44_100), (48_000, 48_000), (8_000, 48_000)])
def test_sound_for_the_video(tmp_path, rate_hz, sound_rate):
  path = sounds.write_sndfile(tmp_path / 'a.wav', sounds.tone(SECONDS, rate_hz, 2), rate_hz)
  sound = audio.load_speech(path).sound
  for _ in range(2):  # every iteration opens the file again
    blocks = np.concatenate(list(sound.open_blocks()))
    assert blocks.shape == (sound.num_samples, 2) and blocks.dtype == np.float32
  assert sound.rate_hz == sound_rate
  assert abs(sound.num_samples - SECONDS * sound_rate) <= 3
  assert 0.4 < np.abs(blocks).max() < 0.6  # not loudness-normalized


def test_arrays_are_speech_too():
  integers = (sounds.tone(SECONDS, 48_000, 2) * 32767).astype(np.int16)
  speech = audio.speech_from_array(integers, 48_000)
  assert abs(len(speech.waveform) - SECONDS * SAMPLE_RATE_HZ) <= 1
  assert 0.4 < np.abs(speech.waveform).max() < 0.6
  with pytest.raises(SpeechError, match='array'):
    audio.speech_from_array(np.zeros(16_000, np.float32))


def nan_samples():
  samples = sounds.tone(SECONDS)
  samples[8_000] = np.nan
  return samples


BAD = {
  'missing': (None, 'no such'),
  'folder': ('folder', 'folder'),
  'empty file': (b'', 'empty'),
  'text': (b'this is not audio\n' * 100, 'audio|sound'),
  'noise bytes': (np.random.default_rng(0).bytes(5_000), 'audio|sound'),
  'no samples': (np.zeros((0, 1)), 'no samples'),
  'short': (sounds.tone(0.19), 'short'),
  'silence': (np.zeros((16_000, 2)), 'silence'),
  'faint': (sounds.tone(1.0) * 1e-3, 'silence'),
  'constant': (np.full((16_000, 1), 0.3), 'silence'),
  'nan': (nan_samples(), 'NaN.* 0.50 s'),
  'inf': (np.where(np.isnan(nan_samples()), np.inf, nan_samples()), 'infinite'),
}


def make_bad(tmp_path, kind):
  content, _ = BAD[kind]
  path = tmp_path / 'bad.wav'
  if isinstance(content, bytes):
    path.write_bytes(content)
  elif isinstance(content, np.ndarray):
    sounds.write_sndfile(path, content, 16_000, subtype='FLOAT')
  elif content == 'folder':
    path.mkdir()
  return path


@pytest.mark.parametrize('kind', list(BAD))
def test_bad_speech_is_one_line_that_names_the_file(tmp_path, kind):
  path = make_bad(tmp_path, kind)
  with pytest.raises(SpeechError, match=BAD[kind][1]) as caught:
    audio.load_speech(path)
  message = str(caught.value)
  assert str(path) in message and '\n' not in message
  assert ': ' in message.split(str(path))[-1]  # ... and states what to do


def wav(data, rate_hz=16_000, size=None):
  """A 16-bit mono wav file; `size` is the size of the samples in bytes that the header states."""
  size = len(data) if size is None else size
  chunk = struct.pack('<IHHIIHH', 16, 1, 1, rate_hz, 2 * rate_hz % 2**32, 2, 16)
  body = b'WAVEfmt ' + chunk + b'data' + struct.pack('<I', size) + data
  return b'RIFF' + struct.pack('<I', len(body)) + body


def au(data, rate_hz):
  """A 16-bit mono au file, which FFmpeg reads."""
  return b'.snd' + struct.pack('>IIIII', 24, len(data), 3, rate_hz, 1) + data


def int16(samples):
  return (samples[:, 0] * 32767).astype('<i2').tobytes()


@pytest.mark.parametrize('size', [0, 2**31 - 1, 2**32 - 1 - 36, 2**32 - 1, 10**6])
def test_wav_with_a_wrong_size_in_the_header(tmp_path, size):
  samples = sounds.tone(SECONDS)
  path = tmp_path / 'killed.wav'
  path.write_bytes(wav(int16(samples), size=size))
  speech = audio.load_speech(path)
  np.testing.assert_allclose(speech.waveform, samples[:, 0], atol=1e-4)
  blocks = np.concatenate(list(speech.sound.open_blocks()))
  assert len(blocks) == speech.sound.num_samples == 3 * len(samples)
  path.write_bytes(wav(b'', size=size))
  with pytest.raises(SpeechError, match=f'no samples in the sound, {path}'):
    audio.load_speech(path)


@pytest.mark.parametrize('rate_hz', [1, 2, 999, 1_000_001, 2**31 - 1])
@pytest.mark.parametrize('make', [wav, au])
def test_absurd_sampling_rates_are_one_line(tmp_path, make, rate_hz):
  path = tmp_path / 'a.wav'
  path.write_bytes(make(int16(sounds.tone(0.4)), rate_hz))
  with pytest.raises(SpeechError, match=f'{rate_hz:,} Hz, {path}: give sound of 1,000 to 1,000,000 Hz'):
    audio.load_speech(path)
  for read in (lambda: timeline.sound(path, 0.0), lambda: timeline.sound_track(path, 0.0, 25)):
    with pytest.raises(SpeechError, match=f'{rate_hz:,} Hz'):
      read()


def test_no_source_has_an_absurd_sampling_rate():
  for rate_hz in (0, 1, 999, 1_000_001, float('nan')):
    with pytest.raises(SpeechError, match='sampling rate'):
      decode.Source('a', rate_hz, 1, lambda: iter(()))
    with pytest.raises(SpeechError, match='sampling rate'):
      audio.speech_from_array(sounds.tone(1.0), rate_hz)


@pytest.mark.parametrize('rate_hz', [decode.MIN_RATE_HZ, decode.MAX_RATE_HZ])
def test_extreme_sampling_rates_work(rate_hz):
  speech = audio.speech_from_array(sounds.tone(0.5, rate_hz, hz=100.0), rate_hz)
  blocks = np.concatenate(list(speech.sound.open_blocks()))
  assert abs(len(speech.waveform) - 8_000) <= 16 and len(blocks) == speech.sound.num_samples
  assert 0.3 < np.abs(speech.waveform).max() < 0.6


def write_joined(path, parts):
  """One file of several that are written by `sounds.write_av` with (rate, channels)."""
  for i, (rate_hz, channels) in enumerate(parts):
    codec, container = {'.mp3': ('libmp3lame', 'mp3'), '.ts': ('aac', 'mpegts')}[path.suffix]
    part = path.with_stem(f'part{i}')
    sounds.write_av(part, sounds.tone(1.0, rate_hz, channels), rate_hz, codec, container)
    with open(path, 'ab') as file:
      file.write(part.read_bytes())
  return path


@pytest.mark.parametrize(
  'name, parts',
  [
    ('a.mp3', [(44_100, 1), (48_000, 1)]),
    ('a.mp3', [(48_000, 2), (32_000, 2), (44_100, 2)]),
    ('a.ts', [(48_000, 6), (48_000, 2)]),
    ('a.ts', [(48_000, 1), (44_100, 2), (48_000, 6)]),
  ],
)
def test_formats_that_change_within_a_stream(tmp_path, name, parts):
  path = write_joined(tmp_path / name, parts)
  speech = audio.load_speech(path)
  assert (speech.rate_hz, speech.channels) in parts
  assert abs(speech.seconds - len(parts)) < 0.06 * len(parts)
  blocks = np.concatenate(list(speech.sound.open_blocks()))
  assert len(blocks) == speech.sound.num_samples
  for waveform, rate_hz in (
    (speech.waveform, 16_000),
    (blocks[:, 0], speech.sound.rate_hz),
    (timeline.sound(path, 0.0), 16_000),
  ):
    # Every part has the pitch and the level of the tone.
    for i in range(len(parts)):
      part = waveform[round((i + 0.3) * rate_hz) : round((i + 0.9) * rate_hz)]
      assert abs(dominant_hz(part) * rate_hz / SAMPLE_RATE_HZ - 220) < 4
      assert 0.35 < np.abs(part).max() < 0.6


@pytest.mark.parametrize('suffix, kind', [('flac', {}), ('ogg', {}), ('ogg', {'subtype': 'OPUS'})])
@pytest.mark.parametrize('formats', [[(16_000, 1), (16_000, 1)], [(48_000, 2), (16_000, 1), (24_000, 2)]])
def test_joined_flac_and_ogg_files(tmp_path, suffix, kind, formats):
  data = b''
  for i, (rate_hz, channels) in enumerate(formats):
    part = sounds.write_sndfile(
      tmp_path / f'{i}.{suffix}', sounds.tone(1.0, rate_hz, channels), rate_hz, **kind
    )
    data += part.read_bytes()
  path = tmp_path / f'joined.{suffix}'
  path.write_bytes(data)
  speech = audio.load_speech(path)
  assert abs(speech.seconds - len(formats)) < 0.03 * len(formats)
  assert sum(map(len, speech.sound.open_blocks())) == speech.sound.num_samples
  for i in range(len(formats)):
    part = speech.waveform[round((i + 0.3) * 16_000) : round((i + 0.9) * 16_000)]
    assert abs(dominant_hz(part) - 220) < 4 and 0.4 < np.abs(part).max() < 0.6


def test_video_without_sound(tmp_path):
  from seetalk_jax.media import video

  with video.VideoWriter(tmp_path / 'mute.mp4', size=(64, 64)) as writer:
    writer.write(np.zeros((5, 64, 64, 3), np.uint8))
  with pytest.raises(SpeechError, match='no sound'):
    audio.load_speech(tmp_path / 'mute.mp4')


def test_first_track_that_decodes(tmp_path):
  def video(name, num_tracks):
    return sounds.write_av(
      tmp_path / name, sounds.tone(1.0, 48_000), 48_000, picture_seconds=1.0, num_tracks=num_tracks
    )

  path = sounds.without_decoder(video('spatial.mp4', 2), 1)
  assert abs(audio.load_speech(path).seconds - 1.0) < 0.05
  assert abs(len(timeline.sound(path, 0.0)) - 16_000) < 800
  assert timeline.probe(path).audio_rate_hz == 48_000
  path = sounds.without_decoder(video('none.mp4', 2), 2)
  with pytest.raises(SpeechError, match=f'no sound that can be decoded, {path}: convert it'):
    audio.load_speech(path)
  with pytest.raises(timeline.RecordingError, match='no sound that can be decoded'):
    timeline.sound(path, 0.0)


def test_exactly_at_the_shortest_length(tmp_path):
  path = sounds.write_sndfile(tmp_path / 'a.wav', sounds.tone(0.2, 44_100), 44_100)
  speech = audio.load_speech(path)
  assert len(speech.waveform) == 3200 and speech.num_frames == 5


def voiced_rms(waveform):
  frames = waveform[: len(waveform) // 400 * 400].reshape(-1, 400)
  power = np.mean(frames**2, axis=1)
  return np.sqrt(np.mean(power[power > 1e-2 * power.max()]))


def test_loudness_does_not_depend_on_gain_offset_or_pauses():
  speech = sounds.tone(2.0)[:, 0]
  reference = audio.normalise_loudness(speech)
  assert abs(20 * np.log10(voiced_rms(reference)) - audio.LOUDNESS_DBFS) < 1.0
  np.testing.assert_allclose(audio.normalise_loudness(0.01 * speech + 0.2), reference, atol=1e-4)
  paused = np.concatenate([np.zeros(48_000, np.float32), speech, np.zeros(48_000, np.float32)])
  np.testing.assert_allclose(audio.normalise_loudness(paused)[48_000:-48_000], reference, atol=2e-3)


def test_loudness_keeps_peaks_and_silence():
  clicks = np.zeros(16_000, np.float32)
  clicks[::4000] = 0.5
  assert np.abs(audio.normalise_loudness(clicks)).max() <= audio.MAX_PEAK
  assert not audio.normalise_loudness(np.zeros(16_000)).any()
