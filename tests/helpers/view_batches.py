"""Batches of the views of a corpus in the sketched world, for tests."""

import numpy as np

from seetalk_jax import constants
from seetalk_jax.data import pipeline
from seetalk_jax.synthetic import corpus, sketch

SIZE = 32  # of the pictures of faces


def render_corpus(path):
  """Renders all kinds of records into a folder."""
  for kind, num, size in (('faces', 14, SIZE), ('clips', 4, constants.CLIP_SIZE), ('talks', 6, None)):
    corpus.render_corpus(
      path, kind, 'train', num, size=size, shard_size=4, processes=0, progress=False, world=sketch.SketchWorld
    )


def take(count, *args, **kwargs):
  """The first batches of `pipeline.make_batches` with these arguments."""
  with pipeline.make_batches(*args, **kwargs) as batches:
    return [next(batches) for _ in range(count)]


def assert_same(a, b):
  """Checks that two lists of batches are equal, bit for bit."""
  assert len(a) == len(b)
  for x, y in zip(a, b, strict=True):
    assert x.keys() == y.keys()
    for name in x:
      np.testing.assert_array_equal(x[name], y[name], err_msg=name)
