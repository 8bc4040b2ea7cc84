"""Report in Chromium: plays, is complete, fits a phone, and asks no network. Skips without playwright or chromium."""

import json

import chromium
import green_faces
import pytest

from seetalk_jax.evaluation.videos import catalogue, network_values, report, run, sources, summary
from seetalk_jax.evaluation.videos.evaluation import VideoEvaluation
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.evaluation.videos.store import Store

DESKTOP, PHONE = (1200, 900), (375, 812)  # width and height of the window in pixels
CELLS = """rows => rows.map(row => [...row.cells].map(cell => cell.innerText.split('\\n')[0].trim()))"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Folder with report.html and metrics.json of two pairs of clips."""
  root = tmp_path_factory.mktemp('report')
  for name, shift in (('pred', 15), ('real', 0)):
    (root / name).mkdir()
    for i, clip in enumerate(('a', 'b')):
      square = (100 + 30 * i + shift, 40, 100)
      green_faces.write(root / name / f'{clip}.mp4', seconds=1.6, squares=(square,), seed=i)
  protocol = Protocol(side=64)
  pred, real = (sources.folder_videos(str(root / name)) for name in ('pred', 'real'))
  rows = VideoEvaluation(protocol, green_faces.read, Store(str(root / 'store'), '')).rows(pred, real)
  missing = run.missing_measures(network_values.Networks({}, {}))
  contents = summary.contents(rows, protocol, missing, {'face_landmarker': 'a1b2' * 16}, {'pred': 'pred'})
  summary.write_metrics(root / 'metrics.json', contents)
  report.write_report(root / 'report.html', contents, pred, real)
  return root


@pytest.fixture(scope='module')
def browser():
  with chromium.running() as running:
    yield running


@pytest.fixture
def open_page(browser, folder):
  """Opens the report in a window of a size; at the end, nothing has failed and no network was asked."""
  problems, asked = [], []
  context = browser.new_context()

  def opened(size):
    page = context.new_page()
    page.on('console', lambda message: problems.append(message.text) if message.type == 'error' else None)
    page.on('pageerror', lambda error: problems.append(str(error)))
    page.on('requestfailed', lambda request: problems.append(f'{request.url[:80]}: {request.failure}'))
    page.on('request', lambda request: asked.append(request.url[:80]))
    page.set_viewport_size(dict(zip(('width', 'height'), size, strict=True)))
    page.goto((folder / 'report.html').as_uri())
    return page

  yield opened
  context.close()
  assert not problems
  assert asked and all(url.startswith(('file:', 'data:')) for url in asked), asked


def test_every_clip_plays(open_page):
  page = open_page(DESKTOP)
  clips = page.locator('video').element_handles()
  assert len(clips) == 2
  for clip in clips:
    played = clip.evaluate(chromium.PLAYS)
    assert played['error'] is None and played['seconds'] >= 0.2
    assert (played['width'], played['height']) == (512, 256)  # generated beside real
    assert played['length'] == pytest.approx(1.6, abs=0.1) and played['sound'] > 0


@pytest.mark.parametrize('size', [DESKTOP, PHONE], ids=['desktop', 'phone'])
def test_the_table_has_every_row_and_measure(open_page, folder, size):
  page = open_page(size)
  metrics = json.loads((folder / 'metrics.json').read_text())
  (head,) = page.locator('#measures thead tr').evaluate_all(CELLS)
  assert head == ['measure', *metrics['rows']]
  shown = page.locator('#measures tbody tr').evaluate_all(CELLS)
  measures = [name for name in catalogue.ALL if any(name in cells for cells in metrics['rows'].values())]
  assert len(shown) == len(measures) > 20
  for name, cells in zip(measures, shown, strict=True):
    measure = catalogue.ALL[name]
    assert cells[0] == (f'{measure.title}, {measure.unit}' if measure.unit else measure.title)
    for row, found in zip(metrics['rows'].values(), cells[1:], strict=True):
      value = row[name]['value'] if name in row else None
      assert found == '' if value is None else float(found) == pytest.approx(value, rel=5e-3, abs=1e-9), name
  listed = page.locator('#missing').inner_text()
  assert all(catalogue.ALL[name].title in listed for name in metrics['not_computed'])
  protocol = dict(page.locator('#protocol tr').evaluate_all(CELLS))
  assert protocol['digest'] == metrics['protocol']['digest']


@pytest.mark.parametrize('size', [DESKTOP, PHONE], ids=['desktop', 'phone'])
def test_the_page_does_not_scroll_sideways(open_page, size):
  page = open_page(size)
  assert page.evaluate('document.documentElement.scrollWidth') <= size[0]
  for clip in page.locator('video').all():
    box = clip.bounding_box()
    assert box['x'] >= 0 and box['x'] + box['width'] <= size[0]
  if size == DESKTOP:  # no column of the table is hidden
    assert page.evaluate("document.querySelector('#measures').parentElement.scrollWidth") <= size[0]
