"""Motion tracks: lips that follow the speech, head motion and blinks."""

import numpy as np
import pytest

from seetalk_jax.synthetic import motion, parameters, visemes, voice

VOICE = voice.VoiceParameters(
  pitch_hz=120,
  pitch_range=1,
  formant_scale=1,
  rate=170,
  roughness=0,
  breath=0,
  tilt=0,
  language='en-us',
  variant=0,
)


def utterance_of(labels, seconds=0.12):
  """An utterance of these phonemes whose sound is a tone, silent in pauses and closures."""
  phonemes, pieces, clock = [], [], 0.0
  for label in labels:
    length = 0.5 if label == '_' else seconds
    n = int(round(length * 16000))
    level = 0.0 if label == '_' else 0.02 if label in 'mbp' else 0.3
    pieces.append(level * np.sin(2 * np.pi * 150 * np.arange(n) / 16000))
    phonemes.append(voice.Phoneme(label, clock, clock + n / 16000))
    clock += n / 16000
  return voice.Utterance(np.concatenate(pieces).astype(np.float32), tuple(phonemes), 'x', VOICE)


PUPPY = utterance_of(['_', 'm', 'ˈɑː', 'p', 'i', 'b', 'uː', 'f', 'ˈa', 'v', 'ɛ', '_', 'θ', 'aʊ', 'm', '_'])


def at(field, seconds):
  return field[np.argmin(np.abs(motion.frame_times(len(field)) - seconds))]


@pytest.mark.parametrize('seconds', [0.06, 0.09, 0.15])
def test_lips_close_and_tuck_whatever_the_neighbours(seconds):
  utterance = utterance_of(['_', 'ɑ', 'm', 'ɑ', 'p', 'ɑ', 'b', 'ɑ', 'f', 'ɑ', 'v', 'ɑ', '_'], seconds)
  track = motion.motion_track(utterance, 0)
  for phoneme in utterance.phonemes:
    middle = (phoneme.start_s + phoneme.end_s) / 2
    if phoneme.label in 'mbp':
      assert at(track.closure, middle) == 1.0
    elif phoneme.label in 'fv':
      assert at(track.tuck, middle) == 1.0
    elif phoneme.label == 'ɑ' and seconds >= 0.15:
      assert at(track.closure, middle) < 0.2


@pytest.mark.parametrize('seed', range(4))
def test_the_mouth_is_closed_in_silence(seed):
  track = motion.motion_track(PUPPY, seed, num_frames=100)
  times = motion.frame_times(100)
  opening = track.jaw * (1 - track.closure)
  for phoneme in PUPPY.phonemes:
    if phoneme.label == '_':
      inside = (times > phoneme.start_s + 0.1) & (times < phoneme.end_s - 0.1)
      assert inside.sum() >= 5 and opening[inside].max() < 0.03
  assert opening[times > PUPPY.duration_s + 0.1].max() < 0.03
  assert opening.max() > 0.5


def test_mouth_opens_before_the_sound():
  utterance = utterance_of(['_', 'ɑ', 'ɑ', 'ɑ', '_'])
  track = motion.motion_track(utterance, 0)
  assert at(track.jaw, 0.5 - 0.02) > 0.02  # the sound starts at 0.5 s
  assert at(track.jaw, 0.5 - 0.14) < 0.02


def test_vowels_have_their_shapes():
  shape = {}
  for label in ('ɑ', 'i', 'u'):
    track = motion.motion_track(utterance_of(['_', 't', label, label, 't', '_']), 0)
    shape[label] = {name: at(getattr(track, name), 0.74) for name in ('jaw', 'spread', 'rounding')}
  assert shape['ɑ']['jaw'] > 0.6 > 0.4 > shape['i']['jaw']
  assert shape['i']['spread'] > 0.3 > shape['u']['spread']
  assert shape['u']['rounding'] > 0.6 > 0.1 > shape['i']['rounding']


def test_louder_is_wider():
  utterance = utterance_of(['_', 'ɑ', 'ɑ', 'ɑ', 'ɑ', '_'])
  faded = utterance.waveform * np.interp(np.arange(len(utterance.waveform)) / 16000, [0.5, 0.98], [1.0, 0.1])
  track = motion.motion_track(voice.Utterance(faded.astype(np.float32), utterance.phonemes, 'x', VOICE), 0)
  assert at(track.jaw, 0.62) > 1.3 * at(track.jaw, 0.88)


def test_track_has_length_ranges_and_repeats():
  track = motion.motion_track(PUPPY, 7)
  assert all(f.shape == (-(-len(PUPPY.waveform) // 640),) and f.dtype == np.float32 for f in track)
  array = parameters.motion_to_array(motion.motion_track(PUPPY, 7, num_frames=200))
  assert array.shape == (200, len(parameters.Motion._fields)) and np.isfinite(array).all()
  again = parameters.motion_to_array(motion.motion_track(PUPPY, 7, num_frames=200))
  np.testing.assert_array_equal(array, again)
  assert (
    np.abs(array - parameters.motion_to_array(motion.motion_track(PUPPY, 8, num_frames=200))).max() > 0.05
  )
  long = motion.motion_track(PUPPY, 1, num_frames=500)
  for name in (
    'jaw',
    'rounding',
    'closure',
    'upper_lip',
    'tuck',
    'tongue',
    'blink_left',
    'blink_right',
    'squint',
  ):
    assert getattr(long, name).min() >= 0 and getattr(long, name).max() <= 1, name
  assert np.abs(long.yaw).max() <= 0.45 and np.abs(np.diff(long.yaw)).max() < 0.05


def test_heads_move_and_eyes_blink_as_people_do():
  tracks = [motion.motion_track(PUPPY, seed, num_frames=250) for seed in range(40)]
  spread = {
    name: np.concatenate([getattr(t, name) for t in tracks]).std() for name in ('yaw', 'pitch', 'roll')
  }
  assert 0.07 < spread['yaw'] < 0.13 and 0.04 < spread['pitch'] < 0.09 and 0.03 < spread['roll'] < 0.07
  shut = [t.blink_left > 0.5 for t in tracks]
  blinks = sum(np.sum(s[1:] & ~s[:-1]) for s in shut) / (40 * 10)
  assert 0.15 < blinks < 0.5
  both = np.concatenate([np.abs(t.blink_left - t.blink_right) for t in tracks])
  assert both.max() < 0.6 and both.mean() < 0.01
  assert np.mean(np.concatenate([np.abs(t.gaze_yaw) for t in tracks]) < 0.06) > 0.6


def test_random_and_neutral_frames():
  array = np.stack([parameters.motion_to_array(motion.random_motion(i)) for i in range(600)])
  column = {name: array[:, i] for i, name in enumerate(parameters.Motion._fields)}
  for name, limit in (('yaw', 0.45), ('pitch', 0.3), ('roll', 0.25)):
    assert 0.9 * limit < np.abs(column[name]).max() <= limit
  assert 0.18 < np.mean(column['blink_left'] > 0) < 0.32
  assert 0.4 < np.mean(np.abs(column['yaw']) < 0.12) < 0.8  # half of the heads nearly still
  opening = column['jaw'] * (1 - column['closure'])
  assert np.mean(opening > 0.7) > 0.08 and np.mean(opening < 0.05) > 0.08
  calm = np.stack([parameters.motion_to_array(motion.neutral_motion(i)) for i in range(50)])
  assert np.abs(calm).max() <= 0.02 and calm.std() > 0
  assert np.all(
    calm[:, [parameters.Motion._fields.index(n) for n in ('jaw', 'blink_left', 'blink_right')]] == 0
  )


def test_opening_follows_the_loudness_of_real_synthesis():
  pytest.importorskip('espeakng_loader')
  from seetalk_jax.synthetic import speakers, texts

  found = []
  for i in range(6):
    sound = voice.voice_of(speakers.sample_speaker(i), 0, ('en-us', 'de', 'fr-fr')[i % 3])
    utterance = voice.speak(texts.sample_text(i, sound.language, 'test', 2), sound, i)
    track = motion.motion_track(utterance, i)
    n = len(track.jaw)
    power = np.pad(utterance.waveform, (0, 640 * n - len(utterance.waveform))).reshape(n, 640) ** 2
    found.append(np.corrcoef(track.jaw * (1 - track.closure), np.log(power.mean(1) + 1e-7))[0, 1])
    known = [s for p in utterance.phonemes for s, _ in visemes.label_visemes(p.label)]
    assert np.mean([s is not visemes._UNKNOWN for s in known]) > 0.97
  assert 0.45 < np.median(found) < 0.85


def test_pitch_track_hears_a_tone():
  time = np.arange(16000) / 16000
  for hz in (85, 120, 210, 300):
    tone = sum(np.sin(2 * np.pi * k * hz * time) / k for k in range(1, 8)).astype(np.float32) * 0.2
    pitch = motion.pitch_track(tone, np.arange(0.1, 0.9, 0.05))
    assert np.abs(pitch / hz - 1).max() < 0.03
  assert np.isnan(motion.pitch_track(np.zeros(16000, np.float32), np.array([0.5]))).all()
