"""Python blocks of documentation pages, and examples in docstrings: they run, with tiny networks as the demo weights.

The page on networks runs with the demo weights, see docs_test.py.
"""

import doctest
import functools
import importlib
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import soundfile
from flax import linen as nn

import seetalk_jax
from seetalk_jax.media import driving
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = (
  'README.md',
  'docs/index.md',
  'docs/inference.md',
  'docs/blendshapes.md',
  'docs/live.md',
  'docs/api/diffusion.md',
)
WITH_EXAMPLES = sorted(
  path.relative_to(ROOT).with_suffix('').as_posix().replace('/', '.')
  for path in (ROOT / 'seetalk_jax').rglob('*.py')
  if '>>> ' in path.read_text()
)


SAMPLING = {**tiny_release.SAMPLING, 'portrait_steps': 8}  # as many as the pages preview


class Ended(Exception):
  """Ends the endless loop of a page."""


class Denoiser(nn.Module):
  """A network as the page on diffusion takes it for granted."""

  @nn.compact
  def __call__(self, xt, t, condition):
    return nn.Dense(xt.shape[-1])(jnp.concatenate([xt, condition, t[:, None] / 1000], axis=-1))


@pytest.fixture
def demo(monkeypatch, tmp_path):
  """Tiny networks with the name 'demo', in an empty working directory; no landmarker is needed for videos."""
  folder = tmp_path / 'demo'
  tiny_release.make(folder, sampling=SAMPLING, changes={'motion_transformer': {'with_past': True}})
  monkeypatch.setattr(storage, 'DEMO_FOLDER', folder)
  monkeypatch.setattr(driving, 'open_driving', functools.partial(driving.open_driving, aligned=True))
  monkeypatch.chdir(tmp_path)
  return seetalk_jax.load('demo')


def given(pipe) -> dict:
  """Writes the files that pages take for granted, and returns the names that they do."""
  rng = np.random.default_rng(0)
  speech = (0.1 * rng.standard_normal(16_000)).astype(np.float32)
  pathlib.Path('examples').mkdir()
  for name in ('examples/speech.wav', 'a.wav', 'b.wav'):
    soundfile.write(name, speech, 16_000)
  clip = pipe(speech, seed=1)
  clip.save('other.mp4')
  clip.save_portrait('face.png')
  arriving = [speech[8000:], speech[:8000]]

  def arrived():
    if not arriving:
      raise Ended
    return [arriving.pop()]

  module, condition = Denoiser(), jnp.ones((4, 8))
  return {
    'seetalk_jax': seetalk_jax,
    'waveform': jnp.asarray(speech)[None],
    'params': pipe.networks.params['motion_transformer'],
    'arrived': arrived,
    'play': lambda frames, audio: None,
    'module': module,
    'condition': condition,
    'inputs': (jnp.ones((4, 32)), jnp.ones(4), condition),
    'variables': module.init(jax.random.key(0), jnp.ones((4, 32)), jnp.ones(4), condition),
  }


def blocks(page: str) -> list[str]:
  """The Python blocks of a page, without those for Blender."""
  found = re.findall(r'^```python\n(.*?)^```', (ROOT / page).read_text(), re.M | re.S)
  return [block for block in found if 'import bpy' not in block]


@pytest.mark.parametrize('page', PAGES)
def test_blocks_of_a_page_run(page, demo):
  names, found = given(demo), blocks(page)
  assert found
  for block in found:
    try:
      exec(compile(block, page, 'exec'), names)
    except Ended:
      assert page == 'docs/live.md'


@pytest.mark.parametrize('module', WITH_EXAMPLES)
def test_examples_in_docstrings(module):
  assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_there_are_examples_in_docstrings():
  assert len(WITH_EXAMPLES) >= 8
