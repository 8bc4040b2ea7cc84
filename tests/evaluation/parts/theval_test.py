"""THEval figures: means, scores against real videos, and what is left out."""

import math
import types

import green_faces
import numpy as np
import pytest

from seetalk_jax.evaluation.inputs import Talk
from seetalk_jax.evaluation.measures import theval
from seetalk_jax.evaluation.parts import theval as part


def measured(**values):
  """Measures of one video; what is not named is 1."""
  return {name: values.get(name, 1.0) for name in theval.NAMES}


def test_scores_compare_the_means():
  made = [measured(head_motion=1.0), measured(head_motion=2.0)]
  real = [measured(head_motion=2.0), measured(head_motion=4.0)]
  figures = {figure.name: figure for figure in part.theval_figures(made, real)}
  assert len(figures) == 11
  assert figures['head motion'].value == 1.5 and figures['head motion'].count == 2
  assert figures['head motion'].note == 'score 0.50'
  assert figures['head motion, real videos'].value == 3.0
  assert figures['mean score'].value == pytest.approx(0.9)


def test_without_real_videos_there_are_no_scores():
  figures = part.theval_figures([measured(), measured()])
  assert [figure.name for figure in figures] == list(part.LABELS.values())
  assert [figure.reached for figure in figures] == [None] * 5


def test_what_cannot_be_measured_is_left_out():
  nan = math.nan
  made = [measured(lip_sync=nan, silent_lip_stability=nan), measured(silent_lip_stability=nan)]
  real = [measured(lip_sync=2.0), measured(lip_sync=nan)]
  figures = {figure.name: figure for figure in part.theval_figures(made, real)}
  sync = figures['lip sync by volume, difference']
  assert (sync.value, sync.count, sync.note) == (1.0, 1, 'score 0.50')
  assert math.isnan(figures['silent lip stability'].value)
  assert figures['mean score'].note == 'of 4 measures'


def inputs(landmarker, real_videos=()):
  """Inputs whose generator shows a green face that opens its mouth with the speech."""
  config = types.SimpleNamespace(seed=0, theval=types.SimpleNamespace(first=5, voices=2, frames=75, seed=1))

  def talk(speaker, seed, num_frames):
    times = np.arange(640 * num_frames) / 16_000
    return Talk(speaker, np.where(times % 1.5 < 0.8, np.sin(2e3 * times), 0) * np.sin(20 * times), None)

  def video(speech, seed):
    frames = np.zeros((75, 64, 64, 3), np.uint8)
    frames[:, 10:40, 16:46] = (0, 220, 30)
    frames[:, 10:40, 16:46, 0] = (250 * np.abs(speech).reshape(75, -1).max(axis=1))[:, None, None]
    return frames

  return types.SimpleNamespace(
    config=config,
    landmarker=landmarker,
    real_videos=real_videos,
    world=types.SimpleNamespace(speakers=lambda split, first, num: range(first, first + num)),
    talk=talk,
    generator=types.SimpleNamespace(video=video),
  )


def test_videos_are_generated_and_compared_with_real_ones(monkeypatch, tmp_path):
  green_faces.use(monkeypatch)
  real = [green_faces.write(tmp_path / 'real.mp4', seconds=2.0)]
  figures = {figure.name: figure for figure in part.measure(inputs('model', real))}
  assert figures['lip dynamics, pixels of 256'].count == 2
  assert figures['lip dynamics, pixels of 256'].value > 0
  assert figures['silent lip stability'].value == pytest.approx(0, abs=1e-6)
  assert figures['lip sync by volume, difference'].value < 0.25
  assert figures['lip dynamics, pixels of 256, real videos'].count == 1


def test_the_part_is_skipped_without_a_landmarker():
  assert part.measure(inputs(None)) == []
