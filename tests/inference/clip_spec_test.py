"""Clip specifications: their JSON form equals that of earlier versions, so their unfinished videos resume."""

import dataclasses

import numpy as np

from seetalk_jax.inference.clip_spec import (
  Checksum,
  ClipSpec,
  DrivingMotion,
  SampledFace,
  SpeechMotion,
  WholePicture,
)
from seetalk_jax.inference.sampling_options import SamplingOptions

SPEECH = ClipSpec(
  num_frames=143,
  portrait=SampledFace(2),
  motion=SpeechMotion(
    Checksum('0123'), SamplingOptions(portrait_steps=15, motion_steps=20), {'control pose': 'abcd x 2'}
  ),
  seed=7,
  size=256,
  fusion=1.0,
  renderer='hr_decoder',
  version='0.1.0',
  checkpoint_id='009c4935db91',
  crop_version=1,
  device='cpu',
  jax='0.8.0',
)
FRAMES = {
  'size': 256,
  'fusion': 1.0,
  'renderer': 'hr_decoder',
  'version': '0.1.0',
  'checkpoint_id': '009c4935db91',
  'crop_version': 1,
  'device': 'cpu',
  'jax': '0.8.0',
}


def test_json_of_speech():
  sampling = SamplingOptions(portrait_steps=15, motion_steps=20).to_json()
  expected = {
    'speech': '0123',
    'num_frames': 143,
    'portrait': 'sampled face 2',
    'seed': 7,
    **sampling,
    **FRAMES,
    'control pose': 'abcd x 2',
  }
  assert list(SPEECH.to_json().items()) == list(expected.items())
  # Computed by the version that introduced unfinished videos.
  assert SPEECH.job_id() == 'f855415133f99628'
  assert SPEECH.describe() == {
    'portrait': 'sampled face 2',
    **sampling,
    'fusion': 1.0,
    'renderer': 'hr_decoder',
    'control pose': 'abcd x 2',
    'job': 'f855415133f99628',
  }


def test_json_of_a_full_frame():
  whole = WholePicture(Checksum('89'), (480, 640), (100.0, -2.5, 300.123))
  placed = dataclasses.replace(SPEECH, portrait=Checksum('ef'), size=640, whole_picture=whole)
  added = {'full_frame': '640 x 480', 'full_frame_picture': '89', 'full_frame_crop': '100.00 -2.50 300.12'}
  plain = dataclasses.replace(placed, whole_picture=None)
  assert placed.to_json() == {**plain.to_json(), **added}
  assert placed.frame_size == (480, 640) and plain.frame_size == (640, 640)
  assert placed.describe()['full_frame'] == '640 x 480' and 'full_frame' not in plain.describe()
  assert placed.job_id() != plain.job_id()


def test_json_of_a_driving_video_and_of_given_motion():
  driven = dataclasses.replace(
    SPEECH, portrait=Checksum('ef'), motion=DrivingMotion(Checksum('45'), (1, 2.5, 3.256), True), seed=0
  )
  expected = {
    'driving': '45',
    'driving_crop': '1.00 2.50 3.26',
    'num_frames': 143,
    'portrait': 'given ef',
    'motion': 'relative',
    'seed': 0,
    **FRAMES,
  }
  assert list(driven.to_json().items()) == list(expected.items())
  assert driven.describe()['portrait'] == 'given' and driven.describe()['motion'] == 'relative'
  aligned = dataclasses.replace(driven, motion=DrivingMotion(Checksum('45'), None, False)).to_json()
  assert (aligned['driving_crop'], aligned['motion']) == ('aligned', 'absolute')
  given = dataclasses.replace(driven, motion=Checksum('67'))
  assert given.to_json() == {
    'num_frames': 143,
    'portrait': 'given ef',
    'motion': 'given 67',
    'seed': 0,
    **FRAMES,
  }


def test_checksums_are_of_content():
  array = np.arange(6, dtype=np.float32).reshape(2, 3)
  assert Checksum.of(array) == Checksum.of(array.tobytes()) == Checksum.of(np.asfortranarray(array))
  assert Checksum.of(b'') == 'e3b0c44298fc1c14' and Checksum.of(b'a') != Checksum.of(b'b')
