"""Devices: the device of a computation, and one-line errors where JAX has no such device."""

from __future__ import annotations

import os

import jax

from seetalk_jax.errors import InputError

_FEW_CORES = 4
# Environment variables by which users choose JAX's platform.
_VARIABLES = ('JAX_PLATFORMS', 'JAX_PLATFORM_NAME')
# What JAX raises if it cannot start a platform; AssertionError: JAX_PLATFORMS=cuda without a GPU.
_MISSING = (RuntimeError, AssertionError)


def parallel_calls(device: jax.Device) -> int:
  """How many calls of a small network's program to run at the same time; if more than 1, each in one thread.

  One for each core of a CPU that has at most four. On two cores this was measured to be faster than two threads for
  one call, which wait for each other. With many cores, calls side by side would take memory, and one call has the
  threads of all.
  """
  cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
  return cores if device.platform == 'cpu' and cores <= _FEW_CORES else 1


def find_device(device: str | jax.Device | None) -> jax.Device:
  """The first device of a kind: 'cpu', 'gpu', 'tpu', or None for JAX's default; a device is returned unchanged.

  'cpu' is found even if an environment variable asks JAX for a platform that this machine lacks. JAX then uses
  the CPU from now on.

  Raises:
    InputError: there is none.
  """
  if device is not None and not isinstance(device, str):
    return device
  if device == 'cpu' and explain_missing_platform():
    jax.config.update('jax_platforms', 'cpu')
    jax.config.update('jax_platform_name', None)
  else:
    check_platform()
  try:
    return jax.local_devices(backend=device)[0]  # in a pod, only the devices of this host
  except _MISSING:
    kinds = ', '.join(sorted({found.platform for found in jax.devices()}))
    raise InputError(f'no {device} here, device: use one of {kinds}, or install JAX for it') from None


def check_platform() -> None:
  """Checks that JAX has the platform that an environment variable asks for.

  Raises:
    InputError: it has not.
  """
  if line := explain_missing_platform():
    raise InputError(line)


def explain_missing_platform() -> str | None:
  """One line if an environment variable asks JAX for a platform that this machine lacks; else None."""
  given = [f'{name}={os.environ[name]}' for name in _VARIABLES if os.environ.get(name)]
  if not given:
    return None
  try:
    jax.devices()
  except _MISSING:
    return (
      f'JAX has no such device here, {" ".join(given)}: unset it, or set it to cpu (--device cpu where a command '
      'has that option)'
    )
  return None
