"""Compilation of jitted functions ahead of time, in a background thread."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any

import jax

PyTree = Any


class BackgroundCompiledFunction:
  """A jitted function that is compiled ahead of time in a background thread, for one device and one set of shapes.

  Before `start` it is an ordinary jitted function; after that, calls wait until it is compiled.

  Args:
    function: the function, without side effects.
    device: where it runs.
    single_thread: a call takes one thread of a CPU, for functions of which several calls run at the same time.
  """

  def __init__(self, function: Callable[..., Any], device: jax.Device, *, single_thread: bool = False):
    options = {'xla_cpu_multi_thread_eigen': False} if single_thread else None
    self._jitted = jax.jit(function, compiler_options=options)
    self._sharding = jax.sharding.SingleDeviceSharding(device)
    self._lowered: concurrent.futures.Future | None = None
    self._compiled: concurrent.futures.Future | None = None

  @property
  def started(self) -> bool:
    """Whether `start` has been called."""
    return self._compiled is not None

  def start(self, make_args: Callable[[], tuple[Any, ...]]) -> None:
    """Compiles for the shapes of `make_args()` (arrays or ShapeDtypeStructs) in the background, once."""
    if self.started:
      return
    executor = concurrent.futures.ThreadPoolExecutor(2)
    lowered = self._lowered = executor.submit(self._lower, make_args)
    self._compiled = executor.submit(lambda: lowered.result().compile())
    executor.shutdown(wait=False)

  def out_shapes(self) -> PyTree:
    """Shapes of the results; waits until the function is traced, and raises what tracing raises."""
    assert self._lowered is not None, 'call `start` first'
    return self._lowered.result().out_info

  def __call__(self, *args):
    if self._compiled is None:
      return self._jitted(*args)
    return self._compiled.result()(*args)

  def _lower(self, make_args: Callable[[], tuple[Any, ...]]):
    specs = jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self._sharding), make_args()
    )
    return self._jitted.lower(*specs)
