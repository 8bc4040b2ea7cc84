"""Notebook runner: runs every notebook in a fresh kernel and fails if a cell fails.

python tools/run_notebook.py NOTEBOOK...
"""

from __future__ import annotations

import pathlib
import sys
import time


def main(arguments: list[str] | None = None) -> int:
  """Executes each notebook named on the command line; nothing is written back.

  Returns:
    0 if every cell ran.

  Raises:
    nbclient.exceptions.CellExecutionError: a cell failed; the error shows the cell and its traceback.
  """
  import nbclient
  import nbformat

  paths = sys.argv[1:] if arguments is None else arguments
  if not paths:
    print('usage: python tools/run_notebook.py NOTEBOOK...', file=sys.stderr)
    return 2
  for path in map(pathlib.Path, paths):
    notebook = nbformat.read(path, as_version=4)
    start = time.monotonic()
    folder = {'metadata': {'path': str(path.parent)}}
    nbclient.NotebookClient(notebook, timeout=900, kernel_name='python3', resources=folder).execute()
    cells = sum(cell.cell_type == 'code' for cell in notebook.cells)
    print(f'{path}: {cells} code cells ran in {time.monotonic() - start:.0f} s')
  return 0


if __name__ == '__main__':
  sys.exit(main())
