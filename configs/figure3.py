r"""Figure 3's experiment on the embedded world: no face prior, a constant one, and sample-adaptive weighting.

  python evaluate.py --config configs/figure3.py --workdir runs/figure3 \
    --config.init.face_encoder=runs/demo/conre

Trains a portrait network per prior mode and seed on cached latents, all else alike; draws portraits of held-out
voices with few and many network calls; reads them. What exists in the working directory is not made again, and
a killed run goes on. `--only train --config.seeds="(0,)"` splits the training over machines or processes.

Speech encoder and autoencoder are the shipped ones; the face encoder comes from a run of the stage `conre`. The
networks know mean and spread of the prior alone, as in the paper. With `--config.init.face_prior=demo` all of them
go on from the linear denoiser of its covariance (our reading), which leaves grain out of faces after few steps of
training, and does much of the work in every mode.
"""

from ml_collections import ConfigDict

from configs import portrait


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
      'face_prior': '',  # '': mean and spread of the training portraits; 'demo' adds the shipped directions
    }
  )

  # Every run: configs/portrait.py with a mode, a seed, and these changes.
  config.portrait = portrait.get_config(variant)
  config.portrait.model.portrait_unet = 'tiny' if tiny else 'demo, patch_size=4, channels=(64, 96)'
  config.portrait.options.guess_draws = 0
  config.portrait.options.draws = 1
  config.portrait.data.seed = 0  # all runs learn from the same latents
  config.portrait.data.cached_samples = 32 if tiny else 8192
  config.portrait.max_minutes = 0.0
  if tiny:
    config.portrait.options.image_size = 128  # what readers look at
  else:
    config.portrait.num_steps = 3600
    config.portrait.sample_every = 1800

  # Portraits: so many of each held-out voice, with the same noise in every mode.
  config.voices = ConfigDict(
    {'first': 3000, 'num': 12 if tiny else 100, 'draws': 2, 'frames': 75, 'seed': 60_001}
  )
  config.steps = (2, 3) if tiny else (5, 10, 50)
  config.guidance_scale = 1.5
  config.sampler = 'dpmpp_2m'

  # The reader of sex, age, head size and colours: learns from renderings of speakers whom no network has seen.
  config.looks = ConfigDict({'first': 500_000, 'num': 24 if tiny else 800, 'frames': 3, 'seed': 11})
  config.reader = ConfigDict({'steps': 3 if tiny else 900, 'batch_size': 4 if tiny else 32, 'seed': 0})
  return config
