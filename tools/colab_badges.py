"""Colab badges: writes a link that opens the notebook in Colab below the title of every notebook.

python tools/colab_badges.py OWNER/NAME [--branch main] notebooks/*.ipynb

The notebooks carry no badge until the repository has a public address. A badge that is there already is replaced.
"""

from __future__ import annotations

import argparse
import pathlib
import re

PICTURE = 'https://colab.research.google.com/assets/colab-badge.svg'
_BADGE = re.compile(r'\[!\[[^\]]*\]\([^)]*colab-badge\.svg\)\]\([^)]*\)')


def badge(repository: str, branch: str, path: str) -> str:
  """Markdown of the badge of a notebook at `path` in a GitHub repository OWNER/NAME."""
  address = f'https://colab.research.google.com/github/{repository}/blob/{branch}/{path}'
  return f'[![Open in Colab]({PICTURE})]({address})'


def with_badge(text: str, link: str) -> str:
  """Markdown of a first cell with this badge, and no other, below its title."""
  title, _, rest = text.partition('\n')
  rest = _BADGE.sub('', rest).strip('\n')
  return f'{title}\n\n{link}\n\n{rest}' if rest else f'{title}\n\n{link}'


def main(arguments: list[str] | None = None) -> None:
  """Rewrites the notebooks named on the command line."""
  import nbformat

  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('repository', metavar='OWNER/NAME')
  parser.add_argument('notebooks', nargs='+', type=pathlib.Path, metavar='NOTEBOOK')
  parser.add_argument('--branch', default='main')
  args = parser.parse_args(arguments)
  if not re.fullmatch(r'[\w.-]+/[\w.-]+', args.repository):
    parser.error(f'{args.repository!r} is no repository: give OWNER/NAME')
  for path in args.notebooks:
    notebook = nbformat.read(path, as_version=4)
    first = notebook.cells[0]
    first.source = with_badge(
      first.source, badge(args.repository, args.branch, f'{path.parent.name}/{path.name}')
    )
    nbformat.write(notebook, path)


if __name__ == '__main__':
  main()
