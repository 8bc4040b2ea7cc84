"""Arguments of the pipeline: a value out of range is one line that names it, the argument and the range."""

import json

import numpy as np
import pytest
import sounds

from seetalk_jax.errors import InputError, SpeechError
from seetalk_jax.inference import argument_checks
from seetalk_jax.media import audio
from seetalk_jax.testing import tiny_release

NAN, INFINITY = float('nan'), float('inf')
TONE = sounds.tone(0.5)[:, 0]


@pytest.fixture(scope='module')
def pipe():
  return tiny_release.load(tiny_release.shared())


BAD = [
  *(('seed', value, '-2147483648 to 4294967295') for value in ('a', 1.5, None, 2**32, -(2**31) - 1, [1, 2])),
  *(('face', value, '0 to 4294967295') for value in (-1, 'a', 0.5, 2**32, None)),
  *(('steps', value, '1 to 1000') for value in (0, -3, 'a', 2.5, 1001)),
  *(('fusion', value, '0 to 1') for value in (2, -0.1, NAN, 'a', None, '0.5', [0.5, 0.5])),
  *(('guidance_scale', value, 'finite number') for value in (NAN, INFINITY, 'a', '2', [1, 2], 10**400)),
  *(('size', value, '16 or more') for value in (15, 'a', 64.5, -2, 65)),
]


@pytest.mark.parametrize('name, value, accepted', BAD)
def test_numbers_out_of_range(pipe, name, value, accepted):
  with pytest.raises(InputError, match=f'argument {name}: give .*{accepted}') as caught:
    pipe.plan(TONE, **{name: value})
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize('call', ['portrait', 'speech_to_portrait'])
@pytest.mark.parametrize(
  'arguments, message',
  [
    ({'num': 0}, 'argument num: give a whole number of 1 or more'),
    ({'num': 'a'}, 'argument num'),
    ({'seed': 'a'}, 'argument seed'),
    ({'steps': 0}, 'argument steps'),
    ({'guidance_scale': NAN}, 'argument guidance_scale'),
  ],
)
def test_numbers_of_portraits(pipe, call, arguments, message):
  with pytest.raises(InputError, match=message):
    getattr(pipe, call)(TONE, **arguments)


def test_scales_of_controls():
  from seetalk_jax.inference import controls

  track = {'blink': np.zeros(4)}
  with pytest.raises(InputError, match='scale of blink nan, argument control_scales'):
    controls.resolve(track, {'blink': NAN}, ('blink',), 4, None)
  with pytest.raises(InputError, match='blink is no array of numbers, argument controls'):
    controls.resolve({'blink': [['a']] * 4}, None, ('blink',), 4, None)


def test_motion_that_is_no_array(pipe):
  portrait = np.zeros((64, 64, 3), np.uint8)
  with pytest.raises(InputError, match=r'argument motion: give \[frames, 256\]'):
    pipe.render(portrait, 'dance.npy')


def test_numbers_of_numpy_are_accepted(pipe):
  plain = pipe.plan(TONE, seed=3, face=1, steps=4, fusion=0.5, guidance_scale=2.0, size=48)
  numpy = pipe.plan(
    TONE,
    seed=np.int64(3),
    face=np.array(1),
    steps=np.int32(4),
    fusion=np.float32(0.5),
    guidance_scale=np.float64(2.0),
    size=np.int16(48),
  )
  assert numpy == plain and json.dumps(numpy.to_json()) == json.dumps(plain.to_json())
  assert pipe.plan(TONE, seed=-1).seed == -1


def test_numbers_are_returned_as_they_are():
  found = argument_checks.number('fusion', 1, 0, 1)
  assert found == 1 and isinstance(found, int)  # 1 and 1.0 differ in the description of an unfinished video


@pytest.mark.parametrize(
  'speech, message',
  [
    (['a.wav', 'b.wav'], 'speech is a list of str.*once for each'),
    ([TONE, TONE[:-1]], 'speech is a list of ndarray.*once for each'),
    ([TONE, TONE], r'shape \(2, 8000\)'),
    (TONE[None], r'shape \(1, 8000\).*\[n, channels\]'),
    ({'array': TONE}, 'speech is a dict'),
    (None, 'speech is a NoneType'),
    (b'RIFF', 'speech is a bytes'),
    ((44_100, TONE), 'a tuple of int and ndarray|Hz'),
    ((TONE, 'a'), r"of 'a' Hz.*1000 to 1000000"),
    ((TONE, 0), 'of 0 Hz'),
    ((TONE, NAN), 'of nan Hz'),
    ((TONE, 44_100, 1), 'speech is a tuple'),
  ],
)
def test_speech_of_another_kind(pipe, speech, message):
  for call in (pipe.plan, pipe.portrait):
    with pytest.raises(SpeechError, match=message) as caught:
      call(speech)
    assert '\n' not in str(caught.value)


def test_samples_at_another_rate(pipe):
  samples = sounds.tone(0.5, 44_100, channels=2)
  plan = pipe.plan((samples, 44_100))
  assert plan == pipe.plan(audio.speech_from_array(samples, 44_100))
  assert plan.num_frames == 13
  assert plan == pipe.plan((samples, np.int64(44_100)))


def test_reprs_are_short(pipe):
  clip = pipe(TONE, seed=3)
  assert repr(clip) == 'Clip(13 frames of 64 x 64 pixels, 0.52 s, with sound, seed 3)'
  assert repr(clip.speech) == "Speech('array', 0.50 s, 16000 Hz, 1 channel)"
  assert repr(clip.sound) == 'Sound(0.50 s, 48000 Hz, 1 channel)'
  assert repr(pipe).startswith("SeeTalk('") and repr(pipe).endswith(', 10 networks)')
  assert repr(pipe.speech_to_portrait).startswith("SpeechToPortrait('")
  for each in (pipe, pipe.release, pipe.networks, pipe.speech_to_portrait, clip, clip.speech, clip.sound):
    assert len(repr(each)) < 320 and '\n' not in repr(each)
  assert len(clip) == clip.num_frames == 13
