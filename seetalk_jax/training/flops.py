"""Floating-point operations of a traced program."""

from __future__ import annotations

import math
from typing import Any


def count(jaxpr: Any) -> float:
  """Floating-point operations of matrix products and convolutions in a jaxpr; a multiply-add counts as two.

  The body of a scan or a kernel counts once per iteration, and that of a `shard_map` once per device of its
  mesh. Of the branches of a `cond`, the most expensive one counts. A while loop counts once, because its
  length is unknown. Elementwise operations are left out, as is usual for model FLOPs.

  Args:
    jaxpr: a Jaxpr or ClosedJaxpr.
  """
  jaxpr = getattr(jaxpr, 'jaxpr', jaxpr)
  total = 0.0
  for equation in jaxpr.eqns:
    name = equation.primitive.name
    if name == 'dot_general':
      total += _dot(equation)
    elif name == 'conv_general_dilated':
      total += _convolution(equation)
    else:
      inner = [count(sub) for sub in _subprograms(equation)]
      if name == 'cond':
        total += max(inner, default=0.0)
      else:
        total += sum(inner) * _times(equation)
  return total


def _times(equation) -> int:
  """How many times the inner programs of an equation run."""
  params, name = equation.params, equation.primitive.name
  if name == 'scan':
    return params['length']
  if name == 'pallas_call':
    return math.prod(params['grid_mapping'].grid)
  return params['mesh'].size if name == 'shard_map' else 1


def _subprograms(equation):
  for value in equation.params.values():
    for one in value if isinstance(value, (tuple, list)) else (value,):
      if hasattr(one, 'eqns') or hasattr(getattr(one, 'jaxpr', None), 'eqns'):
        yield one


def _dot(equation) -> float:
  left, out = equation.invars[0].aval.shape, equation.outvars[0].aval.shape
  (contracted, _), _ = equation.params['dimension_numbers']
  return 2.0 * math.prod(out) * math.prod(left[i] for i in contracted)


def _convolution(equation) -> float:
  kernel = equation.invars[1].aval.shape
  dimensions = equation.params['dimension_numbers']
  per_output = math.prod(kernel) / kernel[dimensions.rhs_spec[0]]
  out = equation.outvars[0].aval.shape
  # The zeros that a transposed convolution inserts cost nothing.
  inserted = math.prod(equation.params['lhs_dilation'])
  return 2.0 * math.prod(out) * per_output / inserted
