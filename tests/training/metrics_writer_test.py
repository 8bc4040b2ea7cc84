"""Metrics writer: lines and pictures of a run, lines after the resumed step, processes that write nothing."""

import numpy as np
import PIL.Image

from seetalk_jax.training import metrics_writer


def test_lines_and_pictures(tmp_path, monkeypatch):
  monkeypatch.setattr(metrics_writer, 'SummaryWriter', None)  # TensorBoard is optional
  picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
  with metrics_writer.MetricsWriter(tmp_path) as writer:
    writer.scalars(5, {'loss': np.float32(0.5)})
    writer.scalars(5, {'loss': 2}, prefix='held_out/')
    writer.picture(5, picture)
  assert metrics_writer.read_metrics(tmp_path) == [
    {'step': 5, 'loss': 0.5},
    {'step': 5, 'held_out/loss': 2.0},
  ]
  with PIL.Image.open(tmp_path / 'samples' / '0000005.png') as image:
    np.testing.assert_array_equal(np.asarray(image), picture)


def test_a_resumed_run_drops_later_and_broken_lines(tmp_path, monkeypatch):
  monkeypatch.setattr(metrics_writer, 'SummaryWriter', None)
  path = tmp_path / 'metrics.jsonl'
  path.write_text('{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n{"step": 3, "loss": 1}\n{"step": 4, "lo')
  with metrics_writer.MetricsWriter(tmp_path, start_step=2) as writer:
    writer.scalars(3, {'loss': 9})
  steps = [(row['step'], row['loss']) for row in metrics_writer.read_metrics(tmp_path)]
  assert steps == [(1, 3), (2, 2), (3, 9)]


def test_other_processes_write_nothing(tmp_path):
  with metrics_writer.MetricsWriter(tmp_path, enabled=False) as writer:
    writer.scalars(1, {'loss': 1})
    writer.picture(1, np.zeros((4, 4, 3)))
  assert not list(tmp_path.iterdir())
