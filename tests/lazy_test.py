"""Lazy imports: names resolve on first use, editors see the same names, importing the package is cheap."""

import ast
import importlib
import pathlib
import subprocess
import sys

import pytest

PACKAGES = ('seetalk_jax', 'seetalk_jax.data', 'seetalk_jax.diffusion', 'seetalk_jax.models')
ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.mark.parametrize('name', PACKAGES)
def test_names_resolve_and_stay(name):
  package = importlib.import_module(name)
  for public in package.__all__:
    assert getattr(package, public) is vars(package)[public]
  assert set(package.__all__) <= set(dir(package))
  with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
    package.nothing  # noqa: B018


@pytest.mark.parametrize('name', PACKAGES)
def test_editors_see_the_same_names(name):
  package = importlib.import_module(name)
  tree = ast.parse(pathlib.Path(package.__file__).read_text())
  (block,) = [node for node in tree.body if isinstance(node, ast.If) and node.test.id == 'TYPE_CHECKING']
  seen = {alias.asname: node.module for node in block.body for alias in node.names}
  assert set(seen) == set(package.__all__) - {'__version__'}
  for public, module in seen.items():
    assert getattr(importlib.import_module(module), public) is getattr(package, public)


@pytest.mark.parametrize('name', PACKAGES)
def test_importing_a_package_imports_nothing_heavy(name):
  code = f"import sys, {name}; print(*sorted({{'jax', 'numpy', 'flax'}} & set(sys.modules)))"
  out = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT)
  assert out.stdout.split() == [] and not out.stderr
