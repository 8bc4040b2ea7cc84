"""The application: page, health, specification; the HTTP process without JAX."""

import json
import re
import subprocess
import sys

import fake_worker
import pytest
from served import served

from seetalk_jax.serving.app import create_app
from seetalk_jax.serving.settings import Settings


@pytest.fixture(scope='module')
def server():
  with served(work=fake_worker.main) as client:
    yield client


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
  return create_app(Settings(folder=tmp_path_factory.mktemp('server'))).openapi()


def test_the_http_process_imports_no_jax():
  code = (
    'import sys, pathlib, tempfile; from seetalk_jax.serving.app import create_app; '
    'from seetalk_jax.serving.settings import Settings; from seetalk_jax.cli import serve; '
    'create_app(Settings(folder=pathlib.Path(tempfile.mkdtemp()))).openapi(); '
    "print([name for name in ('jax', 'flax', 'torch', 'tensorflow') if name in sys.modules])"
  )
  found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
  assert found.stdout.strip() == '[]'


def test_health_is_503_until_the_worker_is_ready():
  with served(work=fake_worker.main, ready=False) as server:
    first = server.get('/healthz')
    assert first.json()['status'] in ('loading', 'ready')
    assert (first.status_code == 200) == (first.json()['status'] == 'ready')


def test_the_page_asks_no_other_server(server):
  page = server.get('/')
  policy = page.headers['Content-Security-Policy']
  assert "default-src 'none'" in policy and 'http' not in policy
  assert not re.findall(r'(?:src|href)=.?(?:https?:)?//', page.text) and 'import(' not in page.text
  paths = set(re.findall(r"'(/v1/[a-z]+)", page.text))
  assert paths == {'/v1/jobs', '/v1/sessions'}


def test_every_operation_is_described(spec):
  for path, operations in spec['paths'].items():
    for method, operation in operations.items():
      assert operation['summary'] and operation['description'] and operation['tags'], (method, path)
      for code, answer in operation['responses'].items():
        assert answer['description'] not in ('', 'Validation Error'), (method, path, code)
      if '{' in path:
        assert '404' in operation['responses'], (method, path)
      if method in ('post', 'delete'):
        assert '403' in operation['responses'], (method, path)
  fields = spec['components']['schemas']['Body_create_v1_jobs_post']['properties']
  assert set(fields) == set(
    'speech portrait aligned seed face steps guidance size emotion control_scale'.split()
  )
  assert all('description' in field for field in fields.values())


def test_fields_of_jobs_are_flags_of_generate(spec):
  from seetalk_jax.cli import main

  parser = main.make_parser()
  command = next(action for action in parser._actions if action.dest == 'command').choices['generate']
  flags = {action.dest: action for action in command._actions}
  fields = spec['components']['schemas']['Body_create_v1_jobs_post']['properties']
  assert set(fields) <= set(flags)
  for name in ('seed', 'face', 'steps', 'guidance', 'size'):
    field = fields[name]
    field = next((kind for kind in field.get('anyOf', ()) if 'minimum' in kind), field)
    whole = name != 'guidance'
    low, high = (int(field[bound]) if whole else field[bound] for bound in ('minimum', 'maximum'))
    assert flags[name].type(str(low)) == low and flags[name].type(str(high)) == high
    for beyond in (low - 1, high + 1):
      with pytest.raises(Exception, match='between'):
        flags[name].type(str(beyond))


def test_metrics_are_those_of_the_documentation(server):
  text = server.get('/metrics').text
  names = set(re.findall(r'^# TYPE (\S+) (?:gauge|counter|histogram)$', text, re.M))
  assert {name for name in names if not name.endswith('_created')} == {
    'seetalk_jobs',
    'seetalk_queue_length',
    'seetalk_sessions',
    'seetalk_chunk_seconds',
    'seetalk_session_delay_seconds',
    'seetalk_worker_restarts_total',
    'seetalk_worker_ready',
    'seetalk_resident_bytes',
  }


def test_errors_are_one_line_of_json(server):
  for answer in (server.get('/nothing'), server.put('/v1/jobs'), server.get('/v1/jobs/x')):
    assert set(json.loads(answer.text)) == {'detail'}
