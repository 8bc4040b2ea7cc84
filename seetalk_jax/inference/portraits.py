"""Portraits: several portraits that fit one voice, as a sequence that notebooks show and that can be saved."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seetalk_jax.errors import InputError
from seetalk_jax.inference import notebook_view
from seetalk_jax.inference.clip import save_portrait


@dataclasses.dataclass(frozen=True)
class Portraits:
  """Portraits of a speaker who fits a voice; a sequence of pictures, uint8 `[h, w, 3]`.

  Attributes:
    pixels: uint8 `[num, h, w, 3]`; number i is the one that `pipe(speech, face=i)` animates.
    seed: the seed of all of them.
    record: provenance: version, checkpoint, seed, device.
  """

  pixels: np.ndarray
  seed: int
  record: Mapping[str, Any]

  def __repr__(self) -> str:
    num, height, width = self.pixels.shape[:3]
    return f'Portraits({num} of {width} x {height} pixels, seed {self.seed})'

  def __len__(self) -> int:
    return len(self.pixels)

  def __getitem__(self, index: int) -> np.ndarray:
    return self.pixels[index]

  def __iter__(self) -> Iterator[np.ndarray]:
    return iter(self.pixels)

  def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    del copy  # a view is as good
    return np.asarray(self.pixels, dtype)

  def _repr_html_(self) -> str:
    return notebook_view.pictures(list(self.pixels), [f'face {i}' for i in range(len(self))])

  def save(self, folder: str | os.PathLike) -> list[pathlib.Path]:
    """Writes `face_0.png`, `face_1.png` ... into an existing folder, marked as synthetic; returns their paths.

    Raises:
      InputError: no such folder, or it cannot be written.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
      raise InputError(f'no such folder, {folder}: create it first')
    paths = [folder / f'face_{i}.png' for i in range(len(self))]
    for i, path in enumerate(paths):
      save_portrait(path, self.pixels[i], {**self.record, 'face': i})
    return paths
