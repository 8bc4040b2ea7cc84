"""Outputs of the published CodeFormer and SyncNet, and files of weights with their shapes."""

import json
import pathlib

import golden_weights
import numpy as np
from safetensors.numpy import save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / 'convert' / 'golden'


def golden(name):
  """(name -> shape of the published tensors, outputs of the published code)."""
  with np.load(GOLDEN / f'{name}.npz') as file:
    found = dict(file)
  return json.loads(str(found.pop('shapes'))), found


def written(folder, shapes, rename=lambda name: name):
  """File with the random weights."""
  tensors = {rename(name): array for name, array in golden_weights.random_tensors(shapes).items()}
  save_file(tensors, folder / 'weights.safetensors')
  return folder / 'weights.safetensors'


def close(ours, theirs, tolerance=1e-4):
  """Asserts that the largest error is within `tolerance` times the largest value."""
  np.testing.assert_allclose(ours, theirs, atol=tolerance * max(1.0, np.abs(theirs).max()))


def zeros(folder, shapes):
  """File of zeros with these shapes; fast to write, the values do not matter."""
  path = folder / 'zeros.safetensors'
  save_file({name: np.zeros(shape, np.float16) for name, shape in shapes.items()}, path)
  return path
