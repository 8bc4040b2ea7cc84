"""The web demo in Chromium: from a file to a video that plays with sound, bad files, two visitors, a phone."""

import os
import socket

import chromium
import pytest
import sounds

from seetalk_jax.testing import tiny_release

pytestmark = pytest.mark.slow
TIMEOUT_MS = 120_000


@pytest.fixture(scope='module')
def browser():
  with chromium.running() as running:
    yield running


@pytest.fixture(scope='module')
def address(tmp_path_factory):
  pytest.importorskip('gradio', reason='needs gradio: pip install -e ".[demo]"')
  os.environ.setdefault('GRADIO_ANALYTICS_ENABLED', 'False')
  os.environ['GRADIO_TEMP_DIR'] = str(tmp_path_factory.mktemp('gradio'))
  from seetalk_jax.app import page
  from seetalk_jax.app.studio import Studio

  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  served = page.serve(Studio(tiny_release.load(tiny_release.shared()), 5), port=port, wait=False)
  yield f'http://127.0.0.1:{port}/'
  served.close()


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
  folder = tmp_path_factory.mktemp('recordings')
  for name, seconds in (('one', 1.0), ('two', 1.4), ('long', 6.0)):
    sounds.write_sndfile(folder / f'{name}.wav', sounds.tone(seconds), 16_000)
  (folder / 'broken.wav').write_bytes(b'RIFF no sound at all')
  return folder


@pytest.fixture
def visit(browser, address):
  """`visit(width)`: a page of a new visitor, and the list of its errors and foreign requests."""
  contexts = []

  def open_page(width=1200):
    context = browser.new_context(viewport={'width': width, 'height': 900})
    contexts.append(context)
    page, complaints = context.new_page(), []
    page.set_default_timeout(TIMEOUT_MS)
    page.on('console', lambda line: complaints.append(line.text) if line.type == 'error' else None)
    page.on('pageerror', lambda error: complaints.append(str(error)))
    page.on('request', lambda sent: None if _is_own(sent.url, address) else complaints.append(sent.url))
    page.goto(address)
    page.wait_for_selector('#find')
    return page, complaints

  yield open_page
  for context in contexts:
    context.close()


def _is_own(url, address):
  return url.startswith((address, 'data:', 'blob:', address.replace('http', 'ws')))


def _upload(page, path):
  page.set_input_files('#recording input[type=file]', str(path))
  page.wait_for_selector(
    '#recording audio, #recording .waveform-container, #recording #waveform', state='attached'
  )


def test_from_a_file_to_a_video_that_plays(visit, recordings):
  page, complaints = visit()
  _upload(page, recordings / 'one.wav')
  page.click('#find')
  page.wait_for_selector('#faces img')
  assert page.locator('#faces img').count() == 4
  page.locator('#faces button').nth(2).focus()
  page.keyboard.press('Enter')  # by the keyboard alone
  page.click('#make')
  page.wait_for_selector('#video video[src]')
  played = page.eval_on_selector('#video video', chromium.PLAYS)
  assert played['error'] is None and played['seconds'] >= 0.2 and played['sound'] > 0
  assert (played['width'], played['height']) == (64, 64) and abs(played['length'] - 1.0) < 0.1
  names = page.locator('#files').inner_text()
  assert all(name in names for name in ('talk', 'portrait', 'blendshapes', 'settings'))
  assert complaints == []


@pytest.mark.parametrize(
  ('name', 'message'), [('broken.wav', 'not an audio or video file, broken.wav'), ('long.wav', 'at most 5 s')]
)
def test_a_bad_file_is_one_line(visit, recordings, name, message):
  page, _ = visit()
  page.set_input_files('#recording input[type=file]', str(recordings / name))
  page.wait_for_timeout(1000)
  page.click('#find')
  page.wait_for_selector('.toast-body')
  text = page.locator('.toast-body').inner_text()
  assert message in text, text
  assert 'Traceback' not in text
  assert page.locator('#faces img').count() == 0


def test_two_visitors_get_their_own_videos(visit, recordings):
  pages = [visit()[0] for _ in range(2)]
  for page, name in zip(pages, ('one', 'two'), strict=True):
    _upload(page, recordings / f'{name}.wav')
  for page in pages:
    page.click('#make')  # without choosing a face: the first one
  lengths = []
  for page in pages:
    page.wait_for_selector('#video video[src]')
    lengths.append(page.eval_on_selector('#video video', chromium.PLAYS)['length'])
  assert abs(lengths[0] - 1.0) < 0.1 and abs(lengths[1] - 1.4) < 0.1


def test_files_outside_are_not_served(address, tmp_path):
  import urllib.error
  import urllib.request

  secret = tmp_path / 'secret.txt'
  secret.write_text('mine')
  for path in (secret, '/etc/passwd'):
    with pytest.raises(urllib.error.HTTPError) as refused:
      urllib.request.urlopen(f'{address}gradio_api/file={path}')
    assert refused.value.code in (403, 404)


def test_the_page_fits_a_phone(visit):
  page, complaints = visit(375)
  assert page.evaluate('document.documentElement.scrollWidth') <= 375
  assert complaints == []


@pytest.mark.parametrize('width', [1200, 375])
def test_accessibility(visit, width):
  """No finding of axe-core is serious."""
  axe = pytest.importorskip('axe_playwright_python.sync_playwright')
  page, _ = visit(width)
  found = axe.Axe().run(page).response
  assert len(found['passes']) > 20
  assert [rule['help'] for rule in found['violations'] if rule['impact'] in ('serious', 'critical')] == []
