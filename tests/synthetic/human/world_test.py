"""Records of the human world."""

import jax
import numpy as np
import pytest

from seetalk_jax import constants
from seetalk_jax.constants import MotionStatus, Part
from seetalk_jax.data import schema
from seetalk_jax.synthetic import noises, recording, source
from seetalk_jax.synthetic.human import world


def test_speech_and_motion_follow_from_the_seed_and_have_the_wanted_length():
  one, same, other = (world.HumanWorld().talk(4, seed, 'train', 50) for seed in (1, 1, 2))
  jax.tree.map(np.testing.assert_array_equal, one, same)
  speech, track = one.speech, one.motion
  assert speech.shape == (50 * constants.SAMPLES_PER_FRAME,) and speech.dtype == np.float32
  assert track.shape == (50, constants.MOTION_DIM) and track.dtype == np.float32
  assert not np.array_equal(speech, other[0])
  assert track[:, constants.COEFFICIENTS].min() >= 0 and track[:, constants.COEFFICIENTS].max() <= 1


def test_talks_of_records_are_labelled_with_emotions_events_and_style():
  human = world.HumanWorld()
  labels = [human.talk(speaker, speaker, 'train', 50).labels for speaker in range(6)]
  events = labels[0]['events']
  assert events.shape == (50, len(constants.EVENTS)) and set(np.unique(events)) <= {0, 1}
  np.testing.assert_allclose([own['emotions'].sum(1) for own in labels], 1, atol=1e-5)
  strengths = [1 - own['emotions'][:, 0].min() for own in labels]
  assert min(strengths) == 0 and max(strengths) > 0.2  # some are neutral, some are not
  assert not np.array_equal(labels[0]['style'], labels[1]['style'])
  records = source.WorldSource('talks', 'train', 2, world=world.HumanWorld)
  truth = schema.decode(schema.encode(records[0])).truth
  assert truth.emotions.shape == (len(records[0].speech_motion), len(constants.EMOTIONS))
  assert truth.events.dtype == np.uint8 and truth.style.shape == labels[0]['style'].shape


def test_weight_belongs_to_the_speaker():
  human = world.HumanWorld()
  weights = np.array([human.weight(speaker) for speaker in range(200)])
  sizes = [human.attributes(speaker)[2] for speaker in range(200)]
  assert human.weight(7) == weights[7]
  assert 0.3 < np.corrcoef(weights, sizes)[0, 1] < 0.7
  record = source.WorldSource('talks', 'train', 2, world=world.HumanWorld)[1]
  assert record.truth.weight == pytest.approx(human.weight(record.speaker))


def test_other_voices_are_spoken_for_babble_only(monkeypatch):
  spoken = []
  monkeypatch.setattr(noises, 'talkers', lambda split, seed: spoken.append(seed) or ())
  for noise, count in (('hum', 0), (None, 0), ('babble', 1)):
    monkeypatch.setattr(recording, 'sample_conditions', lambda *_, n=noise: recording.Conditions(noise=n))
    world.HumanWorld().talk(4, 1, 'train', 50)
    assert len(spoken) == count


def test_neutral_motion_is_frontal_and_random_motion_turns():
  human = world.HumanWorld()
  assert np.abs(human.neutral(0)[constants.POSE]).max() < 0.03
  assert max(np.abs(human.random(seed)[constants.POSE]).max() for seed in range(5)) > 0.1


@pytest.mark.slow  # compiles the renderer
def test_a_record_of_faces_has_exact_labels():
  records = source.WorldSource('faces', 'train', 2, size=64, world=world.HumanWorld)
  record = records[0]
  assert schema.decode(schema.encode(record)).size == 64
  assert schema.encode(record) == schema.encode(records[0])
  # A record follows from its seed and index alone, whatever was rendered before, so shards may come in any order.
  later = source.WorldSource('faces', 'train', 100, size=64, world=world.HumanWorld)
  assert schema.encode(later[1]) == schema.encode(records[1])
  assert (record.motion_status == MotionStatus.EXACT).all()
  assert record.landmarks.shape == (3, 478, 2)
  np.testing.assert_array_equal(record.motion[1], records[1].motion[1])
  assert np.abs(record.landmarks[0].mean(0) - 0.5).max() < 0.15
  parts, canonical = record.truth.parts, record.truth.canonical.astype(np.float32)
  assert {Part.BACKGROUND, Part.SKIN} <= set(np.unique(parts))
  head = np.linalg.norm(canonical[parts == Part.SKIN], axis=-1)
  assert head.max() < 1.8
  # Portraits are frontal: the eyes lie where the portrait crop wants them.
  eyes = record.landmarks[0, [33, 133, 362, 263]].mean(0)
  np.testing.assert_allclose(eyes, [0.5, 0.43], atol=0.03)
