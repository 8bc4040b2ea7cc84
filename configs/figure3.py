r"""Figure 3 of the paper on the synthetic world: no face prior, a constant one, and sample-adaptive weighting.

  python evaluate.py --config configs/figure3.py --workdir runs/figure3 \
    --config.init.face_encoder=runs/demo/conre

Trains one portrait network per prior mode and seed on the same cached latents, samples portraits of held-out voices
with few and many steps, and measures them. Existing results in the working directory are kept, and an interrupted
run continues. `--only train --config.seeds="(0,)"` splits the training over machines or processes.

demo: speech encoder and autoencoder are the shipped ones. The face encoder comes from a run of the stage `conre`. The
networks use mean and standard deviation of the prior only. With `--config.init.face_prior=demo` all of them also use
the linear denoiser of its covariance (not specified in the paper), which removes grain after few training steps.
"""

from ml_collections import ConfigDict

from seetalk_jax.configs import portrait


def get_config(variant: str = 'demo') -> ConfigDict:
  """The configuration of a variant: 'demo', or 'tiny' for two steps."""
  if variant not in ('tiny', 'demo'):
    raise ValueError(f'variant {variant!r} is unknown: use tiny or demo')
  tiny = variant == 'tiny'
  config = ConfigDict()
  config.experiment = 'figure3'
  config.modes = ('ldm', 'scldm', 'scfp')
  config.seeds = (0, 1) if tiny else (0, 1, 2)
  config.init = ConfigDict(
    {
      'speech_encoder': 'demo',
      'autoencoder': 'demo',
      'face_encoder': '',
      'face_prior': '',  # '': mean and std of the training portraits; 'demo' adds the shipped directions
    }
  )

  # Every run: configs/portrait.py with a mode, a seed, and these changes.
  config.portrait = portrait.get_config('tiny' if tiny else 'demo')
  # No branch along the prior's directions.
  config.portrait.model.portrait_unet.update(num_directions=0, guess_width=512, guess_blocks=4)
  config.portrait.options.guess_draws = 0
  config.portrait.options.draws = 1
  config.portrait.data.seed = 0  # all runs train on the same latents
  config.portrait.data.cached_samples = 32 if tiny else 8192
  config.portrait.max_minutes = 0.0
  if tiny:
    config.portrait.options.image_size = 128  # input size of the readers
  else:
    config.portrait.num_steps = 3600
    config.portrait.sample_every = 1800

  # Portraits: `draws` of each held-out voice, with the same noise in every mode.
  config.voices = ConfigDict(
    {'first': 3000, 'num': 12 if tiny else 100, 'draws': 2, 'frames': 75, 'seed': 60_001}
  )
  config.steps = (2, 3) if tiny else (5, 10, 50)
  # Portraits of the corpora by which the true weights are compared with what the voice vector can predict.
  config.reachable_portraits = 8 if tiny else 2000
  config.guidance_scale = 1.5
  config.sampler = 'dpmpp_2m'

  # The reader of sex, age, head size and colors, trained on renderings of speakers that no network was trained on.
  config.looks = ConfigDict({'first': 500_000, 'num': 24 if tiny else 800, 'frames': 3, 'seed': 11})
  config.reader = ConfigDict({'steps': 3 if tiny else 900, 'batch_size': 4 if tiny else 32, 'seed': 0})
  return config
