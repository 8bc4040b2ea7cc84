"""Throughput of training: samples and operations per second, hardware utilization and memory."""

from __future__ import annotations

import jax

from seetalk_jax.training import chips


def step_rates(steps_per_second: float, batch_size: int, flops: float) -> dict[str, float]:
  """Throughput metrics for the log.

  Args:
    steps_per_second: measured rate.
    batch_size: size of the global batch.
    flops: operations of a step on all devices, rematerialization included.

  Returns:
    samples_per_second; tflops_per_second of one device, if there are operations to count; hardware_utilisation, a
    fraction of the device's peak, if that is known (it equals the model FLOPs utilization, MFU, only without
    rematerialization);
    peak_memory_gib, if the device reports it.
  """
  device, count = jax.local_devices()[0], jax.device_count()
  per_device = flops * steps_per_second / count
  rates = {'samples_per_second': steps_per_second * batch_size}
  if flops:
    rates['tflops_per_second'] = per_device / 1e12
    if peak := chips.peak_flops(device):
      rates['hardware_utilisation'] = per_device / peak
  stats = device.memory_stats() or {}
  if 'peak_bytes_in_use' in stats:
    rates['peak_memory_gib'] = stats['peak_bytes_in_use'] / 2**30
  return rates


def describe(step, devices: int) -> str:
  """One line of text about a `CompiledStep`: memory and operations per device."""
  analysis = step.compiled.memory_analysis()
  work = f'{step.flops / devices / 1e9:.3g} GFLOP a step and device'
  if analysis is None:
    return f'{work}, memory unknown'
  size = analysis.argument_size_in_bytes + analysis.temp_size_in_bytes
  return f'{size / 2**20:.0f} MiB arguments and temporaries per device, {work}'
