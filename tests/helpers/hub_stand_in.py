"""Stand-in for the HTTP interface of the Hugging Face Hub, as far as huggingface_hub needs it for releases.

Repositories, commits, git LFS uploads, downloads with ranges, gated and private repositories; no Xet.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import dataclasses
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

TOKEN = 'hf_' + 'a' * 34
REGULAR = ('.json', '.md')  # other files go through LFS


@dataclasses.dataclass
class Repository:
  """Attributes: private, gated; refs: branch -> commit; commits: commit -> file name -> content."""

  private: bool = False
  gated: bool = False
  refs: dict[str, str] = dataclasses.field(default_factory=dict)
  commits: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)

  def commit(self, files: dict[str, bytes], branch: str = 'main') -> str:
    content = repr((len(self.commits), branch, sorted(files))).encode()
    name = hashlib.sha1(content).hexdigest()
    self.commits[name] = dict(files)
    self.refs[branch] = name
    return name

  def head(self, branch: str = 'main') -> dict[str, bytes]:
    return self.commits[self.refs[branch]]


class Hub:
  """State of the stand-in.

  Attributes:
    repositories: owner/name -> repository.
    requests: (method, path) of each request.
    sent: file name -> bytes of its content that were sent.
    cut: file name -> bytes after which its next transfer breaks off.
    down: every request is answered with an error 503.
  """

  def __init__(self):
    self.repositories: dict[str, Repository] = {}
    self.objects: dict[str, bytes] = {}
    self.requests: list[tuple[str, str]] = []
    self.sent: collections.Counter[str] = collections.Counter()
    self.cut: dict[str, int] = {}
    self.down = False
    self.url = ''

  def add(self, name: str, files: dict[str, bytes], **how) -> Repository:
    self.repositories[name] = Repository(**how)
    self.repositories[name].commit(files)
    return self.repositories[name]


@contextlib.contextmanager
def running():
  """A running stand-in; its address is `url`."""
  hub = Hub()
  handler = type('Handler', (_Handler,), {'hub': hub})
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
    hub.url = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
    thread.start()
    yield hub
    server.shutdown()


class _Refused(Exception):
  def __init__(self, status: int, code: str = ''):
    super().__init__(code)
    self.status, self.code = status, code


class _Handler(http.server.BaseHTTPRequestHandler):
  hub: Hub
  protocol_version = 'HTTP/1.1'

  def log_message(self, *_):
    pass

  def do_GET(self):
    self._answer('GET')

  def do_HEAD(self):
    self._answer('HEAD')

  def do_POST(self):
    self._answer('POST')

  def do_PUT(self):
    self._answer('PUT')

  def _answer(self, method: str) -> None:
    path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
    self.hub.requests.append((method, path))
    self.body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
    try:
      if self.hub.down:
        raise _Refused(503)
      for pattern, verb, answer in _ROUTES:
        if verb in (method, method.replace('HEAD', 'GET')) and (found := re.fullmatch(pattern, path)):
          answer(self, *found.groups())
          return
      raise _Refused(404)
    except _Refused as refused:
      headers = {'X-Error-Code': refused.code, 'X-Error-Message': refused.code} if refused.code else {}
      self._send(b'{}', refused.status, headers)

  def _send(self, content: bytes, status: int = 200, headers=None, cut: int | None = None) -> None:
    self.send_response(status)
    for name, value in {'Content-Length': str(len(content)), **(headers or {})}.items():
      self.send_header(name, value)
    self.end_headers()
    if self.command == 'HEAD':
      return
    self.wfile.write(content[:cut])
    if cut is not None:
      self.wfile.flush()
      self.connection.shutdown(2)
      self.close_connection = True

  def _json(self, content) -> None:
    self._send(json.dumps(content).encode(), headers={'Content-Type': 'application/json'})

  def _allowed(self) -> bool:
    return self.headers.get('Authorization') == f'Bearer {TOKEN}'

  def _repository(self, name: str, to_write: bool = False, for_files: bool = False) -> Repository:
    if to_write and not self._allowed():
      raise _Refused(401)
    repository = self.hub.repositories.get(name)
    if repository is None or (repository.private and not self._allowed()):
      raise _Refused(404 if self._allowed() else 401, 'RepoNotFound')
    if repository.gated and for_files and not self._allowed():
      raise _Refused(401, 'GatedRepo')
    return repository

  def _files(self, repository: Repository, revision: str) -> tuple[str, dict[str, bytes]]:
    commit = repository.refs.get(revision, revision)
    if commit not in repository.commits:
      raise _Refused(404, 'RevisionNotFound')
    return commit, repository.commits[commit]

  # ---- reading

  def info(self, name: str, revision: str = 'main') -> None:
    repository = self._repository(name)
    commit, files = self._files(repository, revision)
    siblings = [{'rfilename': file} for file in files]
    self._json(
      {
        'id': name,
        'modelId': name,
        'sha': commit,
        'private': repository.private,
        'tags': [],
        'siblings': siblings,
      }
    )

  def tree(self, name: str, revision: str) -> None:
    _, files = self._files(self._repository(name), revision)
    self._json([_entry(file, content) for file, content in files.items()])

  def file(self, name: str, revision: str, file: str) -> None:
    commit, files = self._files(self._repository(name, for_files=True), revision)
    if file not in files:
      raise _Refused(404, 'EntryNotFound')
    content, status = files[file], 200
    etag = hashlib.sha256(content).hexdigest()
    headers = {'X-Repo-Commit': commit, 'ETag': f'"{etag}"', 'Accept-Ranges': 'bytes'}
    if found := re.fullmatch(r'bytes=(\d+)-\d*', self.headers.get('Range', '')):
      first = int(found[1])
      headers['Content-Range'] = f'bytes {first}-{len(content) - 1}/{len(content)}'
      content, status = content[first:], 206
    cut = self.hub.cut.pop(file, None) if self.command == 'GET' else None
    self.hub.sent[file] += 0 if self.command == 'HEAD' else min(len(content), cut or len(content))
    self._send(content, status, headers, cut)

  # ---- writing

  def create(self) -> None:
    if not self._allowed():
      raise _Refused(401)
    wanted = json.loads(self.body)
    name = f'{wanted["organization"]}/{wanted["name"]}' if wanted.get('organization') else wanted['name']
    if name in self.hub.repositories:
      self._send(json.dumps({'url': f'{self.hub.url}/{name}'}).encode(), 409)
      return
    private = wanted.get('private', wanted.get('visibility') == 'private')
    self.hub.add(name, {'.gitattributes': b''}, private=bool(private))
    self._json({'url': f'{self.hub.url}/{name}', 'id': name, 'name': name})

  def branch(self, name: str, branch: str) -> None:
    repository = self._repository(name, to_write=True)
    if branch in repository.refs:
      raise _Refused(409)
    repository.refs[branch] = repository.refs['main']
    self._json({})

  def preupload(self, name: str, _: str) -> None:
    self._repository(name, to_write=True)
    files = json.loads(self.body)['files']
    modes = [
      {
        'path': file['path'],
        'shouldIgnore': False,
        'uploadMode': 'regular' if file['path'].endswith(REGULAR) else 'lfs',
      }
      for file in files
    ]
    self._json({'files': modes})

  def batch(self, name: str) -> None:
    self._repository(name, to_write=True)
    objects = []
    for wanted in json.loads(self.body)['objects']:
      there = wanted['oid'] in self.hub.objects
      actions = {} if there else {'actions': {'upload': {'href': f'{self.hub.url}/lfs/{wanted["oid"]}'}}}
      objects.append({**wanted, **actions})
    self._json({'transfer': 'basic', 'objects': objects})

  def upload(self, oid: str) -> None:
    if hashlib.sha256(self.body).hexdigest() != oid:
      raise _Refused(400)
    self.hub.objects[oid] = self.body
    self._send(b'')

  def commit(self, name: str, branch: str) -> None:
    repository = self._repository(name, to_write=True)
    files = dict(repository.head(branch))
    for line in self.body.decode().splitlines():
      entry = json.loads(line)
      value = entry['value']
      if entry['key'] == 'file':
        files[value['path']] = base64.b64decode(value['content'])
      elif entry['key'] == 'lfsFile':
        files[value['path']] = self.hub.objects[value['oid']]
      elif entry['key'] == 'deletedFile':
        del files[value['path']]
    commit = repository.commit(files, branch)
    self._json({'commitUrl': f'{self.hub.url}/{name}/commit/{commit}', 'commitOid': commit, 'success': True})

  def validated(self) -> None:
    self._json({'errors': [], 'warnings': []})


def _entry(file: str, content: bytes) -> dict:
  entry = {'type': 'file', 'path': file, 'size': len(content), 'oid': hashlib.sha1(content).hexdigest()}
  if not file.endswith(REGULAR):
    entry['lfs'] = {'oid': hashlib.sha256(content).hexdigest(), 'size': len(content), 'pointerSize': 100}
  return entry


_MODEL = r'/api/models/([^/]+/[^/]+)'
_ROUTES = [
  (_MODEL, 'GET', _Handler.info),
  (_MODEL + r'/revision/(.+)', 'GET', _Handler.info),
  (_MODEL + r'/tree/([^/]+)/?', 'GET', _Handler.tree),
  (r'/([^/]+/[^/]+)/resolve/([^/]+)/(.+)', 'GET', _Handler.file),
  (r'/api/repos/create', 'POST', _Handler.create),
  (_MODEL + r'/branch/(.+)', 'POST', _Handler.branch),
  (_MODEL + r'/preupload/([^/]+)', 'POST', _Handler.preupload),
  (r'/([^/]+/[^/]+)\.git/info/lfs/objects/batch', 'POST', _Handler.batch),
  (r'/lfs/([0-9a-f]{64})', 'PUT', _Handler.upload),
  (_MODEL + r'/commit/([^/]+)', 'POST', _Handler.commit),
  (r'/api/validate-yaml', 'POST', _Handler.validated),
]
