"""Sex and age agreement: rows for truth and shuffled voices, and groups."""

import numpy as np
import pytest

from seetalk_jax.evaluation.parts import voice_to_face
from seetalk_jax.evaluation.probes import readers

_SEX, _AGE = readers.FIELDS.index('sex'), readers.FIELDS.index('age')


def _readings(sex, age):
  read = np.zeros((len(sex), len(readers.FIELDS)), np.float32)
  read[:, _SEX], read[:, _AGE] = sex, age
  return read


def test_truth_is_above_and_shuffled_voices_are_below():
  rng = np.random.default_rng(0)
  n = 200
  sex, age = (rng.random(n) > 0.5).astype(float), rng.uniform(18, 80, n)
  made = _readings(np.where(rng.random(n) < 0.1, 1 - sex, sex), age + rng.normal(0, 15, n))
  masks = {'under 35': age < 35, 'others': age >= 35}
  attributes = np.stack([sex, age, np.zeros(n)], axis=1)
  figures = voice_to_face.fit_figures(made, _readings(sex, age), attributes, (0.95, 0.8), masks)
  found = {figure.name: figure for figure in figures}
  assert found['sex, the probe on true portraits, %'].value == 100
  assert found['sex read right, %'].value == pytest.approx(90, abs=6)  # 3 standard errors
  assert found['sex, portraits of shuffled voices, %'].value == pytest.approx(50, abs=11)
  assert found['age, the probe on true portraits, r'].value == pytest.approx(1)
  assert found['age, r'].value == pytest.approx(0.77, abs=0.1)
  assert abs(found['age, portraits of shuffled voices, r'].value) < 0.22
  assert found['sex, best that any predictor could reach, %'].value == pytest.approx(95)
  few, others = found['sex read right, %, under 35'], found['sex read right, %, others']
  assert few.count + others.count == n and few.note.startswith('truth 100, shuffled ')
  assert (few.value * few.count + others.value * others.count) / n == pytest.approx(
    found['sex read right, %'].value
  )
