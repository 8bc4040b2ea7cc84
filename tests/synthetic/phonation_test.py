"""Phonation and effort: pitch, spectrum and noise follow the parameters; phonemes and timing stay."""

import dataclasses

import numpy as np
import pytest

from seetalk_jax.synthetic import loudness_and_pitch, phonation, speakers, voice

pytest.importorskip('espeakng_loader')

TEXT = 'The old bridge is very far away. We remember the yellow bus.'


def spoken(speaker_id=8, **changes):
  return voice.speak(
    TEXT, dataclasses.replace(voice.voice_of(speakers.sample_speaker(speaker_id), 0, 'en-us'), **changes)
  )


def pitch_of(utterance):
  """Median pitch in Hz, and the share of frames that have one."""
  track = loudness_and_pitch.pitch_track(utterance.waveform, np.arange(0, utterance.duration_s, 0.02))
  return (float(np.nanmedian(track)) if np.isfinite(track).any() else 0.0), float(np.isfinite(track).mean())


def brightness(utterance):
  """Level above 1 kHz over that below, in dB."""
  power = np.abs(np.fft.rfft(utterance.waveform)) ** 2
  frequency = np.fft.rfftfreq(len(utterance.waveform), 1 / 16000)
  return 10 * np.log10(power[(frequency > 1000) & (frequency < 5000)].sum() / power[frequency < 1000].sum())


def labels(utterance):
  return [p.label for p in utterance.phonemes]


def test_effort_is_continuous_in_pitch_and_brightness():
  drawn = [spoken(effort=e) for e in (-1.0, -0.5, 0.0, 0.5, 1.0)]
  pitches, tilts = [pitch_of(u)[0] for u in drawn], [brightness(u) for u in drawn]
  assert np.all(np.diff(pitches) > 0) and np.all(np.diff(tilts) > 0.5)
  assert 3 < 12 * np.log2(pitches[-1] / pitches[2]) < 7  # semitones
  assert drawn[-1].duration_s > drawn[2].duration_s


def test_full_effort_raises_the_first_formant():
  quiet, loud = (voice._definition(phonation.adjusted(spoken(effort=e).voice)) for e in (0.0, 1.0))
  first = [int(d.split('formant 1 ')[1].split()[0]) for d in (quiet, loud)]
  assert first[1] - first[0] == pytest.approx(12, abs=1)


def test_whisper_has_no_pitch_and_keeps_vowels_soft():
  modal, whisper = spoken(), spoken(whisper=1.0)
  assert pitch_of(modal)[1] > 0.4 and pitch_of(whisper)[1] < 0.06

  def contrast(utterance):  # vowels over voiceless consonants, dB
    parts = {True: [], False: []}
    for p in utterance.phonemes:
      if p.label != voice.SILENCE:
        piece = utterance.waveform[int(p.start_s * 16000) : int(p.end_s * 16000)]
        parts[phonation.is_voiced(p.label)].append(np.mean(piece**2))
    return 10 * np.log10(np.mean(parts[True]) / np.mean(parts[False]))

  assert contrast(whisper) < contrast(modal) - 5


def test_breathy_is_duller_and_tense_is_brighter():
  modal, breathy, tense = spoken(), spoken(breathy=1.0), spoken(tense=1.0)
  assert brightness(breathy) < brightness(modal) - 1 and brightness(tense) > brightness(modal) + 1


def test_creak_is_low_and_irregular():
  modal, creaky = spoken(), spoken(creaky=1.0)
  assert 12 * np.log2(pitch_of(modal)[0] / pitch_of(creaky)[0]) > 4
  assert pitch_of(creaky)[1] < pitch_of(modal)[1]


@pytest.mark.parametrize('name', ['whisper', 'breathy', 'creaky', 'tense', 'effort'])
def test_phonemes_and_pauses_stay(name):
  modal, changed = spoken(), spoken(**{name: 0.8})
  assert labels(changed) == labels(modal)
  assert changed.phonemes[-1].end_s == changed.duration_s
  pauses = [p for p in changed.phonemes if p.label == voice.SILENCE]
  assert pauses[0].end_s == pytest.approx(modal.phonemes[0].end_s, abs=0.005)
  for p in pauses:  # nothing leaks into them
    middle = changed.waveform[int((p.start_s + 0.03) * 16000) : int((p.end_s - 0.03) * 16000)]
    assert len(middle) == 0 or np.abs(middle).max() < 0.02


def test_closures_of_stops_stay_silent_in_a_whisper():
  utterance = voice.speak(
    'A cup of paper, papa.',
    dataclasses.replace(voice.voice_of(speakers.sample_speaker(3), 0, 'en-us'), whisper=1.0),
  )
  for stop in (p for p in utterance.phonemes if p.label.strip('ˈˌ') == 'p'):
    assert loudness_and_pitch.loudness(utterance.waveform, np.array([stop.start_s + 0.03]))[0] < 0.6


def test_zero_changes_nothing():
  own = voice.voice_of(speakers.sample_speaker(3), 0, 'en-us')
  assert phonation.is_modal(own) and phonation.adjusted(own) is own


def test_population():
  drawn = [phonation.sample(voice.voice_of(speakers.sample_speaker(i), 0), i, 0) for i in range(500)]
  table = np.array([[v.effort, v.whisper, v.breathy, v.creaky, v.tense] for v in drawn])
  assert table[:, 0].min() >= -1 and table[:, 0].max() <= 1 and 0.3 < table[:, 0].std() < 0.5
  assert table[:, 1:].min() >= 0 and table.max() <= 1
  assert 0.02 < np.mean(table[:, 1] > 0) < 0.07
  assert np.all((np.mean(table[:, 2:] > 0, axis=0) > 0.1) & (np.mean(table[:, 2:] > 0, axis=0) < 0.4))
  again = phonation.sample(voice.voice_of(speakers.sample_speaker(7), 0), 7, 0)
  assert again == drawn[7]
