"""Face prior at scale: exact for any order of batches and on any mesh."""

import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import prior_batches
import pytest

from seetalk_jax.models.nn import blocks
from seetalk_jax.models.portrait.face_prior import PriorSums, finalize_prior, update_prior
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release

HELPERS = pathlib.Path(__file__).resolve().parents[1] / 'helpers'
NAMES = ('speech_encoder', 'autoencoder', 'motion_codec')


@pytest.fixture(scope='module')
def release(tmp_path_factory):
  return tiny_release.make(tmp_path_factory.mktemp('release') / 'tiny', NAMES)


def known_batches(release):
  """Latents `[n, h, w, c]` and voice vectors `[n, d]` of every batch, computed on one device."""
  networks = storage.load_networks(release)
  autoencoder, encoder = (networks.modules[name] for name in ('autoencoder', 'speech_encoder'))

  @jax.jit
  def both(variables, batch):
    latent, _ = autoencoder.apply(variables[0], blocks.to_float(batch['portrait']), method='encode')
    return latent, encoder.apply(variables[1], batch['speech'], batch['num_samples']).embedding

  variables = [networks.variables(name) for name in ('autoencoder', 'speech_encoder')]
  batches = [both(variables, prior_batches.one(i)) for i in range(prior_batches.NUM_BATCHES)]
  return [np.stack(arrays) for arrays in zip(*batches, strict=True)]


@pytest.fixture(scope='module')
def on_eight_devices(release, tmp_path_factory):
  folder = tmp_path_factory.mktemp('eight')
  program = HELPERS / 'prior_devices.py'
  command = [sys.executable, program, release, folder / 'runs', folder / 'r.npz']
  out = subprocess.run(command, capture_output=True, text=True, timeout=900)
  assert out.returncode == 0, out.stderr[-3000:]
  with np.load(folder / 'r.npz') as results:
    return dict(results)


def close(found, wanted, tolerance):
  """Asserts equality relative to the largest value: rounding errors do not shrink with small values."""
  np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize('mesh', prior_batches.MESHES)
def test_eight_devices_find_the_statistics_of_all_latents(mesh, release, on_eight_devices):
  order = prior_batches.MESHES[mesh]
  name = ','.join(map(str, mesh))
  found = {
    key.removeprefix(f'{name}/'): value
    for key, value in on_eight_devices.items()
    if key.startswith(f'{name}/')
  }
  assert found['pieces'] == mesh[0] * mesh[1]
  latents, voices = (np.concatenate(each[list(order)]) for each in known_batches(release))
  exact = latents.astype(np.float64)
  assert found['count'] == len(exact) == 32
  scale = 1 / exact.std()
  np.testing.assert_allclose(found['latent_scale'], scale, rtol=1e-6)
  close(found['face_prior_mean'], exact.mean(0) * scale, 2e-6)
  close(found['face_prior_std'], exact.std(0) * scale, 2e-6)
  # The first rows of sharded batches are kept in order, and no others.
  assert len(found['latents']) == len(found['embeddings']) == prior_batches.KEPT
  close(found['latents'], latents[: prior_batches.KEPT], 1e-5)
  close(found['embeddings'], voices[: prior_batches.KEPT], 1e-5)
  flat = exact[: prior_batches.KEPT].reshape(prior_batches.KEPT, -1) * scale
  flat -= flat.mean(0)
  variances = np.linalg.eigvalsh(flat @ flat.T / len(flat))[::-1]
  np.testing.assert_allclose(found['face_prior_variances'], variances[:3], rtol=1e-4)


def test_a_corpus_in_many_batches_loses_no_digits():
  """200,000 small latents whose spread is a hundredth of their mean, in batches of 16."""
  latents = 3.0 + 0.03 * np.random.default_rng(0).standard_normal((12_500, 16, 1, 2, 4)).astype(np.float32)

  @jax.jit
  def measure(latents):
    start = PriorSums.empty(latents.shape[2:])
    return jax.lax.scan(lambda sums, batch: (update_prior(sums, batch), None), start, latents)[0]

  sums = measure(latents)
  prior = finalize_prior(sums)
  exact = latents.reshape(-1, 1, 2, 4).astype(np.float64)
  assert sums.count == len(exact) and sums.count.dtype == jnp.int32  # float32 cannot count beyond 2^24
  np.testing.assert_allclose(prior.mean, exact.mean(0), rtol=1e-5)  # measured: 2e-6
  np.testing.assert_allclose(prior.std, exact.std(0), rtol=2e-5)  # measured: 3e-6
