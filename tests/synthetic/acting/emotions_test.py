"""Emotions: sets, course in time, labels, and refusals."""

import numpy as np
import pytest
from utterances import sentence

from seetalk_jax import blendshapes, errors
from seetalk_jax.constants import EMOTIONS
from seetalk_jax.synthetic.acting import columns, curves, emotions, prosody

TIMES = curves.frame_times(110)
RHYTHM = prosody.analyze(sentence(), TIMES, np.random.default_rng(0))
# Coefficients that show an emotion by its action units; any side counts.
SIGNS = {
  'happy': ('mouthSmile', 'cheekSquint'),
  'sad': ('browInnerUp', 'mouthFrown'),
  'angry': ('browDown', 'eyeSquint'),
  'surprised': ('browInnerUp', 'browOuterUp', 'eyeWide', 'jawOpen'),
  'afraid': ('browInnerUp', 'eyeWide', 'mouthStretch'),
  'disgusted': ('noseSneer',),
  'contemptuous': ('mouthDimple',),
}


@pytest.mark.parametrize('emotion', EMOTIONS[1:])
def test_sets_show_their_action_units(emotion):
  assert len(emotions.SETS[emotion]) >= 3
  for seed in range(20):
    face = emotions.sample_set(emotion, np.random.default_rng(seed))
    assert face.min() >= 0 and face.max() <= 1
    for name in SIGNS[emotion]:
      assert face[list(columns.columns_of(name))].max() > 0.04, name


def test_contempt_is_one_sided_on_either_side():
  faces = np.array([emotions.sample_set('contemptuous', np.random.default_rng(seed)) for seed in range(40)])
  dimples = faces[:, list(columns.columns_of('mouthDimple'))]
  assert np.all(dimples.min(axis=1) == 0)
  assert 8 < np.sum(dimples[:, 0] > 0) < 32


@pytest.mark.parametrize('emotion', EMOTIONS)
def test_labels_follow_the_intensity(emotion):
  for seed in range(6):
    acted = emotions.act(TIMES, RHYTHM, emotion, 0.8, 1.0, np.random.default_rng(seed))
    np.testing.assert_allclose(acted.weights.sum(axis=1), 1.0)
    shown = acted.weights[:, EMOTIONS.index(emotion)]
    if emotion == 'neutral':
      assert shown.min() == 1 and acted.coefficients.max() == 0
    else:
      assert 0.3 < shown.max() <= 0.8
      assert np.abs(np.diff(shown)).max() < 0.25  # no jumps


def test_speech_keeps_most_of_the_mouth():
  acted = emotions.act(TIMES, RHYTHM, 'surprised', 1.0, 1.0, np.random.default_rng(1))
  jaw = acted.coefficients[:, blendshapes.INDEX['jawOpen']]
  weight = acted.weights[:, EMOTIONS.index('surprised')]
  speaking = RHYTHM.activity > 0.99
  silent = (RHYTHM.activity < 0.01) & (weight > 0.3)
  assert np.mean(jaw[speaking] / np.maximum(weight[speaking], 0.1)) < 0.5 * np.mean(
    jaw[silent] / weight[silent]
  )


def test_no_intensity_is_neutral():
  acted = emotions.act(TIMES, RHYTHM, 'angry', 0.0, 1.0, np.random.default_rng(0))
  assert acted.coefficients.max() == 0 and acted.manner == emotions.Manner()


def test_unknown_emotions_and_intensities_are_refused():
  with pytest.raises(errors.InputError, match='bored'):
    emotions.check('bored', 0.5)
  for intensity in (-0.1, 1.5, float('nan')):
    with pytest.raises(errors.InputError, match='intensity'):
      emotions.check('happy', intensity)
