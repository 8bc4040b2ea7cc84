"""Adaptation with tiny networks: the release works like any other, and states consent, licence and origin."""

import itertools
import pathlib

import jax
import numpy as np
import pytest

from seetalk_jax.adaptation import adapt, fitting, recordings
from seetalk_jax.errors import InputError
from seetalk_jax.inference import pipeline
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release
from tests.helpers import plain_face

SIDE = tiny_release.SIDE
CONSENT = 'I am the person in these pictures'
OPTIONS = fitting.FitOptions(minutes=60, max_steps=4, rank=2, batch_size=2, factor_rate=1e-2, checks=2)


def recording(num_frames, seed=0):
  rng = np.random.default_rng(seed)
  picture = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((SIDE // 8, SIDE // 8, 1))).astype(np.uint8)
  frames = np.stack([np.roll(picture, i % 5, axis=1) for i in range(num_frames)])
  seconds = 0.0 if num_frames == 1 else num_frames / 25
  return recordings.Recording(pathlib.Path('a'), frames, np.ones((SIDE, SIDE), bool), seconds)


def load(folder):
  return LoadedRelease.load(folder, 'cpu')


@pytest.fixture(scope='module')
def adapted(tmp_path_factory):
  """Folder and result of an adaptation to a photo and a video."""
  folder = tmp_path_factory.mktemp('adapted') / 'release'
  people = [recording(1), recording(20)]
  with pytest.MonkeyPatch.context() as patch:
    plain_face.use(patch)
    later = itertools.count()  # tiny networks on noise gain nothing: here, a later state counts as better
    patch.setattr(adapt.Judge, 'score', lambda *_: float(next(later)))
    made = adapt.adapt(load(tiny_release.shared()), people, folder, consent=CONSENT, options=OPTIONS)
  return folder, made


@pytest.mark.slow
def test_figures(adapted):
  folder, made = adapted
  assert (made.photos, made.video_seconds, made.fit_frames, made.held_out_frames) == (1, 0.8, 15, 4)
  assert made.measured_frames == 15
  assert made.networks == ('motion_codec', 'hr_decoder') and made.parameters > 100
  assert made.num_steps == 4 and not made.stopped and made.directory == str(folder)
  for value in (made.psnr_before, made.psnr_after, made.fit_psnr_before, made.fit_psnr_after):
    assert 3 < value < 60
  for name in ('sharpness_before', 'sharpness_after', 'fit_sharpness_before', 'fit_sharpness_after'):
    assert 0 < getattr(made, name) < 100


@pytest.mark.slow
def test_the_release_states_consent_licence_and_origin(adapted):
  folder, made = adapted
  _, before = storage.read_info(tiny_release.shared())
  _, info = storage.read_info(folder)
  assert list(info['networks']) == list(before['networks'])
  for name, entry in info['networks'].items():
    if name in made.networks:
      assert entry['consent'] == CONSENT and 'unknown' in entry['licence']
      assert f'adapted to one person (1 photo and 0.8 s of video; consent: {CONSENT})' in entry['origin']
    else:
      assert 'consent' not in entry
      for key in ('licence', 'origin', 'digest'):
        assert entry[key] == before['networks'][name][key]
  (record,) = info['provenance']['adaptations']
  assert record['consent'] == CONSENT and record['psnr_after'] == made.psnr_after
  assert info['sampling'] == before['sampling']
  # The consent travels with networks that are loaded and saved again.
  networks = storage.load_networks(folder, only='hr_decoder')
  copied = storage.save_release(folder.parent / 'copy', networks)
  assert storage.read_info(copied)[1]['networks']['hr_decoder']['consent'] == CONSENT


@pytest.mark.slow
def test_the_release_works_like_any_other(adapted):
  folder, made = adapted
  old, new = storage.load_networks(tiny_release.shared()), storage.load_networks(folder)
  for name in old.modules:
    same = all(
      np.array_equal(a, b)
      for a, b in zip(jax.tree.leaves(old.params[name]), jax.tree.leaves(new.params[name]), strict=True)
    )
    assert same == (name not in made.networks)
  pipe = pipeline.SeeTalk(load(folder))
  frames = pipe.render(recording(1).frames[0], np.zeros((3, 256), np.float32)).frames
  assert frames.shape == (3, SIDE, SIDE, 3)


@pytest.mark.slow
def test_a_second_person_adds_a_consent_also_without_a_landmarker(adapted, tmp_path, monkeypatch):
  plain_face.use_none(monkeypatch)
  folder, _ = adapted
  release, lines = load(folder), []
  made = adapt.adapt(
    release,
    [recording(1, seed=1)],
    tmp_path / 'again',
    consent='Grace Hopper agreed by word',
    licence='CC0-1.0',
    options=OPTIONS,
    note=lines.append,
  )
  assert len(lines) == 1 and 'no face landmarker' in lines[0]
  assert made.num_steps == 4 and made.measured_frames == 0 and made.sharpness_after is None
  assert made.psnr_before is None and made.psnr_after is None and made.held_out_frames == 0
  _, info = storage.read_info(tmp_path / 'again')
  entry = info['networks']['hr_decoder']
  assert entry['consent'] == f'{CONSENT}; Grace Hopper agreed by word'
  assert 'CC0-1.0' in entry['licence'] and len(info['provenance']['adaptations']) == 2


def test_consent():
  assert adapt.checked_consent('  I\n agree ') == 'I agree'
  for text in ('', '   ', 'y', '123', 'a' * 501, 'I \x07 agree'):
    with pytest.raises(InputError, match='consent'):
      adapt.checked_consent(text)


def test_nothing_is_written_without_consent_or_recordings(tmp_path):
  release = load(tiny_release.shared())
  for people, consent in (([recording(1)], ' '), ([], CONSENT)):
    with pytest.raises(InputError):
      adapt.adapt(release, people, tmp_path / 'release', consent=consent, options=OPTIONS)
  assert not (tmp_path / 'release').exists()
