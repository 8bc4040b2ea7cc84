"""Model card of a release: README.md of a repository on the Hugging Face Hub, with metadata in front.

Everything is read from seetalk.json. A MODEL_CARD.md in the folder of the release, written by its maker, takes the
place of the tables, limits and license.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from seetalk_jax.releases import provenance as provenance_lib
from seetalk_jax.releases import storage

CARD_FILE = 'README.md'
OWN_FILE = 'MODEL_CARD.md'

# Identifiers of licenses in the metadata of the Hub; every other license is `other` with a name.
_LICENSES = {
  *('apache-2.0', 'mit', 'bsd-3-clause', 'cc0-1.0', 'cc-by-4.0', 'cc-by-sa-4.0', 'cc-by-nc-4.0'),
  *('cc-by-nc-sa-4.0', 'cc-by-nc-nd-4.0', 'openrail', 'creativeml-openrail-m', 'unknown'),
}
_TAGS = ('jax', 'flax', 'talking-face', 'talking-head', 'audio-to-video', 'speech')
_VIDEO_NETWORKS = {'motion_transformer', 'motion_codec'}

_LIMITS = """\
- A portrait that is sampled from a voice is one of many faces that fit it, not a likeness of the speaker. It is no
  evidence of who is speaking, what they look like, where they come from or how old they are.
- Quality depends on what the networks were trained on; see the table. Measure it with `seetalk evaluate`.
"""
_RESPONSIBLE_USE = """\
- Animate, dub or adapt to a real person only if that person agreed to this use.
- Say that the result is synthetic. Videos and portraits carry metadata and a watermark that say so; leave them there,
  and tell people too.
- No identification of speakers, no impersonation, no made-up statements of real people, no fraud, no harassment, no
  sexual content of real people.
- Recordings of voices are personal data.
"""


def write(checkpoint: str | os.PathLike, repository: str = '') -> str:
  """The card of a release, in Markdown.

  Args:
    checkpoint: a release; see `storage.resolve`.
    repository: owner/name on the Hub, for title and example; '': the folder's name and a placeholder.

  Raises:
    CheckpointError: no such release, or a damaged one.
  """
  directory, info = storage.read_info(checkpoint)
  title = repository.rpartition('/')[2] or directory.name
  own = directory / OWN_FILE
  if own.is_file():
    body = [_without_title(own), _consents(info)]
  else:
    body = [_networks(info), _training(info), f'## Limits\n\n{_LIMITS}', _consents(info), _license(info)]
  parts = [_metadata(info), f'# {title}', _use(repository), *body]
  if not own.is_file():
    parts.append(f'## Responsible use\n\n{_RESPONSIBLE_USE}')
  return '\n\n'.join(part.strip() for part in parts if part) + '\n'


def license_of(info: Mapping[str, Any]) -> str:
  """The license of all networks of a release together."""
  return provenance_lib.combined_licence(
    provenance_lib.notes_of(entry)['licence'] for entry in info['networks'].values()
  )


def _metadata(info: Mapping[str, Any]) -> str:
  """YAML front matter; JSON strings are YAML."""
  whole = license_of(info)
  known = whole.lower() in _LICENSES
  lines = [f'license: {whole.lower() if known else "other"}']
  lines += [] if known else [f'license_name: {json.dumps(whole)}']
  lines.append('library_name: seetalk-jax')
  if set(info['networks']) >= _VIDEO_NETWORKS:
    lines.append('pipeline_tag: image-to-video')  # the Hub has no task of speech to video
  lines += ['tags:', *(f'- {tag}' for tag in _TAGS)]
  return '\n'.join(['---', *lines, '---'])


def _use(repository: str) -> str:
  place = f'hf:{repository}' if repository else 'DIR'
  extra = ', with its extra `hub`' if repository else ''
  return f"""\
A release of [seetalk-jax](https://arxiv.org/abs/2510.26819): networks that turn a speech recording into a talking
face, in JAX and Flax. Files are safetensors and JSON; nothing in them is executed. Install `seetalk-jax`{extra}, then:

```python
import seetalk_jax

pipe = seetalk_jax.load('{place}')
pipe('speech.wav', seed=0).save('talk.mp4')
```

```sh
seetalk generate speech.wav -o talk.mp4 --checkpoint {place}
```"""


def _networks(info: Mapping[str, Any]) -> str:
  rows, total = [], 0
  for name, entry in info['networks'].items():
    count = entry.get('num_parameters', 0)
    notes, total = provenance_lib.notes_of(entry), total + count
    stage = f'{notes["stage"]}, {notes.get("steps", "?")} steps' if 'stage' in notes else ''
    rows.append(
      f'| `{name}` | `{entry["class"]}` | {count:,} | {entry.get("dtype", "?")} | {_cell(stage)} | '
      f'{_cell(notes["licence"])} | {_cell(notes["origin"])} |'
    )
  columns = ('network', 'class', 'parameters', 'stored as', 'last trained by', 'license', 'origin')
  head = f'| {" | ".join(columns)} |\n{"|---" * len(columns)}|'
  version = info.get('library_version', '?')
  line = (
    f'{total:,} parameters in all. Written by seetalk-jax {version}; `seetalk.json` has every field of the networks, '
    'and the SHA-256 of every file.'
  )
  return '\n'.join(['## Networks', '', head, *rows, '', line])


def _training(info: Mapping[str, Any]) -> str:
  told = info.get('provenance', {})
  lines = [
    f'- Stage `{stage}`: {record.get("steps", "?")} steps. Its configuration is in `seetalk.json`.'
    for stage, record in told.get('stages', {}).items()
  ]
  lines += [_adaptation(record) for record in told.get('adaptations', [])]
  if info.get('sampling'):
    options = ', '.join(f'`{key}` {value:g}' for key, value in info['sampling'].items())
    lines.append(f'- Sampling defaults: {options}.')
  controls = info['networks'].get('motion_transformer', {}).get('fields', {}).get('controls', [])
  lines += [f'- Controls of the motion: {", ".join(controls)}.'] if controls else []
  lines.append('- Data: the column "origin" above, as the maker of each network stated it.')
  return '\n'.join(['## Training', '', *lines])


def _adaptation(record: Mapping[str, Any]) -> str:
  before, after = record.get('psnr_before'), record.get('psnr_after')
  figure = (
    '' if before is None or after is None else f'; PSNR of held-out frames {before:.2f} to {after:.2f} dB'
  )
  photos, seconds = record.get('photos', 0), record.get('video_seconds', 0)
  return f'- Adapted to one person: {photos} photos, {seconds:g} s of video{figure}.'


def _consents(info: Mapping[str, Any]) -> str:
  texts = dict.fromkeys(entry['consent'] for entry in info['networks'].values() if entry.get('consent'))
  if not texts:
    return ''
  return '\n'.join(
    [
      '## Consent',
      '',
      'Some networks draw one real person, who agreed to this:',
      '',
      *(f'> {" ".join(t.split())}' for t in texts),
    ]
  )


def _license(info: Mapping[str, Any]) -> str:
  whole = license_of(info)
  note = ' It was not stated for every network: ask before you use them.' if 'unknown' in whole else ''
  return f'## License\n\n{whole}.{note}'


def _without_title(path: pathlib.Path) -> str:
  """A card that somebody wrote, without metadata and its first heading: this card has its own."""
  text = path.read_text('utf-8').lstrip()
  if text.startswith('---\n'):
    text = text.partition('\n---\n')[2].lstrip()
  first, _, rest = text.partition('\n')
  return rest if first.startswith('# ') else text


def _cell(text: str) -> str:
  return ' '.join(str(text).split()).replace('|', '\\|')
