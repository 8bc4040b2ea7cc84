"""Model cards: metadata that the Hub reads, and what the release holds."""

import json
import shutil

import pytest

from seetalk_jax.cli import main
from seetalk_jax.releases import model_card, storage
from seetalk_jax.testing import tiny_release


@pytest.fixture
def release(tmp_path):
  """A release of its own, whose seetalk.json may be changed."""
  return shutil.copytree(tiny_release.shared(), tmp_path / 'mine')


def change(release, **notes):
  info = json.loads((release / 'seetalk.json').read_text())
  info['networks']['autoencoder'] |= notes
  (release / 'seetalk.json').write_text(json.dumps(info))


def metadata(text):
  """Lines of the front matter, and the text after it."""
  begin, front, body = text.split('---\n', 2)
  assert begin == ''
  return front.splitlines(), body


def test_the_card_says_what_the_release_holds(release):
  front, body = metadata(model_card.write(release, 'owner/name'))
  _, info = storage.read_info(release)
  assert 'library_name: seetalk-jax' in front and 'pipeline_tag: image-to-video' in front
  assert body.lstrip().startswith('# name\n') and "seetalk_jax.load('hf:owner/name')" in body
  for name, entry in info['networks'].items():
    assert f'| `{name}` | `{entry["class"]}` | {entry["num_parameters"]:,} |' in body
  for heading in ('Networks', 'Training', 'Limits', 'License', 'Responsible use'):
    assert f'## {heading}\n' in body
  assert '## Consent' not in body


@pytest.mark.parametrize(
  'licence, lines',
  [
    ('Apache-2.0', ['license: apache-2.0']),
    ('CC-BY-NC-4.0', ['license: cc-by-nc-4.0']),
    ('unknown', ['license: unknown']),
    ('S-Lab License 1.0', ['license: other', 'license_name: "S-Lab License 1.0"']),
    ('MIT AND unknown', ['license: other', 'license_name: "MIT AND unknown"']),
  ],
)
def test_the_license_is_that_of_all_networks(release, licence, lines):
  info = json.loads((release / 'seetalk.json').read_text())
  for entry in info['networks'].values():
    entry['licence'] = 'Apache-2.0'
  (release / 'seetalk.json').write_text(json.dumps(info))
  change(release, licence=licence)
  front, body = metadata(model_card.write(release))
  assert [line for line in front if line.startswith('license')] == lines
  assert ('ask before you use them' in body) == ('unknown' in licence)


def test_texts_cannot_break_the_table_and_consent_is_shown(release):
  change(release, origin='a | b\nc', consent='I agree.\n# No heading')
  own = release / 'MODEL_CARD.md'
  for text in ('', '# Mine\n\nMy own words.\n'):
    if text:
      own.write_text(text)
    card = model_card.write(release)
    assert '\n> I agree. # No heading\n' in card
    assert ('a \\| b c' in card) == (not text)
  assert 'My own words.' in card and '# Mine' not in card


def test_a_part_of_the_networks_makes_no_videos(tmp_path):
  front, _ = metadata(model_card.write(tiny_release.make(tmp_path / 'part', ('autoencoder',))))
  assert not any(line.startswith('pipeline_tag') for line in front)


def test_the_card_of_the_demo_weights_is_their_own(capsys):
  assert main.main(['info', 'demo', '--card']) == 0
  front, body = metadata(capsys.readouterr().out)
  assert front[0] == 'license: apache-2.0'
  own = (storage.DEMO_FOLDER / 'MODEL_CARD.md').read_text()
  assert own.partition('\n')[2].strip() in body and body.count('\n# ') == 1
