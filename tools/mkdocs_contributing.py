"""Hook of MkDocs: CONTRIBUTING.md of the repository as a page of the site, with links that fit there."""

import pathlib

from mkdocs.structure.files import File, Files

SOURCE = pathlib.Path(__file__).resolve().parents[1] / 'CONTRIBUTING.md'
# Targets of links, as in the repository and on the site. Files that the site lacks are named without a link.
LINKS = {'(docs/architecture.md)': '(architecture.md)', '(docs/method)': '(method/stage1.md)'}
NAMES = {'[CHANGELOG.md](CHANGELOG.md)': '`CHANGELOG.md`', '[SECURITY.md](SECURITY.md)': '`SECURITY.md`'}


def on_files(files: Files, config) -> Files:
  """Adds the page `contributing.md`."""
  text = SOURCE.read_text()
  for here, there in (LINKS | NAMES).items():
    text = text.replace(here, there)
  files.append(File.generated(config, 'contributing.md', content=text))
  return files
