"""Fields of motion controls in forms and JSON bodies: the emotion, and how strongly controls are followed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from seetalk_jax.cli import controls
from seetalk_jax.errors import InputError

Value = TypeVar('Value')


def controls_of(form: Mapping[str, Any]) -> dict[str, Any]:
  """The arguments `controls` and `control_scales` of a pipeline.

  Args:
    form: 'emotion': NAME, NAME=INTENSITY or None; 'control_scale': a list of NAME=SCALE.

  Raises:
    InputError: another text, or a scale without its control.
  """
  found: dict[str, Any] = {}
  if form.get('emotion'):
    found['emotion'] = _parsed('emotion', controls.emotion, form['emotion'])
  scales = dict(_parsed('control_scale', controls.scale, text) for text in form.get('control_scale') or ())
  for name in scales:
    if name not in found:
      raise InputError(f'control_scale {name} without {name}, this request: give both')
  return {'controls': found, 'control_scales': scales}


def check(form: Mapping[str, Any], available: Collection[str] | None) -> None:
  """Checks the fields, and that the checkpoint supports the controls.

  Args:
    form: see `controls_of`.
    available: controls of the checkpoint; None: they are not known yet.

  Raises:
    InputError: see `controls_of`, or a control that the checkpoint does not support.
  """
  for name in controls_of(form)['controls']:
    if available is not None and name not in available:
      raise InputError(f'the checkpoint was not trained with {name}, this request: leave it out')


def _parsed(field: str, parse: Callable[[str], Value], text: str) -> Value:
  try:
    return parse(text)
  except argparse.ArgumentTypeError as error:
    raise InputError(f'{error}, field {field}') from None
