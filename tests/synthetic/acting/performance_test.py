"""Performances: tracks of whole utterances, their labels, and how far mouths open."""

import dataclasses

import numpy as np
import pytest
from utterances import sentence, utterance

from seetalk_jax import blendshapes, errors
from seetalk_jax.constants import EMOTIONS, EVENTS
from seetalk_jax.synthetic import speakers, texts, voice
from seetalk_jax.synthetic.acting import columns, curves, geometry, lips, performance, style, visemes
from seetalk_jax.synthetic.acting.events import Event, EventKind


def test_tracks_have_their_shape_and_range():
  spoken = sentence()
  acted = performance.perform(spoken, style.sample_style(1), seed=1)
  count = int(np.ceil(spoken.duration_s * 25))
  assert acted.track.shape == (count, 58) and acted.track.dtype == np.float32
  assert acted.emotions.shape == (count, 8) and acted.emotions.dtype == np.float32
  assert np.isfinite(acted.track).all()
  assert acted.track[:, :52].min() >= 0 and acted.track[:, :52].max() <= 1
  np.testing.assert_array_equal(acted.emotions[:, 0], 1)


def test_the_same_arguments_give_the_same_track():
  spoken, manner = sentence(), style.sample_style(2)
  arguments = dict(emotion='happy', intensity=0.7, events=(Event('laugh', 2.2, 2.6),))
  first, second = (performance.perform(spoken, manner, 5, **arguments) for _ in range(2))
  np.testing.assert_array_equal(first.track, second.track)
  other = performance.perform(spoken, manner, 6, **arguments)
  assert np.abs(first.track - other.track).max() > 0.1


@pytest.mark.parametrize('emotion', EMOTIONS)
def test_lips_close_in_every_emotion(emotion):
  spoken = sentence()
  for seed in range(3):
    manner = dataclasses.replace(style.sample_style(seed), articulation=1.5)
    track = performance.perform(spoken, manner, seed, emotion=emotion, intensity=1.0).track
    times = curves.frame_times(len(track))
    for phoneme in spoken.phonemes:
      if phoneme.label in ('m', 'b', 'p'):
        near = (times > phoneme.start_s - 0.03) & (times < phoneme.end_s + 0.03)
        assert lips.opening(track[near, :52]).min() <= 0


def test_emotions_show_and_are_labelled():
  spoken = sentence()
  acted = performance.perform(spoken, style.Style(smile=0.0), 0, emotion='happy', intensity=1.0)
  plain = performance.perform(spoken, style.Style(smile=0.0), 0)
  smile = blendshapes.INDEX['mouthSmileLeft']
  assert acted.track[:, smile].mean() > plain.track[:, smile].mean() + 0.2
  assert acted.emotions[:, EMOTIONS.index('happy')].max() > 0.6


def test_length_may_be_set():
  spoken = sentence()
  long, none = (performance.perform(spoken, style.Style(), 0, num_frames=count) for count in (300, 0))
  assert long.track.shape == (300, 58) and none.track.shape == (0, 58)
  tail = long.track[200:, :52]
  assert np.percentile(lips.opening(tail), 90) < 0.06


def test_events_move_the_face_and_come_back_in_order():
  spoken = utterance(('_', 6.0))
  events = (Event('cough', 4.0, 4.5), Event('laugh', 1.0, 2.0))
  acted = performance.perform(spoken, style.Style(), 0, events=events)
  plain = performance.perform(spoken, style.Style(), 0)
  assert [event.kind for event in acted.events] == ['laugh', 'cough']
  smile = blendshapes.INDEX['mouthSmileLeft']
  assert acted.track[30:50, smile].mean() > plain.track[30:50, smile].mean() + 0.3
  assert acted.track[100:115, columns.PITCH].min() < plain.track[100:115, columns.PITCH].min() - 0.05


def test_labels_of_events_cover_their_sounds():
  labels = performance.event_labels((Event('cough', 1.0, 1.4), Event('laugh', 0.0, 0.2)), 50)
  assert labels.shape == (50, 5) and labels.dtype == np.uint8
  np.testing.assert_array_equal(np.flatnonzero(labels[:, EVENTS.index('cough')]), np.arange(25, 35))
  np.testing.assert_array_equal(np.flatnonzero(labels[:, EVENTS.index('laugh')]), np.arange(5))
  assert labels.sum() == 15
  assert set(EVENTS) == {kind.value for kind in EventKind}


def test_unknown_emotions_are_refused():
  with pytest.raises(errors.InputError, match='bored'):
    performance.perform(sentence(), style.Style(), 0, emotion='bored')


def test_mouths_open_as_those_of_people():
  """Real mouths open to 0.045 of the height of the face on average, and to 0.09 in the 95th percentile."""
  pytest.importorskip('espeakng_loader')
  openings, silences = [], []
  for speaker_id in range(200, 208):
    speaker = speakers.sample_speaker(speaker_id)
    its_voice = voice.voice_of(speaker)
    spoken = voice.speak(texts.sample_text(speaker_id, its_voice.language, num_sentences=1), its_voice)
    track = performance.perform(spoken, style.sample_style(speaker_id), speaker_id).track
    times = curves.frame_times(len(track))
    speaking = np.zeros(len(times), bool)
    for phoneme in spoken.phonemes:
      if not visemes.is_silence(phoneme.label):
        speaking |= (times >= phoneme.start_s) & (times < phoneme.end_s)
    opening = lips.opening(track[:, :52]) / geometry.lips().face_height
    openings.append(opening[speaking])
    silences.append(opening[~speaking])
  opening = np.concatenate(openings)
  assert 0.033 < opening.mean() < 0.055
  assert 0.07 < np.percentile(opening, 95) < 0.11
  assert np.percentile(opening, 5) <= 0.01
  assert np.concatenate(silences).mean() < 0.75 * opening.mean()
