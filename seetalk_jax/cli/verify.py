"""Say what a picture or video tells about its origin: the tag of this library, its settings, a C2PA signature, and the
watermark. A file whose signature does not match is an error."""

from __future__ import annotations

import argparse
import dataclasses
import json

from seetalk_jax.errors import InputError

HELP = 'origin of a picture or video: tag, signature, watermark'
EXAMPLE = 'seetalk verify talk.mp4'


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `seetalk verify`."""
  parser.add_argument('file', metavar='FILE', help='a picture or video of any origin')
  parser.add_argument(
    '--trust', metavar='PEM', default=None, help='certificates of authorities whose signatures are trusted'
  )
  parser.add_argument('--json', action='store_true', help='one JSON object on stdout and nothing else')


def run(args: argparse.Namespace) -> None:
  """Prints what was found, as text or as JSON.

  Raises:
    InputError: the file cannot be read, or its signature does not match.
  """
  from seetalk_jax.provenance import manifest, report

  found = report.inspect(args.file, trust=args.trust)
  print(
    json.dumps(describe(found, args.file)) if args.json else '\n'.join(lines(found, args.file)), flush=True
  )
  if found.signature is not None and found.signature.state == manifest.INVALID:
    raise InputError(
      f'the signature does not match ({", ".join(found.signature.problems)}), {args.file}: the file was changed after '
      'signing, or signed wrongly'
    )


def describe(found, path: str) -> dict[str, object]:
  """The JSON object of a report; what is missing is false."""
  from seetalk_jax.provenance import detection, watermark

  marked = found.watermark
  return {
    'file': path,
    'tag': False if found.tag is None else dataclasses.asdict(found.tag),
    'settings': found.settings,
    'signature': False if found.signature is None else dataclasses.asdict(found.signature),
    'watermark': False
    if marked is None
    else {
      'payload': watermark.Watermark(marked.payload).name,
      'score': round(marked.score, 2),
      'scale': round(marked.scale, 3),
      'of_tag': found.watermark_is_of_tag,
      'false_positive': detection.FALSE_POSITIVE,
    },
  }


def lines(found, path: str) -> list[str]:
  """The report as lines of text."""
  settings = ', '.join(f'{name} {value}' for name, value in found.settings.items())
  return [
    f'{path}:',
    f'  tag        {"none of seetalk-jax" if found.tag is None else found.tag.title}',
    f'  settings   {settings or "none"}',
    f'  signature  {_signature(found.signature)}',
    f'  watermark  {_watermark(found)}',
  ]


def _signature(signature) -> str:
  from seetalk_jax.provenance import manifest

  if signature is None:
    return 'none'
  if signature.state == manifest.UNREAD:
    return "there is one, not read: pip install 'seetalk-jax[provenance]'"
  means = {
    manifest.TRUSTED: 'matches, by a trusted authority',
    manifest.VALID: 'matches, by an authority that is not known here',
    manifest.INVALID: 'DOES NOT MATCH',
  }[signature.state]
  parts = {
    'signed by': signature.signer,
    'of': signature.issuer,
    'at': signature.time,
    'source type': signature.source_type,
    'made from': ', '.join(signature.ingredients),
    'problems': ', '.join(signature.problems),
  }
  return '; '.join([means, *(f'{name} {value}' for name, value in parts.items() if value)])


def _watermark(found) -> str:
  from seetalk_jax.provenance import watermark

  marked = found.watermark
  if marked is None:
    return 'none found'
  relation = {None: '', True: ', that of the tag', False: ', not that of the tag'}[found.watermark_is_of_tag]
  name = watermark.Watermark(marked.payload).name
  return f'{name}{relation} (score {marked.score:.1f}, scale {marked.scale:.2f})'
