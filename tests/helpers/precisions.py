"""Precision of the matrix products in a program."""

import jax


def of_products(function, *args):
  """The precisions of all matrix products that `function(*args)` computes."""
  found = []

  def walk(jaxpr):
    for equation in jaxpr.eqns:
      if equation.primitive.name == 'dot_general':
        found.append(equation.params['precision'])
      for value in jax.tree.leaves(list(equation.params.values())):
        inner = getattr(value, 'jaxpr', value)  # of a closed program, or the program itself
        if hasattr(inner, 'eqns'):
          walk(inner)

  walk(jax.make_jaxpr(function)(*args).jaxpr)
  return found


def assert_full(function, *args):
  """Asserts that all matrix products are in float32 on every device, and that there are some."""
  found = of_products(function, *args)
  full = jax.lax.Precision.HIGHEST
  assert found and all(precision in (full, (full, full)) for precision in found), found
