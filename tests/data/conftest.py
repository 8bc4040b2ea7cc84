"""Fixtures of the tests of views and of the batch pipeline."""

import numpy as np
import pytest
import view_batches

from seetalk_jax.data import pipeline


@pytest.fixture(scope='session')
def corpus_dir(tmp_path_factory):
  """Folder of a corpus of `view_batches.render_corpus`; tests must not write into it."""
  path = tmp_path_factory.mktemp('corpus')
  view_batches.render_corpus(path)
  return path


@pytest.fixture
def plain_augmentation(monkeypatch):
  """Speech augmentation that adds one random number to a waveform."""
  monkeypatch.setattr(
    pipeline, 'augment_speech', lambda waveform, rng: waveform + rng.standard_normal(1).astype(np.float32)
  )
