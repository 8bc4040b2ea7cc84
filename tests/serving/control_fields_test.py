"""Control fields: texts to the arguments of a pipeline, one-line errors."""

import pytest

from seetalk_jax.errors import InputError
from seetalk_jax.serving import control_fields


def test_texts_become_controls():
  form = {'emotion': 'happy=0.5', 'control_scale': ['emotion=2']}
  assert control_fields.controls_of(form) == {
    'controls': {'emotion': ('happy', 0.5)},
    'control_scales': {'emotion': 2.0},
  }
  assert control_fields.controls_of({'emotion': None}) == {'controls': {}, 'control_scales': {}}


@pytest.mark.parametrize(
  'form, message',
  [
    ({'emotion': 'jolly'}, 'field emotion'),
    ({'emotion': 'happy=1.5'}, 'field emotion'),
    ({'emotion': 'happy', 'control_scale': ['emotion=21']}, 'field control_scale'),
    ({'control_scale': ['emotion=2']}, 'without emotion'),
  ],
)
def test_other_texts_are_refused(form, message):
  with pytest.raises(InputError, match=message):
    control_fields.check(form, None)


def test_controls_that_the_checkpoint_does_not_have_are_refused():
  control_fields.check({'emotion': 'happy'}, ('emotion',))
  with pytest.raises(InputError, match='not trained with emotion'):
    control_fields.check({'emotion': 'happy'}, ())
