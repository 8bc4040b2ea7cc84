"""Layout of the outfit's mesh: grids of vertices, their triangles, labels and places in the texture. All static."""

from __future__ import annotations

import enum
import functools
from typing import NamedTuple

import numpy as np

TEXTURE_HEIGHT, TEXTURE_WIDTH = 512, 1024
# Columns of the grids that run around the body or the head.
AROUND = 73


class Label(enum.IntEnum):
  """What a triangle belongs to."""

  CLOTHES = 0
  GLASSES = 1
  LENS = 2
  JEWELRY = 3
  HAT = 4


class Grid(NamedTuple):
  """A grid of vertices.

  Attributes:
    rows, columns: number of vertices. The step to the next row, cross the step to the next column, points outside.
    label: of its triangles.
    field: left, top, width and height in the texture, in texels.
  """

  rows: int
  columns: int
  label: Label
  field: tuple[int, int, int, int]

  @property
  def size(self) -> int:
    """Number of vertices."""
    return self.rows * self.columns


# Swatches of one color in the texture: fields of `SWATCH_WIDTH` by `SWATCH_HEIGHT` texels.
SWATCH_WIDTH, SWATCH_HEIGHT = 64, 14
SWATCHES = tuple((448, 400 + SWATCH_HEIGHT * index, SWATCH_WIDTH, SWATCH_HEIGHT) for index in range(6))
FRAME, TEMPLE, LENS, METAL, GEM, NECKLACE = SWATCHES
# Sections of a tube, the last as the first.
TUBE = 6
RIM = 33

GRIDS: dict[str, Grid] = {
  'main': Grid(21, AROUND, Label.CLOTHES, (0, 0, 1024, 288)),
  'inner': Grid(9, AROUND, Label.CLOTHES, (0, 400, 384, 112)),
  'collar': Grid(10, AROUND, Label.CLOTHES, (0, 288, 512, 112)),
  'inner_collar': Grid(10, AROUND, Label.CLOTHES, (512, 288, 512, 112)),
  'tie': Grid(14, 7, Label.CLOTHES, (384, 400, 64, 112)),
  'left_rim': Grid(RIM, TUBE, Label.GLASSES, FRAME),
  'right_rim': Grid(RIM, TUBE, Label.GLASSES, FRAME),
  'bridge': Grid(9, TUBE, Label.GLASSES, FRAME),
  'upper_bridge': Grid(9, TUBE, Label.GLASSES, FRAME),
  'left_temple': Grid(14, TUBE, Label.GLASSES, TEMPLE),
  'right_temple': Grid(14, TUBE, Label.GLASSES, TEMPLE),
  'left_lens': Grid(4, RIM, Label.LENS, LENS),
  'right_lens': Grid(4, RIM, Label.LENS, LENS),
  'left_hoop': Grid(17, TUBE, Label.JEWELRY, METAL),
  'right_hoop': Grid(17, TUBE, Label.JEWELRY, METAL),
  'left_stud': Grid(6, 9, Label.JEWELRY, GEM),
  'right_stud': Grid(6, 9, Label.JEWELRY, GEM),
  'necklace': Grid(57, 5, Label.JEWELRY, NECKLACE),
  'pendant': Grid(6, 9, Label.JEWELRY, GEM),
  'hat': Grid(17, 57, Label.HAT, (512, 400, 512, 88)),
  'brim': Grid(6, 57, Label.HAT, (512, 488, 512, 24)),
}


def place_of(name: str) -> slice:
  """Rows of the outfit's vertices that are the grid `name`."""
  start = 0
  for key, grid in GRIDS.items():
    if key == name:
      return slice(start, start + grid.size)
    start += grid.size
  raise ValueError(f'no grid {name!r} in GRIDS')


@functools.cache
def triangles() -> np.ndarray:
  """Triangles of the outfit's mesh, counterclockwise seen from outside, int32 `[k, 3]`."""
  parts = []
  for name, grid in GRIDS.items():
    index = place_of(name).start + np.arange(grid.size).reshape(grid.rows, grid.columns)
    here, below, beside, across = index[:-1, :-1], index[1:, :-1], index[:-1, 1:], index[1:, 1:]
    parts += [np.stack([here, below, beside], -1), np.stack([beside, below, across], -1)]
  result = np.concatenate([part.reshape(-1, 3) for part in parts]).astype(np.int32)
  result.setflags(write=False)
  return result


@functools.cache
def labels() -> np.ndarray:
  """`Label` of every triangle, uint8 `[k]`."""
  return np.concatenate(
    [np.full(2 * (g.rows - 1) * (g.columns - 1), g.label, np.uint8) for g in GRIDS.values()]
  )


@functools.cache
def texture_coordinates() -> np.ndarray:
  """Places of the vertices in the texture as (x, y) in texels, `y` downwards, float32 `[m, 2]`."""
  return np.concatenate(
    [
      np.stack(np.meshgrid(*(_texels(grid, axis) for axis in (1, 0))), -1).reshape(-1, 2)
      for grid in GRIDS.values()
    ]
  ).astype(np.float32)


def _texels(grid: Grid, axis: int) -> np.ndarray:
  """Texels of a grid's rows (axis 0) or columns (axis 1), one texel inside its field."""
  start, extent = grid.field[1 - axis], grid.field[3 - axis]
  return np.linspace(start + 1, start + extent - 1, (grid.rows, grid.columns)[axis])


def spreading(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
  """Matrices `[height, rows]` and `[width, columns]` that carry values of a grid's vertices to its texels."""
  result = []
  for axis in (0, 1):
    start, extent = grid.field[1 - axis], grid.field[3 - axis]
    texels = np.clip(start + np.arange(extent) + 0.5, start + 1, start + extent - 1)
    count = (grid.rows, grid.columns)[axis]
    at = (texels - start - 1) / (extent - 2) * (count - 1)
    result.append(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(count))).astype(np.float32))
  return tuple(result)
