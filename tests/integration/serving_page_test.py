"""The page of `seetalk serve` in Chromium: a file becomes a video that plays, bad files, and a live session."""

import io

import chromium
import pytest
import sounds

for name in ('fastapi', 'uvicorn', 'httpx', 'python_multipart', 'prometheus_client'):
  pytest.importorskip(name)

from served import served  # noqa: E402

pytestmark = pytest.mark.slow
TIMEOUT_MS = 120_000


@pytest.fixture(scope='module')
def server():
  with served() as client:
    yield client


@pytest.fixture(scope='module')
def browser():
  arguments = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']
  with chromium.running(*arguments) as running:
    yield running


@pytest.fixture
def page(browser, server):
  context = browser.new_context(permissions=['microphone'])
  page, complaints = context.new_page(), []
  page.set_default_timeout(TIMEOUT_MS)
  page.on('pageerror', lambda error: complaints.append(str(error)))
  page.on(
    'console',
    lambda line: complaints.append(f'{line.text} {line.location}') if line.type == 'error' else None,
  )
  own = str(server.base_url)
  page.on(
    'request',
    lambda sent: None if sent.url.startswith((own, 'blob:', 'data:')) else complaints.append(sent.url),
  )
  page.goto(own)
  yield page
  context.close()
  assert [line for line in complaints if '422' not in line] == []


@pytest.fixture(scope='module')
def recording():
  import soundfile

  file = io.BytesIO()
  soundfile.write(file, sounds.tone(1.2), 16_000, format='WAV')
  return {'name': 'a.wav', 'mimeType': 'audio/wav', 'buffer': file.getvalue()}


def test_a_recording_becomes_a_video_that_plays(page, recording):
  page.set_input_files('#speech', [recording])
  page.click('#make')
  page.wait_for_selector('#video:not([hidden])')
  played = page.eval_on_selector('#video', chromium.PLAYS)
  assert played['error'] is None and played['seconds'] > 0.1 and played['width'] == 64
  assert played['length'] == pytest.approx(1.2, abs=0.1)


def test_a_bad_file_is_told_in_one_line(page):
  page.set_input_files('#speech', [{'name': 'b.wav', 'mimeType': 'audio/wav', 'buffer': b'RIFF nothing'}])
  page.click('#make')
  page.wait_for_selector('#job-status.wrong')
  assert 'b.wav' in page.inner_text('#job-status') and page.is_enabled('#make')


def test_the_microphone_drives_a_live_face(page, recording, server):
  page.set_input_files('#live-speech', [recording])
  page.click('#open')
  page.wait_for_selector('#live-video:not([hidden])')
  state = page.evaluate(
    """async () => {
      const video = document.getElementById('live-video');
      const deadline = Date.now() + 40000;
      while (video.currentTime < 3 && Date.now() < deadline) await new Promise(r => setTimeout(r, 100));
      return {time: video.currentTime, width: video.videoWidth, sound: video.webkitAudioDecodedByteCount};
    }"""
  )
  assert state['time'] >= 3 and state['width'] == 64 and state['sound'] > 0
  assert server.get('/healthz').json()['sessions'] == 1
  page.click('#interrupt')
  page.click('#close')
  page.wait_for_selector('#open:enabled')
  page.wait_for_timeout(500)
  assert server.get('/healthz').json()['sessions'] == 0
