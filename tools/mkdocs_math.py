"""MkDocs hook: converts fenced `math` blocks (LaTeX, as on GitHub) to MathML; pages then load no script."""

from __future__ import annotations

import re

from latex2mathml import converter

_BLOCK = re.compile(r'^```math\n(.*?)^```$', re.DOTALL | re.MULTILINE)


def on_page_markdown(markdown: str, **_) -> str:
  """Replaces every `math` block in the Markdown of a page."""
  return _BLOCK.sub(lambda block: _to_mathml(block.group(1)), markdown)


def _to_mathml(latex: str) -> str:
  mathml = converter.convert(' '.join(latex.split()), display='block')
  return f'<div class="equation" tabindex="0" role="math">{mathml}</div>'
