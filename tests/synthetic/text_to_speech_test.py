"""Text to speech: length and level, determinism, variants with another voice, and one-line errors."""

import numpy as np
import pytest

from seetalk_jax.constants import SAMPLE_RATE_HZ
from seetalk_jax.errors import InputError
from seetalk_jax.synthetic import loudness_and_pitch, text_to_speech

TEXT = 'Hello. This is a short text, and it has two sentences.'


@pytest.fixture(scope='module')
def speech():
  return text_to_speech.say(TEXT, 'en-us')


def _median_pitch(speech):
  times = np.arange(0, len(speech) / SAMPLE_RATE_HZ, 0.02)
  pitch = loudness_and_pitch.pitch_track(speech, times)
  return np.median(pitch[np.isfinite(pitch) & (pitch > 0)])


def test_speech_has_the_length_and_level_of_speech(speech):
  assert speech.dtype == np.float32 and speech.ndim == 1
  assert 2.5 < len(speech) / SAMPLE_RATE_HZ < 8
  assert np.abs(speech).max() == pytest.approx(0.7)
  assert np.abs(speech[:3000]).max() < 0.01 and np.abs(speech[-3000:]).max() < 0.01  # silence at both ends


def test_the_same_text_and_voice_give_the_same_samples(speech):
  np.testing.assert_array_equal(text_to_speech.say(TEXT, 'en-us'), speech)


def test_variants_have_voices_of_their_own():
  assert {'f1', 'f5', 'm1', 'm8', 'whisper'} <= set(text_to_speech.variants())
  woman, man = (_median_pitch(text_to_speech.say(TEXT, f'en-us+{name}')) for name in ('f2', 'm3'))
  assert woman > 1.3 * man


def test_a_higher_rate_is_shorter(speech):
  assert len(text_to_speech.say(TEXT, 'en-us', rate=300)) < 0.75 * len(speech)


@pytest.mark.parametrize(
  ('text', 'voice', 'rate', 'message'),
  [
    ('', 'en-us', 160, 'nothing to say'),
    (' ... ', 'en-us', 160, 'nothing can be pronounced'),
    ('Hello', 'klingon-x', 160, "unknown language 'klingon-x'"),
    ('Hello', 'en-us+f99', 160, "unknown variant 'f99'"),
    ('Hello', 'en-us+../f1', 160, 'unknown variant'),
    ('Hello', 'en-us+', 160, "unknown variant ''"),
    ('Hello', 'en-us', 20, '20 words per minute'),
  ],
)
def test_mistakes_are_one_line(text, voice, rate, message):
  with pytest.raises(InputError, match=message) as raised:
    text_to_speech.say(text, voice, rate)
  assert '\n' not in str(raised.value)
