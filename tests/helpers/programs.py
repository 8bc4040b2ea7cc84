"""Networks applied as one compiled program: operation by operation, compilation takes most of a test's time."""

import functools

import jax


def apply(module, variables, *args, method=None, **options):
  """`module.apply(variables, *args, method=method, **options)`, its arrays as NumPy's."""
  return jax.device_get(_apply(module, variables, *args, method=method, **options))


@functools.partial(jax.jit, static_argnums=0, static_argnames=('method', 'mutable', 'train'))
def _apply(module, variables, *args, method, **options):
  return module.apply(variables, *args, method=method, **options)
