"""Sources of a training run: initial networks, networks that it only reads, and corpora, with their licences.

config.json of a run lists them under `sources`. A run of an earlier version has no such list.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from seetalk_jax.releases import provenance

START, READ, CORPUS = 'start', 'read', 'corpus'  # kinds of sources

_SYNTHETIC = 'synthetic data'
_NOT_RECORDED = 'data that is not recorded'


@dataclasses.dataclass(frozen=True)
class Source:
  """Something that a run was made of.

  Attributes:
    kind: 'start', initial weights of a trained network; 'read', a network or statistics that are read but not
      trained; or 'corpus'.
    name: network, `face_prior`, or folder of the corpus without its parents.
    licence: licence, or 'unknown'.
    origin: where it comes from, in a few words.
  """

  kind: str
  name: str
  licence: str
  origin: str


def list_sources(
  notes: Mapping[str, Mapping[str, Any]],
  trained: Collection[str],
  corpora: Iterable[str | pathlib.Path] | None,
) -> list[Source]:
  """The sources of a new run.

  Args:
    notes: name -> licence and origin, of the networks and statistics in `InitialWeights`.
    trained: names of the trained networks.
    corpora: folders of the corpora; None: batches of the caller, whose data are not known.
  """
  networks = [
    Source(START if name in trained else READ, name, entry['licence'], entry['origin'])
    for name, entry in notes.items()
  ]
  if corpora is None:
    return [*networks, Source(CORPUS, '', provenance.UNKNOWN, _NOT_RECORDED)]
  return [*networks, *map(_of_corpus, corpora)]


def merged(before: Sequence[Source] | None, now: Sequence[Source], trained: Collection[str]) -> list[Source]:
  """The sources of a run that goes on: the initial weights are those of its first start.

  Args:
    before: sources of the run so far; None: a run of an earlier version, without a record.
    now: sources of this start.
    trained: names of the trained networks.
  """
  if before is None:
    before = [Source(START, name, provenance.UNKNOWN, _without_record(name)) for name in trained]
  added = [source for source in now if source.kind != START and source not in before]
  return [*before, *added]


def notes_of(network: str, sources: Sequence[Source] | None, addition: str | None = None) -> dict[str, str]:
  """Licence and origin of a network that a run has trained; see `releases.provenance` for the rule.

  Args:
    network: name of the network, or of a statistic's owner.
    sources: sources of the run; None: a run without a record.
    addition: what the run adds to the origin; None: its training data.
  """
  if sources is None:
    return {'licence': provenance.UNKNOWN, 'origin': addition or _without_record(network)}
  starts = [source for source in sources if (source.kind, source.name) == (START, network)]
  inherited = [source.licence for source in starts]
  accepted = {provenance.APACHE, *inherited}
  others = [source for source in sources if source not in starts and source.licence not in accepted]
  recorded = any(source.kind == CORPUS for source in sources)
  own = provenance.APACHE if recorded and not others else provenance.UNKNOWN
  licence = provenance.combined_licence([*inherited, own])
  addition = addition or _describe_training(sources, bool(starts), others)
  origin = addition
  if starts:
    origin = provenance.extended_origin('; '.join(dict.fromkeys(s.origin for s in starts)), addition)
  return {'licence': licence, 'origin': origin}


def to_json(sources: Iterable[Source]) -> list[dict[str, str]]:
  """The list for config.json."""
  return [dataclasses.asdict(source) for source in sources]


def from_json(content: Mapping[str, Any]) -> list[Source] | None:
  """The sources in the content of a config.json; None if it has no record."""
  listed = content.get('sources')
  return None if listed is None else [Source(**entry) for entry in listed]


def _of_corpus(folder: str | pathlib.Path) -> Source:
  # Imported here: it imports Grain, which reading a run does not need.
  from seetalk_jax.data import sources as record_sources

  name = pathlib.Path(folder).name
  if record_sources.is_synthetic(folder):
    return Source(CORPUS, name, provenance.APACHE, _SYNTHETIC)
  return Source(CORPUS, name, provenance.UNKNOWN, f'the corpus {name}')


def _describe_training(sources: Sequence[Source], further: bool, others: Sequence[Source]) -> str:
  data = list(dict.fromkeys(source.origin for source in sources if source.kind == CORPUS))
  read = dict.fromkeys(f'{source.name} ({source.licence})' for source in others if source.kind != CORPUS)
  verb = 'trained further' if further else 'trained'
  text = f'{verb} with seetalk-jax on {" and ".join(data) or _NOT_RECORDED}'
  return f'{text}, by means of {" and ".join(read)}' if read else text


def _without_record(name: str) -> str:
  return f'a training run that does not record where its {name} came from'
