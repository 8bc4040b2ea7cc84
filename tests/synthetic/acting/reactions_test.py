"""Reactions: the motion of laughs, sighs, coughs, hesitations and breaths."""

import numpy as np
import pytest
from utterances import utterance

from seetalk_jax import blendshapes
from seetalk_jax.synthetic import voice
from seetalk_jax.synthetic.acting import curves, reactions, style
from seetalk_jax.synthetic.acting.events import Event, EventKind

TIMES = curves.frame_times(125)
SILENT = utterance(('_', 5.0))
INSIDE = (TIMES > 2.0) & (TIMES < 3.2)


def react(kind, spoken=SILENT, seed=0):
  return reactions.react(TIMES, spoken, [Event(kind, 2.0, 3.2)], style.Style(), np.random.default_rng(seed))


def column(reaction, name):
  return reaction.coefficients[:, blendshapes.INDEX[name]]


@pytest.mark.parametrize('kind', list(EventKind))
def test_motion_stays_near_its_event(kind):
  for seed in range(5):
    reaction = react(kind, seed=seed)
    assert reaction.coefficients.min() >= 0 and reaction.coefficients[INSIDE].max() > 0.03
    far = (TIMES < 1.0) | (TIMES > 4.6)
    assert reaction.coefficients[far].max() == 0 and np.abs(reaction.pose[far]).max() < 1e-12


def test_laughs_smile_and_bounce():
  laugh = react('laugh')
  assert column(laugh, 'mouthSmileLeft')[INSIDE].mean() > 0.3
  jaw = column(laugh, 'jawOpen')[INSIDE]
  assert 4 <= np.sum((jaw[1:-1] > jaw[:-2]) & (jaw[1:-1] >= jaw[2:])) <= 8


def test_laughs_and_coughs_follow_their_sound():
  sound = np.zeros(80_000, np.float32)
  rng = np.random.default_rng(0)
  for at in (2.1, 2.75):
    start = int(at * 16_000)
    sound[start : start + 1600] = 0.2 * rng.standard_normal(1600)
  spoken = voice.Utterance(sound, SILENT.phonemes, '', None)
  jaw = column(react('laugh', spoken), 'jawOpen')
  assert min(jaw[53:55].max(), jaw[69:71].max()) > jaw[60:66].max() + 0.08
  jaw = column(react('cough', spoken), 'jawOpen')
  assert min(jaw[53:56].max(), jaw[69:72].max()) > 0.15 > jaw[62:65].max()


def test_coughs_close_the_eyes_and_dip_the_head():
  cough = react('cough')
  assert cough.lids[INSIDE].max() > 0.8
  assert cough.pose[INSIDE, 1].min() < -0.08


def test_sighs_raise_and_lower_the_body():
  sigh = react('sigh')
  assert sigh.pose[TIMES < 2.1, 4].max() > 0.01 and sigh.pose[(TIMES > 2.8) & (TIMES < 3.2), 4].max() < 0


def test_hesitations_look_away_and_leave_spoken_mouths_alone():
  hesitation = react('hesitation')
  assert hesitation.thinking[0][0] < 2.0 and hesitation.thinking[0][1] == 3.2
  assert column(hesitation, 'jawOpen').max() > 0.07
  spoken = utterance(('_', 2.0), ('ə', 0.6), ('m', 0.6), ('_', 1.8))
  assert column(react('hesitation', spoken), 'jawOpen').max() == 0


def test_unknown_kinds_are_refused():
  with pytest.raises(ValueError, match='yawn'):
    react('yawn')
  nothing = reactions.react(TIMES, SILENT, (), style.Style(), np.random.default_rng(0))
  assert nothing.coefficients.max() == 0 and nothing.thinking == ()


def test_a_breath_that_is_heard_goes_through_the_mouth():
  breath = Event(EventKind.BREATH, 1.0, 1.6)
  opened = [
    reactions.react(TIMES, SILENT, (breath,), style.Style(), np.random.default_rng(seed)).coefficients
    for seed in range(20)
  ]
  jaw = np.max([row[:, blendshapes.INDEX['jawOpen']] for row in opened], axis=1)
  assert jaw.min() > 0.07 and 0.12 < jaw.mean() < 0.2
