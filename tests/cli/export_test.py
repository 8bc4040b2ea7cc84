"""Export of a run: which networks a release for inference holds."""

import numpy as np

from seetalk_jax.cli import main
from seetalk_jax.models import registry
from seetalk_jax.releases import network_spec, storage
from seetalk_jax.testing import tiny_release
from seetalk_jax.training import initial_weights


def test_inference_leaves_out_all_that_only_training_needs(tmp_path, monkeypatch):
  trained = ('codebook', 'discriminator', 'syncnet')
  release = tiny_release.make(tmp_path / 'base', (*trained, 'face_encoder', 'perceptual', 'hr_decoder'))
  networks = storage.load_networks(release, only=trained)

  def result(directory):
    return initial_weights.TrainedStage(
      networks={name: network_spec.describe(networks.modules[name]) for name in trained},
      params={name: networks.params[name] for name in trained},
      collections={'codebook': networks.collections['codebook']},
      statistics={'face_prior': {'latent_scale': np.float32(0.25)}},
      config={'stage': 'codebook', 'init': {}},
      step=7,
      where=str(directory),
    )

  monkeypatch.setattr(initial_weights, 'load_trained_stage', result)
  (tmp_path / 'run' / 'checkpoints' / '7').mkdir(parents=True)
  (tmp_path / 'run' / 'config.json').touch()

  def exported(*options):
    target = str(tmp_path / f'release{len(options)}')
    assert main.main(['export', str(tmp_path / 'run'), target, '--licence', 'MIT', *options]) == 0
    return set(storage.load_networks(target).params)

  assert exported() == set(trained)
  assert exported('--inference') == {'codebook'}
  assert exported('--base', str(release)) == {*trained, 'face_encoder', 'perceptual', 'hr_decoder'}
  assert exported('--base', str(release), '--inference') == {'codebook', 'hr_decoder'}


def test_every_network_is_for_inference_or_for_training_only():
  # CodeFormer restores faces on its own: no stage trains it, and no pipeline runs it.
  kept = registry.NETWORKS.keys() - set(registry.TRAINING_ONLY) - {'codeformer'}
  assert {name for name in kept if not name.startswith('toy_')} == set(tiny_release.INFERENCE)
