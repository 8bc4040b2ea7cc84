"""Sounds between sentences: events match the sound, phonemes are silent in them, speech is as without them."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import signal

from seetalk_jax.synthetic import nonverbal, phonation, speakers, voice
from seetalk_jax.synthetic.acting.events import EventKind

pytest.importorskip('espeakng_loader')

TEXT = 'My brother knows. The river is wide. We saw the moon. Nobody came. It was late.'


def own(speaker_id=8, language='en-us', **changes):
  return dataclasses.replace(voice.voice_of(speakers.sample_speaker(speaker_id), 0, language), **changes)


def part(utterance, start_s, end_s):
  return utterance.waveform[int(start_s * 16000) : int(end_s * 16000)]


def rms(sound):
  return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0


@pytest.mark.parametrize('seed', range(3))
def test_every_kind_sounds_where_its_event_lies(seed):
  kinds = ['breath', 'laugh', 'sigh', 'cough', 'hesitation', None]
  utterance, events = nonverbal.speak_with_events(TEXT, own(), seed, kinds=kinds)
  assert [e.kind for e in events] == kinds[:5]
  assert utterance.phonemes[0].start_s == 0 and utterance.phonemes[-1].end_s == utterance.duration_s
  for before, after in itertools.pairwise(utterance.phonemes):
    assert before.end_s == after.start_s < after.end_s
  speech = rms(
    np.concatenate([part(utterance, p.start_s, p.end_s) for p in utterance.phonemes if p.label != '_'])
  )
  for event in events:
    inside = rms(part(utterance, event.start_s, event.end_s))
    assert 0.01 * speech < inside < 2.0 * speech, event
    around = rms(part(utterance, event.start_s - 0.06, event.start_s - 0.02))
    assert around < 0.2 * inside, event
    labels = {
      p.label for p in utterance.phonemes if p.start_s < event.end_s - 1e-3 and p.end_s > event.start_s + 1e-3
    }
    if event.kind == 'hesitation':
      assert voice.SILENCE not in labels
    else:
      assert labels == {voice.SILENCE}
  assert 0.2 < events[0].end_s - events[0].start_s < 0.8


def test_a_laugh_has_bursts():
  utterance, (event,) = nonverbal.speak_with_events(TEXT, own(), 5, kinds=['laugh'])
  sound = np.abs(part(utterance, event.start_s, event.end_s))
  level = voice.smooth(sound, 800)
  peaks, _ = signal.find_peaks(level, height=0.15 * level.max(), distance=1600)
  rhythm = (len(peaks) - 1) * 16000 / (peaks[-1] - peaks[0])
  assert len(peaks) >= 3 and 3.0 < rhythm < 6.5


def test_hesitations_are_spoken_in_the_language_of_the_voice():
  for language in ('en-us', 'de', 'fr-fr', 'ru', 'fi', 'sw'):
    labels = set()
    for seed in range(6):
      utterance, (event,) = nonverbal.speak_with_events(
        'Bus.', own(language=language), seed, kinds=['hesitation']
      )
      inside = [p for p in utterance.phonemes if event.start_s <= p.start_s < event.end_s]
      assert 0.1 < event.end_s - event.start_s < 1.2
      assert any(phonation.is_voiced(p.label) for p in inside)
      labels |= {p.label.strip('ˈˌ') for p in inside}
    assert any('m' in label for label in labels), language


def test_sampled_events_repeat_and_follow_the_rate():
  first = nonverbal.speak_with_events(TEXT, own(), 3)
  again = nonverbal.speak_with_events(TEXT, own(), 3)
  np.testing.assert_array_equal(first[0].waveform, again[0].waveform)
  assert first[1] == again[1]
  assert nonverbal.speak_with_events(TEXT, own(), 3, rate=0.0)[1] == ()
  kinds = [e.kind for seed in range(12) for e in nonverbal.speak_with_events(TEXT, own(), seed)[1]]
  assert len(set(kinds)) >= 3 and 0.25 < len(kinds) / (12 * 6) < 0.8


def test_sentences_are_those_without_events():
  with_events, _ = nonverbal.speak_with_events(TEXT, own(), 1, kinds=['laugh', None, 'cough'])
  without = voice.speak(TEXT, own(), 1)
  spoken = [[p for p in u.phonemes if p.label != voice.SILENCE] for u in (with_events, without)]
  assert [p.label for p in spoken[0]] == [p.label for p in spoken[1]]
  lengths = [[p.end_s - p.start_s for p in side] for side in spoken]
  np.testing.assert_allclose(lengths[0], lengths[1], atol=1e-6)


def test_a_whispering_speaker_laughs_without_voice():
  utterance, (event,) = nonverbal.speak_with_events(TEXT, own(whisper=1.0), 5, kinds=['laugh'])
  sound = part(utterance, event.start_s, event.end_s)
  assert phonation._periodicity(sound).mean() < 0.1


def test_unknown_kinds_are_refused():
  with pytest.raises(ValueError, match='hiccup'):
    nonverbal.speak_with_events(TEXT, own(), kinds=['hiccup'])


def test_kinds_have_chances_and_sounds():
  assert set(nonverbal.CHANCES) == set(nonverbal._SOUNDS) == set(EventKind)
