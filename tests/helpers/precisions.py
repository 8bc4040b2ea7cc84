"""Precision of the matrix products in a program."""

import jax


def of_products(function, *args, where=lambda a, b, product: True):
  """The precisions of the matrix products that `function(*args)` computes.

  Args:
    where: (shapes of both operands and of the product) -> whether it counts.
  """
  found = []

  def walk(jaxpr):
    for equation in jaxpr.eqns:
      shapes = [x.aval.shape for x in (*equation.invars, *equation.outvars)]
      if equation.primitive.name == 'dot_general' and where(*shapes):
        found.append(equation.params['precision'])
      for value in jax.tree.leaves(list(equation.params.values())):
        inner = getattr(value, 'jaxpr', value)  # of a closed program, or the program itself
        if hasattr(inner, 'eqns'):
          walk(inner)

  walk(jax.make_jaxpr(function)(*args).jaxpr)
  return found


def assert_full(function, *args, where=lambda a, b, product: True):
  """Asserts that matrix products, see `of_products`, are in float32 on every device, and that there are some."""
  found = of_products(function, *args, where=where)
  full = jax.lax.Precision.HIGHEST
  assert found and all(precision in (full, (full, full)) for precision in found), found
