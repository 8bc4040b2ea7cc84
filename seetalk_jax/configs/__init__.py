"""The configurations of training and evaluation, by name: those of configs/, at the top level of the repository.

A wheel has the files of configs/ in this folder, see `package-dir` in pyproject.toml. In a checkout it has none.
"""

import pathlib

_folder = pathlib.Path(__file__).resolve().parent
if not (_folder / 'common.py').is_file():
  __path__ = [str(_folder.parents[1] / 'configs')]
