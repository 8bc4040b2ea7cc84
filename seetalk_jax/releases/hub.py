"""Releases on the Hugging Face Hub: `hf:owner/name`, optional extra `hub`.

A repository holds the files of a release and a model card. Only seetalk.json and the safetensors files that it names
are downloaded, into the cache of huggingface_hub, which resumes an interrupted download and works without a network
afterwards. Readers check the SHA-256 of each file. Nothing that is downloaded is executed.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import pathlib
import re
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

from seetalk_jax import files
from seetalk_jax.constants import RELEASE_FILE
from seetalk_jax.errors import CheckpointError, InputError

PREFIX = 'hf:'
LOG_IN = 'log in with `hf auth login`, or set HF_TOKEN'

_NAME = re.compile(r'[\w.-]+/[\w.-]+')
_HTTP_LIBRARIES = ('httpx', 'httpx2', 'httpcore', 'httpcore2')  # of the versions of huggingface_hub


class Place(NamedTuple):
  """A repository of the Hub.

  Attributes:
    repository: owner/name.
    revision: branch, tag or commit; None: main.
  """

  repository: str
  revision: str | None

  def __str__(self) -> str:
    return self.repository + (f'@{self.revision}' if self.revision else '')


def parse(text: str) -> Place:
  """The repository of `owner/name`, `owner/name@revision`, or either after `hf:`.

  Raises:
    InputError: not of this form.
  """
  repository, at, revision = text.removeprefix(PREFIX).partition('@')
  if not _NAME.fullmatch(repository) or (at and not revision):
    raise InputError(f'no repository of the Hub, {text}: write owner/name or owner/name@revision')
  return Place(repository, revision or None)


@functools.cache  # one snapshot, and one request, for a process
def cached_folder(text: str) -> pathlib.Path:
  """Folder of a release in the cache of huggingface_hub; downloads what is missing.

  Without a network, what was downloaded before is used. Weights are not checked here: readers do.

  Args:
    text: see `parse`.

  Raises:
    CheckpointError: no such repository or revision, no access to it, or it holds no release.
    InputError: the extra is not installed, or the Hub cannot be reached.
  """
  place = parse(text)
  api = _api()
  with _one_line_errors(place, api):
    index = pathlib.Path(api.hf_hub_download(place.repository, RELEASE_FILE, revision=place.revision))
    # All files of the commit that seetalk.json came from.
    commit = index.parent.name
    names = [RELEASE_FILE, *files_of(index)]
    return pathlib.Path(api.snapshot_download(place.repository, revision=commit, allow_patterns=names))


def files_of(index: pathlib.Path) -> list[str]:
  """Names of the safetensors files of a release.

  Args:
    index: its seetalk.json.

  Raises:
    CheckpointError: it is damaged.
  """
  try:
    info = json.loads(index.read_text('utf-8'))
    entries = [*info['networks'].values(), *filter(None, [info.get('statistics')])]
    names = [entry['file'] for entry in entries]
  except (ValueError, KeyError, TypeError, AttributeError):
    raise CheckpointError(f'damaged {RELEASE_FILE}, {index}: ask its maker for another') from None
  if wrong := [name for name in names if not re.fullmatch(r'[\w.-]+\.safetensors', str(name))]:
    raise CheckpointError(
      f'a release has safetensors files beside {RELEASE_FILE}, {index}: it names {wrong[0]!r}'
    )
  return sorted(set(names))


def pull(text: str, directory: str | os.PathLike | None = None) -> pathlib.Path:
  """Downloads a release and checks every file.

  Args:
    text: see `parse`.
    directory: folder that gets a copy, atomically; an existing release is replaced. None: only the cache has it.

  Returns:
    The folder.

  Raises:
    CheckpointError, InputError: see `cached_folder`; or a file is not the one that seetalk.json names.
    OutputError: the folder cannot be written.
  """
  from seetalk_jax.releases import storage

  found = cached_folder(text)
  storage.verify(found)
  if directory is None:
    return found
  with files.replacing_folder(directory) as part:
    for name in (RELEASE_FILE, *files_of(found / RELEASE_FILE)):
      shutil.copyfile(found / name, part / name)
  return pathlib.Path(directory)


def push(checkpoint: str | os.PathLike, text: str, *, public: bool = False, message: str = '') -> str:
  """Uploads a release with its model card, in one commit; the repository is made if it does not exist.

  Files that another release has left there (safetensors of other names) are removed. Nothing but the files of the
  release and README.md is uploaded; see `model_card`.

  Args:
    checkpoint: a release; see `storage.resolve`.
    text: see `parse`; a revision is a branch, made if it does not exist.
    public: whether a new repository is public; an existing one stays as it is.
    message: of the commit.

  Returns:
    The address of the commit.

  Raises:
    CheckpointError: no such release, a damaged one, no access to the repository.
    InputError: the extra is not installed, there is no token, or the Hub cannot be reached.
  """
  from seetalk_jax.releases import model_card, storage

  place = parse(text)
  storage.verify(checkpoint)
  directory = storage.resolve(checkpoint)
  card = model_card.write(checkpoint, place.repository)
  api = _api()
  from huggingface_hub import CommitOperationAdd, CommitOperationDelete

  names = [RELEASE_FILE, *files_of(directory / RELEASE_FILE)]
  with _one_line_errors(place, api):
    api.create_repo(place.repository, private=not public, exist_ok=True)
    if place.revision:
      api.create_branch(place.repository, branch=place.revision, exist_ok=True)
    there = api.list_repo_files(place.repository, revision=place.revision)
    operations: list[Any] = [
      CommitOperationDelete(name) for name in there if name.endswith('.safetensors') and name not in names
    ]
    operations += [CommitOperationAdd(name, str(directory / name)) for name in names]
    operations.append(CommitOperationAdd(model_card.CARD_FILE, card.encode()))
    message = message or 'Upload a release of seetalk-jax'
    done = api.create_commit(place.repository, operations, commit_message=message, revision=place.revision)
  return done.commit_url


def show_progress(shown: bool) -> None:
  """Whether transfers of this process draw progress bars on stderr."""
  _api()
  from huggingface_hub import utils

  (utils.enable_progress_bars if shown else utils.disable_progress_bars)()


def _api():
  """The client of the Hub that HF_ENDPOINT names."""
  try:
    import huggingface_hub
  except ImportError:
    raise InputError(
      "releases on the Hub need huggingface_hub, which is not installed: pip install 'seetalk-jax[hub]'"
    ) from None
  import seetalk_jax

  return huggingface_hub.HfApi(
    endpoint=os.environ.get('HF_ENDPOINT') or None,
    library_name='seetalk-jax',
    library_version=seetalk_jax.__version__,
  )


@contextlib.contextmanager
def _one_line_errors(place: Place, api) -> Iterator[None]:
  """Inside, errors of huggingface_hub become one line, and its warnings of retries, which precede them, are silent."""
  logger = logging.getLogger('huggingface_hub')
  level = logger.level
  logger.setLevel(logging.ERROR)
  try:
    yield
  except Exception as error:
    if (line := _explain(error, place, api.endpoint)) is None:
      raise
    raise CheckpointError(line) from error
  finally:
    logger.setLevel(level)


def _explain(error: Exception, place: Place, endpoint: str) -> str | None:
  """One line for an error of the Hub or of the network; None for any other."""
  from huggingface_hub import errors

  status = getattr(getattr(error, 'response', None), 'status_code', None)
  if isinstance(error, errors.GatedRepoError):
    return f'access is restricted, {place}: accept its terms at {endpoint}/{place.repository}, and {LOG_IN}'
  if isinstance(error, errors.RepositoryNotFoundError):
    return f'no such repository at {endpoint}, or a private one, {place}: check its name, or {LOG_IN}'
  if isinstance(error, errors.RevisionNotFoundError):
    return f'no such revision, {place}: give a branch, a tag or a commit of {place.repository}'
  if isinstance(error, errors.LocalTokenNotFoundError):
    return f'no token for {endpoint}, {place}: {LOG_IN}'
  if isinstance(error, errors.LocalEntryNotFoundError):
    return f'{endpoint} cannot be reached, and this release was not here before, {place}: check the network'
  of_network = type(error).__module__.split('.')[0] in _HTTP_LIBRARIES
  if isinstance(error, ConnectionError) or (of_network and status is None):
    return f'{endpoint} cannot be reached or has broken off, {place}: check the network and start again'
  if isinstance(error, errors.EntryNotFoundError):
    return f'no release of seetalk-jax (it has no {RELEASE_FILE}), {place}: give another repository'
  if status in (401, 403):
    return f'no permission at {endpoint}, {place}: {LOG_IN}, with a token that may do this'
  if isinstance(error, errors.HfHubHTTPError):
    return f'{endpoint} answers with an error ({status}), {place}: try again later'
  return None
