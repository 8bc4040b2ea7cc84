"""Throughput of training: rates per device, utilization and memory where they are known."""

import types

import jax
import pytest

from seetalk_jax.training import throughput


def use_devices(monkeypatch, kind, count, stats=None):
  device = types.SimpleNamespace(device_kind=kind, memory_stats=lambda: stats)
  monkeypatch.setattr(jax, 'local_devices', lambda: [device])
  monkeypatch.setattr(jax, 'device_count', lambda: count)


def test_rates_are_of_one_device(monkeypatch):
  use_devices(monkeypatch, 'NVIDIA H100 80GB HBM3', 4, {'peak_bytes_in_use': 3 * 2**30})
  found = throughput.step_rates(2.0, 16, 4 * 989e12 / 4)  # half of the peak at two steps a second
  assert found == {
    'samples_per_second': 32.0,
    'tflops_per_second': pytest.approx(989 / 2),
    'hardware_utilisation': pytest.approx(0.5),
    'peak_memory_gib': 3.0,
  }


def test_what_a_device_does_not_report_is_left_out(monkeypatch):
  use_devices(monkeypatch, 'cpu', 1)
  assert throughput.step_rates(2.0, 3, 1e12) == {'samples_per_second': 6.0, 'tflops_per_second': 2.0}
  assert throughput.step_rates(2.0, 3, 0.0) == {'samples_per_second': 6.0}  # no operations to count


def test_a_compiled_step_is_described_per_device():
  memory = types.SimpleNamespace(argument_size_in_bytes=2**20, temp_size_in_bytes=2**21)
  step = types.SimpleNamespace(flops=8e9, compiled=types.SimpleNamespace(memory_analysis=lambda: memory))
  assert (
    throughput.describe(step, 4) == '3 MiB arguments and temporaries per device, 2 GFLOP a step and device'
  )
  step.compiled = types.SimpleNamespace(memory_analysis=lambda: None)
  assert throughput.describe(step, 4) == '2 GFLOP a step and device, memory unknown'
