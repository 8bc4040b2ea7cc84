"""Articulation: contact, coarticulation, loudness, rate and style."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from utterances import sentence, utterance

from seetalk_jax import blendshapes
from seetalk_jax.media import landmark_indices
from seetalk_jax.synthetic.acting import curves, geometry, lips, speech, style
from seetalk_jax.synthetic.human import mesh, rest, rig

PLAIN = style.Style(open_pauses=0.0, breath=0.0)


def track(spoken, manner=PLAIN, seed=0):
  times = curves.frame_times(int(np.ceil(spoken.duration_s * 25)))
  mouth = speech.articulate(spoken, times, manner, np.random.default_rng(seed))
  return times, mouth, lips.constrained(mouth.coefficients, mouth.closure, mouth.tuck)


def column(coefficients, name):
  return coefficients[:, blendshapes.INDEX[name]]


def test_every_closure_and_tuck_reaches_contact_in_a_frame():
  spoken = sentence()
  times, _, coefficients = track(spoken)
  for phoneme in spoken.phonemes:
    near = (times > phoneme.start_s - 0.03) & (times < phoneme.end_s + 0.03)
    if phoneme.label in 'mbp':
      assert lips.opening(coefficients[near]).min() <= 0
    if phoneme.label in 'fv':
      assert lips.lip_above_teeth(coefficients[near]).max() >= -1e-6


def test_lips_leave_a_contact_at_speed():
  spoken = utterance(('a', 0.3), ('p', 0.1), ('a', 0.3))
  times = np.arange(0.0, 0.7, 0.005)
  closure = speech.articulate(spoken, times, PLAIN, np.random.default_rng(0)).closure
  assert np.mean(closure == 1) * 0.7 == pytest.approx(0.06, abs=0.011)
  after = closure[(times > 0.375) & (times < 0.45)]
  steps = -np.diff(after)
  assert steps[1] > 1.2 * steps[5] > 0  # fastest next to the contact


def test_rounded_and_spread_vowels_change_the_width_of_the_mouth_as_those_of_people():
  corners, shared = rest._weights(landmark_indices.MOUTH_CORNERS), rig.topology()

  def width(row):
    right, left = corners @ np.asarray(rig.expressed_coarse(mesh.load().vertices, jnp.float32(row), shared))
    return np.linalg.norm(right - left)

  widths = {}
  for vowel in 'ui':
    coefficients = track(utterance(('a', 0.2), (vowel, 0.4), ('_', 0.1)))[2]
    widths[vowel] = np.mean([width(row) for row in coefficients[8:12]]) / width(np.zeros(52))
  assert 0.77 < widths['u'] < 0.85 and 1.1 < widths['i'] < 1.2


def test_parted_lips_wander_in_a_long_pause():
  spoken = utterance(('a', 0.3), ('_', 12.0))
  manner = style.Style(open_pauses=1.0, breath=0.0)
  jaw = np.array(
    [column(track(spoken, manner, seed)[1].coefficients, 'jawOpen')[40:280] for seed in range(6)]
  )
  assert np.mean(jaw.std(axis=1) / jaw.mean(axis=1)) > 0.2
  assert np.abs(np.diff(jaw, axis=1)).max() < 0.02


@pytest.mark.parametrize('start', np.linspace(0.2, 0.24, 7))
def test_short_closures_contain_a_frame_at_any_time(start):
  spoken = utterance(('a', start), ('b', 0.03), ('a', 0.3))
  assert lips.opening(track(spoken)[2][2:9]).min() <= 0


def test_lips_round_before_a_rounded_vowel_and_spread_for_a_spread_one():
  spoken = utterance(('_', 0.4), ('s', 0.1), ('t', 0.1), ('ˈuː', 0.2), ('_', 0.4))
  other = utterance(('_', 0.4), ('s', 0.1), ('t', 0.1), ('ˈiː', 0.2), ('_', 0.4))
  (times, _, rounded), (_, _, spread) = track(spoken), track(other)
  during_t = (times > 0.5) & (times < 0.6)
  assert column(rounded, 'mouthPucker')[during_t].mean() > 0.2
  assert column(spread, 'mouthPucker')[during_t].mean() < 0.05
  vowel = (times > 0.63) & (times < 0.78)
  assert column(spread, 'mouthStretchLeft')[vowel].mean() > 0.15


def test_louder_speech_opens_more_and_faster_speech_less():
  spoken = sentence()
  soft, strong = (
    dataclasses.replace(spoken, voice=dataclasses.replace(spoken.voice, effort=effort)) for effort in (-1, 1)
  )
  quiet, loud = (column(track(one)[2], 'jawOpen').mean() for one in (soft, strong))
  assert loud > 1.2 * quiet
  vowels = [('d', 'ˈa')[i % 2] for i in range(40)]
  slow, fast = (utterance(*((label, length) for label in vowels)) for length in (0.12, 0.05))
  ranges = [np.ptp(column(track(spoken)[2], 'jawOpen')[3:-3]) for spoken in (slow, fast)]
  assert ranges[1] < 0.8 * ranges[0]


def test_style_scales_and_skews_the_mouth():
  spoken = sentence()
  wide = dataclasses.replace(PLAIN, articulation=1.4, asymmetry=(0.0, 0.0, 0.0, 0.2), lean=1.0)
  plain, big = track(spoken)[2], track(spoken, wide)[2]
  assert column(big, 'jawOpen').mean() > 1.2 * column(plain, 'jawOpen').mean()
  assert column(big, 'mouthUpperUpLeft').mean() > 1.3 * column(big, 'mouthUpperUpRight').mean()
  assert column(big, 'mouthLeft').max() > 0.05 > column(big, 'mouthRight').max()


def test_a_wide_and_loud_speaker_does_not_open_the_mouth_further_than_people_do():
  spoken = sentence()
  loud = dataclasses.replace(spoken, voice=dataclasses.replace(spoken.voice, effort=1.0))
  opening = lips.opening(track(loud, dataclasses.replace(PLAIN, articulation=1.5))[2])
  widest = np.percentile(opening / geometry.lips().face_height, 95)
  assert 0.09 < widest < 0.125


def test_mouth_rests_in_silence():
  times, _, coefficients = track(utterance(('_', 1.0), ('ˈa', 0.3), ('_', 1.2)))
  resting = (times < 0.8) | (times > 1.6)
  assert np.abs(lips.opening(coefficients[resting])).max() < 0.015
  open_ = dataclasses.replace(PLAIN, open_pauses=1.0)
  parted = np.stack(
    [track(utterance(('_', 0.35), ('ˈa', 0.3), ('_', 0.38)), open_, seed)[2] for seed in range(6)]
  )
  assert lips.opening(parted[:, -6:]).mean() > 0.012


def test_parted_lips_close_in_a_long_pause():
  manner = dataclasses.replace(PLAIN, open_pauses=1.0)
  spoken = utterance(('ˈa', 0.3), ('_', 2.0), ('ˈa', 0.3))
  opening = np.mean([lips.opening(track(spoken, manner, seed)[2]) for seed in range(8)], axis=0)
  early, late = opening[10:14].mean(), opening[28:44].mean()
  assert early > 0.015 and late < 0.6 * early


def test_blocks_do_not_show():
  marks = [(label, 0.1) for label in ('d', 'ˈa', 'k', 'ɪ')] * 20
  whole = track(utterance(*marks), seed=3)[1].coefficients
  jaw = column(whole, 'jawOpen')
  steps = np.abs(np.diff(jaw, 2))
  assert steps.max() < 2.5 * np.percentile(steps, 95)


def test_empty_and_silent_speech():
  assert speech.articulate(utterance(('_', 0.1)), np.zeros(0), PLAIN, np.random.default_rng(0))[0].shape == (
    0,
    52,
  )
  _, mouth, coefficients = track(utterance(('_', 1.0)))
  assert mouth.closure.max() == 0 and np.isfinite(coefficients).all()
  beyond = speech.articulate(sentence(), curves.frame_times(400), PLAIN, np.random.default_rng(0))
  assert lips.opening(beyond.coefficients[-100:]).max() < 0.01
