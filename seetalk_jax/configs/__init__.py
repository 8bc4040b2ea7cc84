"""The configurations of training and evaluation, by name: those of configs/, at the top level of the repository.

Only a checkout has this file. A wheel has the files of configs/ in its place; see `package-dir` in pyproject.toml.
"""

import pathlib

__path__ = [str(pathlib.Path(__file__).resolve().parents[2] / 'configs')]
