"""Preparation reports: report.json for programs, report.html for people, and a one-line summary."""

from __future__ import annotations

import collections
import dataclasses
import html
import json
import pathlib
from collections.abc import Sequence

from seetalk_jax import files
from seetalk_jax.data import prepared_clips, schema, sources
from seetalk_jax.errors import InputError
from seetalk_jax.media import face
from seetalk_jax.prepare import clip_quality, layouts
from seetalk_jax.prepare.layouts import Item
from seetalk_jax.prepare.recording import Settings

REPORT_JSON, REPORT_HTML = sources.REPORT_FILE, 'report.html'
KIND = 'real'
_MAX_ROWS = 2000  # of the page: a row has a picture, and corpora have up to a million recordings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Summary:
  """Summary statistics of a preparation.

  Attributes:
    kept: number of kept recordings.
    rejected: number of rejected recordings.
    failed: number of failed recordings.
    reasons: number of rejected recordings by reason.
    seconds: total duration of the kept clips.
    num_bytes: total size of their records.
    flagged: number of kept recordings with a flag.
  """

  kept: int
  rejected: int
  failed: int
  reasons: dict[str, int]
  seconds: float
  num_bytes: int
  flagged: int

  @property
  def line(self) -> str:
    """Last line of the command's output."""
    reasons = ', '.join(f'{reason} {count}' for reason, count in sorted(self.reasons.items()))
    hours = self.seconds / 3600
    size = f', {self.num_bytes / hours / 1e9:.2f} GB an hour' if hours else ''
    return (
      f'kept {self.kept} ({hours:.2f} h{size}; {self.flagged} flagged), rejected {self.rejected}'
      f'{f" ({reasons})" if reasons else ""}, failed {self.failed}'
    )


def summarise(entries: Sequence[dict]) -> Summary:
  """Summarizes the entries of a report."""
  counts = collections.Counter(entry['status'] for entry in entries)
  kept = [entry for entry in entries if entry['status'] == 'kept']
  return Summary(
    kept=counts['kept'],
    rejected=counts['rejected'],
    failed=counts['failed'],
    reasons=dict(collections.Counter(e['reason'] for e in entries if e['status'] == 'rejected')),
    seconds=sum(entry['kept_seconds'] for entry in kept),
    num_bytes=sum(entry['bytes'] for entry in kept),
    flagged=sum(any(clip['flags'] for clip in entry['clips']) for entry in kept),
  )


def write(out_dir: pathlib.Path, staged, entries: Sequence[dict], settings: Settings, layout: str) -> Summary:
  """Writes both reports, the clip lengths and then the manifest, which marks the corpus as complete."""
  summary = summarise(entries)
  text = json.dumps(entries, indent=1, ensure_ascii=False) + '\n'
  files.write_text(out_dir / REPORT_JSON, text)
  shown = _shown(len(entries))
  thumbnails = [staged.thumbnail(staged.items[i]) for i in shown]
  page = _page([entries[i] for i in shown], thumbnails, summary, len(entries))
  files.write_text(out_dir / REPORT_HTML, page)
  parts = {}
  for split in layouts.SPLITS:
    own = [entry for entry in entries if entry['status'] == 'kept' and entry['split'] == split]
    if own:
      prepared_clips.write(out_dir / sources.clips_name(KIND, split), prepared_clips.of_entries(own, split))
      parts[f'{KIND}-{split}'] = {
        'num': sum(entry['records'] for entry in own),
        'size': settings.size,
        'speakers': len({entry['speaker'] for entry in own}),
        'seconds': round(sum(entry['kept_seconds'] for entry in own), 3),
        'crop_version': face.PORTRAIT_CROP.version,
        'largest_side': max(clip['quality']['side'] for entry in own for clip in entry['clips']),
      }
  manifest = {'schema': schema.SCHEMA_VERSION, 'parts': parts, 'prepared': _prepared(settings, layout)}
  files.write_text(out_dir / sources.CORPUS_FILE, json.dumps(manifest, indent=2, sort_keys=True))
  return summary


def read_finished(
  out_dir: pathlib.Path, items: Sequence[Item], settings: Settings, layout: str
) -> Summary | None:
  """Reads the summary of a complete preparation of exactly these recordings; None if there is none.

  Raises:
    InputError: `out_dir` is complete with other settings, lacks some of `items`, or is another corpus.
  """
  if not (out_dir / sources.CORPUS_FILE).exists():
    return None
  manifest = sources.read_manifest(out_dir)
  if 'prepared' not in manifest:
    raise InputError(f'{out_dir} is a corpus of another kind: prepare into another folder')
  if manifest['prepared'] != json.loads(json.dumps(_prepared(settings, layout))):
    raise InputError(
      f'{out_dir} was prepared with other settings (see its {sources.CORPUS_FILE}): '
      'use another folder; training mixes corpora'
    )
  entries = json.loads((out_dir / REPORT_JSON).read_text())
  reported = {entry['file'] for entry in entries}
  new = [item.file for item in items if item.file not in reported]
  if new:
    raise InputError(
      f'{len(new)} recordings (such as {new[0]}) are new since {out_dir} was completed: prepare them from a '
      'folder of their own into another one; training mixes corpora'
    )
  return summarise(entries)


def _prepared(settings: Settings, layout: str) -> dict:
  return {'layout': layout, **settings.to_json()}


_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% } td, th { padding: .35em .6em; text-align: left;
vertical-align: top; border-bottom: 1px solid #ddd } img { width: 96px; height: 96px; border-radius: 6px;
display: block } .kept { color: #176b2c } .rejected { color: #8a5a00 } .failed { color: #a11 }
.flag { background: #fff0c2; border-radius: 4px; padding: 0 .3em } small { color: #666 }
"""


def _shown(count: int) -> list[int]:
  """Which of `count` recordings are on the page: all of them, or `_MAX_ROWS` at even distances."""
  return [i * count // min(count, _MAX_ROWS) for i in range(min(count, _MAX_ROWS))]


def _page(entries: Sequence[dict], thumbnails: Sequence[str], summary: Summary, total: int) -> str:
  """The page with these recordings out of `total`."""
  part = (
    f'<p>{len(entries)} of {total} recordings, all are in {REPORT_JSON}.</p>' if len(entries) < total else ''
  )
  rows = '\n'.join(map(_row, entries, thumbnails))
  reasons = ''.join(
    f'<tr><td>{reason}</td><td>{count}</td><td>{html.escape(clip_quality.REASONS.get(reason, ""))}</td></tr>'
    for reason, count in sorted(summary.reasons.items())
  )
  why = f'<table><tr><th>rejected for</th><th></th><th></th></tr>{reasons}</table>' if reasons else ''
  return (
    f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Preparation</title><style>{_STYLE}</style>'
    f'<h1>Preparation</h1><p>{html.escape(summary.line)}</p>{why}{part}'
    '<table><tr><th></th><th>recording</th><th>status</th><th>clips</th></tr>'
    f'{rows}</table></html>\n'
  )


def _row(entry: dict, thumbnail: str) -> str:
  picture = f'<img alt="" src="data:image/jpeg;base64,{thumbnail}">' if thumbnail else ''
  facts = [f'{entry[name]}' for name in ('seconds',) if name in entry]
  if 'width' in entry:
    facts.append(f'{entry["width"]} x {entry["height"]}')
  clips = '<br>'.join(_clip(clip) for clip in entry.get('clips', ()))
  clips += ''.join(
    f'<br><small>{count} refused: {reason}</small>'
    for reason, count in entry.get('refused_clips', {}).items()
  )
  quality = entry.get('quality')
  if quality:
    clips += f'<small>{html.escape(_measured(quality))}</small>'
  return (
    f'<tr><td>{picture}</td><td>{html.escape(entry["file"])}<br><small>speaker {html.escape(entry["speaker"])}, '
    f'{entry["split"]}; {" s, ".join(facts)}</small></td>'
    f'<td class="{entry["status"]}">{entry["status"]}<br>{html.escape(entry["reason"])}</td><td>{clips}</td></tr>'
  )


def _clip(clip: dict) -> str:
  flags = ''.join(f' <span class="flag">{html.escape(flag)}</span>' for flag in clip['flags'])
  span = f'{clip["start"]:.2f} to {clip["stop"]:.2f} s'
  return f'{span}{flags} <small>{html.escape(_measured(clip["quality"]))}</small>'


def _measured(quality: dict) -> str:
  outside = quality.get('outside', 0.0)
  cut = f'{100 * outside:.0f} % outside, ' if outside else ''
  return (
    f'face {quality["side"]} px, {cut}sharpness {quality["sharpness"]:.0f}, yaw {quality["yaw"]:.0f} degrees, '
    f'speech {100 * quality["speech"]:.0f} %, {quality["faces"]} in view'
  )
