"""THEval figures: lips, head, eyebrows and silences of generated videos, beside those of real videos."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from seetalk_jax.evaluation.inputs import EvaluationInputs
from seetalk_jax.evaluation.measures import theval
from seetalk_jax.evaluation.probes import landmarks
from seetalk_jax.evaluation.registry import part
from seetalk_jax.evaluation.report import Figure, figure
from seetalk_jax.media import face

PART = 'theval'
LABELS = {
  'lip_dynamics': 'lip dynamics, pixels of 256',
  'head_motion': 'head motion',
  'eyebrow_dynamics': 'eyebrow dynamics',
  'silent_lip_stability': 'silent lip stability',
  'lip_sync': 'lip sync by volume, difference',
}


@part(PART, order=75)
def measure(inputs: EvaluationInputs) -> list[Figure]:
  """THEval measures of videos of held-out speakers and of `inputs.real_videos`; no figures without a landmarker."""
  if inputs.landmarker is None:
    return []
  settings, generated = inputs.config.theval, []
  speakers = inputs.world.speakers('test', settings.first, settings.voices)
  with face.open_face_reader(inputs.landmarker) as read:
    real = [
      landmarks.measure_video(path, read)
      for path in tqdm(inputs.real_videos, desc='real videos', file=sys.stderr)
    ]
    for i, speaker in enumerate(tqdm(speakers, desc='videos', file=sys.stderr)):
      talk = inputs.talk(speaker, settings.seed + i, settings.frames)
      frames = inputs.generator.video(talk.speech, inputs.config.seed + i)
      generated.append(landmarks.measure_frames(frames, talk.speech, read))
  return theval_figures(generated, real)


def theval_figures(
  generated: Sequence[Mapping[str, float]], real: Sequence[Mapping[str, float]] = ()
) -> list[Figure]:
  """Figures from the measures of generated and real videos, one mapping a video.

  Means are over the videos in which a measure exists. With real videos, each measure gets its value for them and
  THEval's score, and the last figure is the mean score.
  """
  figures, scores = [], []
  for name, label in LABELS.items():
    made, true = (_finite([values[name] for values in each]) for each in (generated, real))
    if not len(true):
      figures.append(figure(PART, label, made))
      continue
    scores.append(theval.score(np.mean(made), np.mean(true)) if len(made) else np.nan)
    figures.append(figure(PART, label, made, note=f'score {scores[-1]:.2f}'))
    figures.append(figure(PART, f'{label}, real videos', true))
  if scores:
    usable = _finite(scores)
    value = float(np.mean(usable)) if len(usable) else np.nan
    figures.append(Figure(PART, 'mean score', value, count=len(generated), note=f'of {len(usable)} measures'))
  return figures


def _finite(values: Sequence[float]) -> np.ndarray:
  values = np.asarray(values, np.float64)
  return values[np.isfinite(values)]
