"""Chromium of the system for tests of pages, with the codecs that it decodes; skips without it or playwright."""

import contextlib
import shutil

import pytest

# Awaited in the page with a <video>: what it plays.
PLAYS = """async video => {
  video.muted = true;  // a page may not start sound by itself
  await video.play();
  const start = video.currentTime, deadline = Date.now() + 20000;
  while (video.currentTime < start + 0.2 && Date.now() < deadline) await new Promise(r => setTimeout(r, 50));
  video.pause();
  return {seconds: video.currentTime - start, width: video.videoWidth, height: video.videoHeight,
          length: video.duration, sound: video.webkitAudioDecodedByteCount, error: video.error};
}"""


@contextlib.contextmanager
def running(*arguments):
  """A running browser of playwright, with further arguments of chromium."""
  api = pytest.importorskip('playwright.sync_api', reason='needs playwright: pip install -e ".[browser]"')
  chromium = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
  if chromium is None:
    pytest.skip('needs chromium on PATH: apt-get install chromium')
  with api.sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox', *arguments])
    yield browser
    browser.close()
