"""Clip quality: reasons for rejection in their order, certain offsets, rivals, sharpness."""

import dataclasses

import green_faces
import numpy as np
import pytest

from seetalk_jax.media import face
from seetalk_jax.prepare import audio_checks, clip_quality, clips, tracks

LIMITS = clip_quality.Thresholds()
IN_STEP = audio_checks.Offset(frames=1, correlation=0.6, at_zero=0.5, z=5.0)
LATE = audio_checks.Offset(frames=7, correlation=0.6, at_zero=0.1, z=5.0)
GOOD = clip_quality.Quality(
  side=200, detected_share=1.0, faces=1, rivals=0.0, speech=0.6, yaw=5.0, offset=IN_STEP
)


def clip_of(num_frames=50, left=0.0, side=200.0, seen=1.0, start=0):
  points = np.repeat(green_faces.landmarks(left, 0.0, side, 0.1)[None], num_frames, axis=0)
  track = tracks.Track(
    start=start,
    landmarks=points.astype(np.float32),
    blendshapes=np.zeros((num_frames, 52), np.float32),
    rotations=np.repeat(np.eye(3, dtype=np.float32)[None], num_frames, axis=0),
    detected=np.arange(num_frames) < seen * num_frames,
  )
  box = face.FaceBox(left, 0.0, side)
  return clips.Clip(start=start, stop=start + num_frames, track=track, box=box)


@pytest.mark.parametrize(
  'changes, reason',
  [
    ({}, None),
    ({'detected_share': 0.89}, 'no_face'),
    ({'side': 95}, 'small_face'),
    ({'outside': 0.4}, None),
    ({'outside': 0.41}, 'outside'),
    ({'rivals': 0.3}, None),  # the mouth follows the sound: the others are bystanders
    ({'rivals': 0.3, 'offset': audio_checks.Offset(1, 0.1, 0.1, 1.0)}, 'several_faces'),
    ({'rivals': 0.3, 'offset': LATE}, 'several_faces'),
    ({'yaw': -61.0}, 'turned_away'),
    ({'speech': 0.1}, 'no_speech'),
    ({'offset': LATE}, None),  # flagged only
    ({'detected_share': 0.0, 'side': 0, 'speech': 0.0}, 'no_face'),  # the first reason counts
  ],
)
def test_reasons(changes, reason):
  found = clip_quality.refusal(clip_of(), dataclasses.replace(GOOD, **changes), LIMITS)
  assert found == reason and (reason is None or reason in clip_quality.REASONS)


def test_short_clips_and_offsets_beyond_the_limit():
  assert clip_quality.refusal(clip_of(24), GOOD, LIMITS) == 'too_short'
  assert clip_quality.refusal(clip_of(25), GOOD, LIMITS) is None
  late = dataclasses.replace(GOOD, offset=LATE)
  assert clip_quality.refusal(clip_of(), late, clip_quality.Thresholds(max_offset=6)) == 'offset'
  assert clip_quality.refusal(clip_of(), late, clip_quality.Thresholds(max_offset=7)) is None


@pytest.mark.parametrize(
  'changes, flag',
  [
    ({}, 7),
    ({'frames': -7}, -7),
    ({'frames': 3}, None),
    ({'correlation': 0.39}, None),
    ({'z': 3.4}, None),
    ({'at_zero': 0.4}, None),
  ],
)
def test_an_offset_is_flagged_only_if_it_is_certain(changes, flag):
  assert dataclasses.replace(GOOD, offset=LATE._replace(**changes)).offset_flag == flag


def test_moved_sound_makes_a_face_the_speaker():
  moved = dataclasses.replace(GOOD, offset=LATE, rivals=0.3, corrected=7)
  assert clip_quality.refusal(clip_of(), moved, LIMITS) is None
  assert moved.flags == ['sound +7 frames late, corrected']


def test_speech_is_measured_where_it_belongs():
  waveform = np.zeros(100 * 640, np.float32)
  waveform[57 * 640 :] = np.sin(np.arange(43 * 640)) * (np.arange(43 * 640) % 4000 < 2000)
  clip, faces = clip_of(50), np.ones(100, np.int32)
  still, moved = (
    clip_quality.measure(clip, [], waveform, faces, (200, 200), LATE, late).speech for late in (0, 30)
  )
  assert still == 0.0 and 0.1 < moved < 0.4


def test_flags():
  assert GOOD.flags == [] == dataclasses.replace(GOOD, outside=0.1).flags
  found = dataclasses.replace(GOOD, offset=LATE, outside=0.304).flags
  assert found == ['sound +7 frames late', '30 % of the crop outside of the picture']


def test_measurements_of_a_clip():
  waveform = np.zeros(100 * 640, np.float32)
  clip = clip_of(50, start=10, seen=0.8)
  rivals = clip_of(20, left=250.0, start=50), clip_of(100, left=250.0, side=90.0)  # the second one is small
  faces = np.ones(100, np.int32)
  faces[[5, 20]] = 4, 3  # frame 5 is before the clip
  found = clip_quality.measure(clip, rivals, waveform, faces, (220, 180), IN_STEP)
  assert (found.side, found.faces, found.speech, found.offset) == (200, 3, 0.0, IN_STEP)
  assert found.outside == pytest.approx(0.1)  # 180 of 200 pixels of the width
  assert found.detected_share == pytest.approx(0.8) and found.rivals == pytest.approx(0.2)
  assert found.yaw == pytest.approx(0, abs=1e-3)


def test_sharpness_falls_with_blur_and_not_with_size():
  noise = np.random.default_rng(0).integers(0, 256, (128, 128, 1)).repeat(3, -1).astype(np.uint8)
  blurred = noise.astype(float)
  for axis in (0, 1):
    blurred = (np.roll(blurred, 1, axis) + blurred + np.roll(blurred, -1, axis)) / 3
  sharp = clip_quality.sharpness(noise)
  assert clip_quality.sharpness(blurred.astype(np.uint8)) < 0.1 * sharp
  assert clip_quality.sharpness(noise.repeat(2, 0).repeat(2, 1)) == pytest.approx(sharp)
  assert clip_quality.sharpness(np.full((50, 50, 3), 90, np.uint8)) == 0
