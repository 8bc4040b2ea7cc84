"""Conversion of a published network: builds the module and maps the tensors by the rules of its kind."""

from __future__ import annotations

import importlib
import os
import pathlib
import re
from typing import Any, NamedTuple

from flax import traverse_util

from seetalk_jax.convert import rules, tensors
from seetalk_jax.convert.kinds import KINDS
from seetalk_jax.errors import InputError
from seetalk_jax.releases import network_spec


class Converted(NamedTuple):
  """A network of this package with published weights.

  Attributes:
    network: name of the network.
    module: the Linen module.
    params: nested dict of float32 arrays, or of `LazyArray` that are read from the source one at a time.
    fresh: path prefixes of the parameters that the source does not have. They are initialized by training.
  """

  network: str
  module: Any
  params: dict[str, Any]
  fresh: tuple[str, ...]


def plan(kind: str, source: str | os.PathLike) -> Converted:
  """Plans the conversion of a file or folder: names and shapes are checked now, values are read lazily.

  Args:
    kind: key of KINDS.
    source: a .safetensors, .bin or .pth file, or the folder that holds it and its config.json.

  Raises:
    InputError: an unknown kind.
    CheckpointError: weights of another kind, or incomplete weights; the message names the tensor and both
      shapes.
  """
  if kind not in KINDS:
    raise InputError(f'unknown kind, {kind!r}: use one of {", ".join(KINDS)}')
  network, home_name, _ = KINDS[kind]
  home = importlib.import_module(f'seetalk_jax.convert.{home_name}')
  checkpoint = tensors.open_tensors(source)
  module = home.build(tensors.read_config(source), checkpoint.shapes, kind)
  wanted = network_spec.shapes_of(module)
  flat = rules.plan(checkpoint, home.rules(module), wanted, home.FRESH)
  return Converted(network, module, traverse_util.unflatten_dict(flat, sep='/'), tuple(home.FRESH))


def licence_of(source: str | os.PathLike) -> str | None:
  """The license in the model card (README.md) beside the weights, or None."""
  path = pathlib.Path(source)
  card = (path if path.is_dir() else path.parent) / 'README.md'
  if not card.is_file():
    return None
  head = re.match(r'---\n(.*?)\n---', card.read_text('utf-8', errors='replace'), re.S)
  line = re.search(r'^license:\s*["\']?([\w.+ -]+)', head.group(1), re.M) if head else None
  return line.group(1).strip() if line else None
