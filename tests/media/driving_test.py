"""Driving videos: one fixed crop for all frames, any frame rate, sound aligned with the pictures."""

import contextlib

import numpy as np
import pytest
import sounds

from seetalk_jax.errors import InputError, PortraitError
from seetalk_jax.media import audio, driving, face, video


def write(path, frames, fps=25, sound=None):
  """Writes uint8 `[n, h, w, 3]` to an mp4."""
  sound = None if sound is None else audio.speech_from_array(sound, 44_100).sound
  with video.VideoWriter(path, size=frames.shape[1:3], fps=fps, sound=sound) as writer:
    writer.write(frames)
  return path


def blob(num_frames, height=120, width=160, swing=8.0):
  """A bright 'face' that oscillates over uniform gray, and its center positions."""
  centre = 80 + swing * np.sin(np.arange(num_frames) / 3)
  rows, columns = np.mgrid[:height, :width]
  near = np.hypot(rows[None] - 60, columns[None] - centre[:, None, None]) < 6
  return np.where(near[..., None], np.uint8(220), np.uint8(60)).repeat(3, axis=-1), centre


def see(count=1, every=None):
  """A landmarker that finds the blob: eyes at its center, the chin 15 pixels below."""
  detections = []

  def find(pixels):
    detections.append(1)
    height, width = pixels.shape[:2]
    if height != 120 or (
      every is not None and (len(detections) - 1) % every
    ):  # no detection in picture crops
      return np.zeros((0, face.NUM_LANDMARKS, 2), np.float32)
    rows, columns = np.nonzero(pixels[..., 0] > 140)
    eyes = np.array([columns.mean() / width, rows.mean() / height])
    points = np.tile(eyes, (count, face.NUM_LANDMARKS, 1))
    points[:, face.CHIN, 1] += 15 / height
    points[..., 0] += 0.2 * np.arange(count)[:, None]
    return points.astype(np.float32)

  return lambda path: contextlib.nullcontext(find)


def test_the_square_stands_still_where_the_face_mostly_is(tmp_path, monkeypatch):
  frames, centre = blob(60)
  path = write(tmp_path / 'a.mp4', frames)
  monkeypatch.setattr(face, 'open_landmarker', see())
  found = driving.open_driving(path)
  expected = face.PORTRAIT_CROP.box((np.median(centre[:: driving.DETECT_EVERY]), 60), (0, 75))
  assert abs(found.box.left - expected.left) < 1 and abs(found.box.top - expected.top) < 1
  assert abs(found.box.side - expected.side) < 1.5
  crops = np.concatenate(list(found.crops(64, 16)))
  assert crops.shape == (60, 64, 64, 3) and crops.dtype == np.uint8
  # The crop is fixed: the face moves in the crop as in the picture.
  middle = np.array([np.nonzero(crop[..., 0] > 140)[1].mean() for crop in crops]) * found.box.side / 64
  np.testing.assert_allclose(middle - middle.mean(), centre - centre.mean(), atol=1.5)


def test_batches_are_small_and_in_order(tmp_path):
  frames = np.zeros((40, 64, 64, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None, None] * 5
  found = driving.open_driving(write(tmp_path / 'a.mp4', frames), aligned=True)
  sizes, levels = zip(
    *[(len(crops), crops.mean(axis=(1, 2, 3))) for crops in found.crops(64, 16)], strict=True
  )
  assert sizes == (16, 16, 8) and found.num_frames == 40 and found.box is None
  np.testing.assert_allclose(np.concatenate(levels), np.arange(40) * 5, atol=3)


@pytest.mark.parametrize('fps', [10, 30, 60])
def test_any_frame_rate_becomes_25(tmp_path, fps):
  frames = np.zeros((2 * fps, 64, 64, 3), np.uint8)
  frames[fps:] = 200
  found = driving.open_driving(write(tmp_path / 'a.mp4', frames, fps), aligned=True)
  crops = np.concatenate(list(found.crops(64, 7)))
  assert abs(found.num_frames - 50) <= 1 and len(crops) == found.num_frames
  bright = crops.mean(axis=(1, 2, 3)) > 100
  assert abs(int(np.argmax(bright)) - 25) <= 1 and bright[26:].all()


def test_sound_is_as_long_as_the_pictures(tmp_path):
  frames = np.zeros((30, 64, 64, 3), np.uint8)
  long = sounds.tone(3.0, 44_100)
  found = driving.open_driving(write(tmp_path / 'a.mp4', frames, sound=long), aligned=True)
  assert found.num_frames == 30 and found.sound.rate_hz == 44_100
  blocks = np.concatenate(list(found.sound.open_blocks()))
  assert len(blocks) == found.sound.num_samples == round(1.2 * 44_100)
  assert np.abs(blocks[:, 0] - long[: len(blocks), 0]).max() < 0.1
  assert driving.open_driving(write(tmp_path / 'mute.mp4', frames), aligned=True).sound is None


def test_sound_without_a_decoder_is_left_out(tmp_path):
  for undecodable, silent in ((0, False), (1, False), (2, True)):
    path = tmp_path / f'{undecodable}.mp4'
    sounds.write_av(path, sounds.tone(1.0, 48_000), 48_000, picture_seconds=1.0, num_tracks=2)
    found = driving.open_driving(sounds.without_decoder(path, undecodable), aligned=True)
    assert found.num_frames == 25 and (found.sound is None) == silent


def test_pictures_without_a_decoder_are_one_line(tmp_path):
  path = sounds.write_av(tmp_path / 'a.mp4', sounds.tone(1.0, 48_000), 48_000, picture_seconds=1.0)
  sounds.without_decoder(path, 1, b'mp4v')
  with pytest.raises(InputError, match=f'no picture that can be decoded, {path}'):
    driving.open_driving(path, aligned=True)


def test_late_sound_stays_late(tmp_path):
  path = tmp_path / 'late.mp4'
  sounds.write_av(path, sounds.tone(1.0, 48_000), 48_000, picture_seconds=2.0, delay=0.5)
  found = driving.open_driving(path, aligned=True)
  samples = np.concatenate(list(found.sound.open_blocks()))
  assert abs(np.argmax(np.abs(samples) > 0.02) / 48_000 - 0.5) < 0.05


def test_videos_of_this_library_need_no_landmarker(tmp_path, monkeypatch):
  monkeypatch.delenv(face.LANDMARKER_VARIABLE, raising=False)
  tags = {'comment': f'Made by seetalk-jax; crop_version {face.PORTRAIT_CROP.version}; renderer plain'}
  with video.VideoWriter(tmp_path / 'a.mp4', size=(64, 64), metadata=tags) as writer:
    writer.write(np.zeros((3, 64, 64, 3), np.uint8))
  assert driving.open_driving(tmp_path / 'a.mp4').box is None
  with pytest.raises(PortraitError, match='--aligned'):
    driving.open_driving(write(tmp_path / 'b.mp4', np.zeros((3, 64, 64, 3), np.uint8)))


def test_the_content_is_what_counts(tmp_path):
  frames = np.zeros((3, 64, 64, 3), np.uint8)
  first, same, other = (
    driving.open_driving(write(tmp_path / f'{name}.mp4', frames + level), aligned=True).checksum()
    for name, level in (('a', np.uint8(0)), ('b', np.uint8(0)), ('c', np.uint8(90)))
  )
  assert first == same != other


@pytest.mark.parametrize(
  'landmarker, message',
  [(see(count=0), 'a face in 0 of'), (see(count=2), 'several faces'), (see(every=40), 'a face in 1 of')],
)
def test_one_face_is_wanted(tmp_path, monkeypatch, landmarker, message):
  monkeypatch.setattr(face, 'open_landmarker', landmarker)
  path = write(tmp_path / 'a.mp4', blob(30)[0])
  with pytest.raises(PortraitError, match=f'{message}.*a.mp4'):
    driving.open_driving(path)


@pytest.mark.parametrize('turns', [1, 2, 3])
def test_faces_that_are_not_upright_are_refused(tmp_path, monkeypatch, turns):
  """The face is a white disk (eyes) over a gray one (chin); only an upright face makes the detector sure."""

  def down(pixels):
    disks = [np.argwhere(part) for part in (pixels[..., 0] > 220, abs(pixels[..., 0] - 150.0) < 20)]
    eyes, chin = (found.mean(axis=0)[::-1] if len(found) else np.zeros(2) for found in disks)
    return eyes, chin - eyes

  class Find:
    def __call__(self, pixels):
      eyes, towards = down(pixels)
      points = np.tile(eyes, (face.NUM_LANDMARKS, 1))
      points[face.CHIN] += abs(towards) if towards[1] < -10 else towards  # MediaPipe sees upright faces
      return (points / pixels.shape[1::-1])[None].astype(np.float32)

    def confidence(self, pixels):
      return 0.9 if down(pixels)[1][1] > 10 else 0.6

  monkeypatch.setattr(face, 'open_landmarker', lambda path: contextlib.nullcontext(Find()))
  frames = np.zeros((12, 160, 160, 3), np.uint8)
  rows, columns = np.mgrid[:160, :160]
  frames[:, np.hypot(rows - 60, columns - 80) < 9] = 255
  frames[:, np.hypot(rows - 90, columns - 80) < 9] = 150
  assert driving.open_driving(write(tmp_path / 'upright.mp4', frames)).num_frames == 12
  path = write(tmp_path / 'a.mp4', np.ascontiguousarray(np.rot90(frames, turns, axes=(1, 2))))
  with pytest.raises(PortraitError, match=f'the face is not upright, {path}: turn the video'):
    driving.open_driving(path)


def test_what_cannot_drive(tmp_path):
  sounds.write_sndfile(tmp_path / 'sound.wav', sounds.tone(0.5), 16_000)
  (tmp_path / 'text.mp4').write_text('no video')
  write(tmp_path / 'wide.mp4', np.zeros((3, 64, 96, 3), np.uint8))
  for name, message in (
    ('sound.wav', 'no picture'),
    ('text.mp4', 'not a video'),
    ('missing.mp4', 'no such'),
    ('.', 'folder'),
  ):
    with pytest.raises(InputError, match=message):
      driving.open_driving(tmp_path / name)
  with pytest.raises(PortraitError, match='square'):
    driving.open_driving(tmp_path / 'wide.mp4', aligned=True)
