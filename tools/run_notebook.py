"""Notebook runner: runs every notebook in a fresh kernel, two at a time, and fails if a cell fails.

python tools/run_notebook.py NOTEBOOK...
"""

from __future__ import annotations

import concurrent.futures
import pathlib
import sys
import time

_AT_ONCE = 2  # kernels; much of a notebook runs on one core


def main(arguments: list[str] | None = None) -> int:
  """Executes each notebook named on the command line; nothing is written back.

  Returns:
    0 if every cell ran.

  Raises:
    nbclient.exceptions.CellExecutionError: a cell failed; the error shows the cell and its traceback.
  """
  paths = sys.argv[1:] if arguments is None else arguments
  if not paths:
    print('usage: python tools/run_notebook.py NOTEBOOK...', file=sys.stderr)
    return 2
  with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
    for line in pool.map(_run, map(pathlib.Path, paths)):
      print(line, flush=True)
  return 0


def _run(path: pathlib.Path) -> str:
  """Executes a notebook; returns a line on it."""
  import nbclient
  import nbformat

  notebook = nbformat.read(path, as_version=4)
  start = time.monotonic()
  folder = {'metadata': {'path': str(path.parent)}}
  nbclient.NotebookClient(notebook, timeout=900, kernel_name='python3', resources=folder).execute()
  cells = sum(cell.cell_type == 'code' for cell in notebook.cells)
  return f'{path}: {cells} code cells ran in {time.monotonic() - start:.0f} s'


if __name__ == '__main__':
  sys.exit(main())
