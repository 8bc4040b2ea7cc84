"""Voices: sound that repeats bit for bit, phonemes, pitch and traits of speakers."""

import dataclasses
import hashlib
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

from seetalk_jax import errors
from seetalk_jax.synthetic import espeak, loudness_and_pitch, phonation, speakers, texts, voice

pytest.importorskip('espeakng_loader')


def spoken(speaker_id=3, text='A happy puppy. My mother baked five apples!', language='en-us', seed=0):
  return voice.speak(text, voice.voice_of(speakers.sample_speaker(speaker_id), 0, language), seed)


def person(sex, age=40.0, head_size=0.0, speaker_id=5):
  return speakers.Speaker(speaker_id=speaker_id, sex=sex, age=age, head_size=head_size)


def measured_pitch(utterance):
  times = np.arange(0, utterance.duration_s, 0.02)
  return float(np.nanmedian(loudness_and_pitch.pitch_track(utterance.waveform, times)))


def test_unknown_languages_are_refused():
  with pytest.raises(errors.InputError, match='klingonish'):
    texts.sample_text(0, 'klingonish')
  with pytest.raises(errors.InputError, match='klingonish'):
    voice.speak('Hello.', voice.voice_of(person(0.0), 0, 'klingonish'))


def test_every_accent_has_words_and_a_voice():
  for accent in voice.WORLD_ACCENTS:
    assert texts.language_key(accent)
    assert espeak.language_definition(accent)


def test_missing_extra_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, 'espeakng_loader', None)
  espeak._engine_paths.cache_clear()
  try:
    with pytest.raises(errors.InputError, match=r'pip install "seetalk-jax\[synthetic\]"'):
      espeak._engine_paths()
  finally:
    espeak._engine_paths.cache_clear()


# Voice


def digest(utterance):
  return hashlib.sha256(utterance.waveform.tobytes() + repr(utterance.phonemes).encode()).hexdigest()


def test_speech_repeats_bit_for_bit_in_any_order_and_process():
  first = digest(spoken())
  spoken(speaker_id=8, text='Etwas ganz anderes.', language='de')
  assert digest(spoken()) == first
  code = (
    'import hashlib\n'
    'from seetalk_jax.synthetic import speakers, voice\n'
    "v = voice.voice_of(speakers.sample_speaker(3), 0, 'en-us')\n"
    "u = voice.speak('A happy puppy. My mother baked five apples!', v, 0)\n"
    'print(hashlib.sha256(u.waveform.tobytes() + repr(u.phonemes).encode()).hexdigest())'
  )
  environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
  other = subprocess.run(
    [sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=True
  )
  assert other.stdout.strip() == first


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_a_forked_child_gets_an_engine_of_its_own():
  expected = digest(spoken())
  read, write = os.pipe()
  child = os.fork()
  if child == 0:
    try:
      os.write(write, digest(spoken()).encode())
    finally:
      os._exit(0)
  os.waitpid(child, 0)
  assert os.read(read, 100).decode() == expected
  assert digest(spoken()) == expected


@pytest.mark.parametrize('language', sorted(set(voice.WORLD_ACCENTS)))
def test_phonemes_cover_the_waveform(language):
  utterance = voice.speak(
    texts.sample_text(1, language, 'train', 2), voice.voice_of(speakers.sample_speaker(11), 0, language), 5
  )
  assert utterance.waveform.dtype == np.float32 and np.abs(utterance.waveform).max() <= 0.99
  assert utterance.phonemes[0].start_s == 0 and utterance.phonemes[-1].end_s == utterance.duration_s
  for before, after in itertools.pairwise(utterance.phonemes):
    assert before.end_s == after.start_s and before.end_s > before.start_s
  first, last = utterance.phonemes[0], utterance.phonemes[-1]
  assert first.label == last.label == voice.SILENCE
  assert first.end_s >= 0.1 and last.end_s - last.start_s >= 0.1
  assert np.abs(utterance.waveform[: int(0.09 * 16000)]).max() < 1e-3
  # Silence is quiet and vowels are loud: phoneme times match the sound.
  vowels = [p for p in utterance.phonemes if any(v in p.label for v in 'aeiouɑɛɔæ')]
  level = loudness_and_pitch.loudness(
    utterance.waveform, np.array([(p.start_s + p.end_s) / 2 for p in vowels])
  )
  assert np.median(level) > 0.45


def test_stops_hold_their_closure():
  utterance = spoken(text='A cup of paper, papa.')
  stops = [p for p in utterance.phonemes if p.label.strip('ˈˌ') == 'p']
  assert len(stops) >= 3
  for stop in stops:
    assert stop.end_s - stop.start_s > 0.05
    assert loudness_and_pitch.loudness(utterance.waveform, np.array([stop.start_s + 0.025]))[0] < 0.5


def test_women_speak_higher_than_men():
  text = 'The old bridge is very far away. We remember the yellow bus.'
  female = [measured_pitch(spoken(i, text)) for i in range(40) if speakers.sample_speaker(i).sex < 0.1][:6]
  male = [measured_pitch(spoken(i, text)) for i in range(40) if speakers.sample_speaker(i).sex > 0.9][:6]
  assert min(female) > max(male)
  assert 165 < np.mean(female) < 260 and 85 < np.mean(male) < 150


@pytest.mark.parametrize('pitch_hz', [90.0, 140.0, 220.0])
def test_pitch_is_as_asked(pitch_hz):
  changed = dataclasses.replace(
    voice.voice_of(person(0.5), 0, 'en-us'), pitch_hz=pitch_hz, roughness=0.1, variant=1
  )
  pitch = measured_pitch(voice.speak('The old bridge is very far away. We remember the yellow bus.', changed))
  assert abs(np.log(pitch / pitch_hz)) < 0.15


@pytest.mark.parametrize('make', [voice.voice_of, voice.varied_voice_of])
def test_traits_show_in_the_voice(make):
  people = [speakers.sample_speaker(i) for i in range(400)]
  voices = [phonation.adjusted(make(p, 0)) for p in people]
  cues = np.array(
    [
      [v.rate, v.roughness, v.breath, v.tilt, v.pitch_range, np.log(v.pitch_hz), v.formant_scale, 1]
      for v in voices
    ]
  )
  for name, low, high in (('age', 0.72, 0.93), ('sex', 0.9, 1.0)):
    truth = np.array([getattr(p, name) for p in people])
    prediction = cues @ np.linalg.lstsq(cues, truth, rcond=None)[0]
    assert low < np.corrcoef(prediction, truth)[0, 1] <= high, name
  sizes = np.array([p.head_size for p in people])
  women = np.array([p.sex < 0.1 for p in people])
  assert np.corrcoef(cues[women, 6], sizes[women])[0, 1] < -0.7


def test_varied_voices_keep_what_the_speaker_determines():
  drawn = [
    (voice.voice_of(p, 4), voice.varied_voice_of(p, 4)) for p in map(speakers.sample_speaker, range(300))
  ]
  for plain, varied in drawn:
    for field in ('pitch_hz', 'formant_scale', 'rate', 'tilt', 'variant'):
      assert getattr(plain, field) == getattr(varied, field)
  assert {plain.language for plain, _ in drawn} == set(voice.ACCENTS)
  assert len({varied.language for _, varied in drawn}) > 30
  assert all(phonation.is_modal(plain) for plain, _ in drawn)


def test_nothing_to_say_is_an_error():
  with pytest.raises(errors.InputError, match='nothing to say'):
    voice.speak('  ', voice.voice_of(person(1.0), 0, 'en-us'))
