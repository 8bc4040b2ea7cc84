r"""Tables of the paper by their subject: one row a method, one column a measure, the best of a column marked.

  python evaluate.py --config configs/tables.py:talking-hdtf --workdir runs/talking-hdtf \
    --config.real=DIR --config.methods="sadtalker=DIR,hallo=DIR" --landmarker face_landmarker.task

The tables of the paper are not public, so subjects come from its abstract; rows and measures are ours.
docs/evaluation.md lists all of them.

`config.real`: a folder of videos, or a corpus of `seetalk prepare`, of which `config.split` is read. Rendered videos do
as well: seetalk corpus data/synthetic/corpus/clips --kind clips --split test --num 8 --frames 100 --size 512.
`config.methods`: further rows, NAME=PLACE with commas between them. A place is a folder of videos of any program, named
like the real ones; a release; or a run of configs/all.py. A release makes its videos: the first frame of every real
video speaks its sound.

Tables of trained networks need runs that differ in one thing. With `all.py:tiny` the same commands are a test of the
wiring; its stages include `sync_expert` before `motion`.

conre: portraits with the speech encoder of ConRe, and with one trained on articulation alone; one autoencoder for both.

  python train.py --config configs/all.py:demo --workdir runs/demo
  mkdir runs/scratch && cp -r runs/demo/autoencoder* runs/scratch
  python train.py --config configs/all.py:demo --workdir runs/scratch \
    --config.stages="('conre','autoencoder','face_prior','portrait')" \
    --config.overrides.conre.options.contrastive_weight=0.0 \
    --config.overrides.conre.options.reconstruction_weight=0.0 \
    --config.overrides.conre.options.attributes_weight=0.0
  python evaluate.py --config configs/tables.py:conre --workdir runs/conre-table \
    --config.methods="conre=runs/demo,scratch=runs/scratch"

end-to-end: one run, released before and after its last stage, `render`. The second command goes on with the first run.

  python train.py --config configs/all.py:demo --workdir runs/demo --config.stages="('conre','autoencoder',
    'face_prior','portrait','codebook','motion_codec','code_transformer','motion','lip_refiner')"
  seetalk export runs/demo released/before
  python train.py --config configs/all.py:demo --workdir runs/demo
  python evaluate.py --config configs/tables.py:end-to-end --workdir runs/end-to-end --config.real=DIR \
    --config.methods="before=released/before,after=runs/demo"

prior: the experiment of configs/figure3.py, which trains its networks itself.
"""

import ml_collections

from seetalk_jax.configs import demo, figure3
from seetalk_jax.configs import eval as eval_config
from seetalk_jax.evaluation.videos import catalogue

_PICTURES = ('psnr', 'ssim', 'lpips', 'fid', 'fvd', 'csim', 'cpbd')
_LIPS = ('m_lmd', 'opening_r', 'opening_ratio', 'mouth_regression', 'lse_d', 'lse_c')
_LIFE = ('yaw', 'pitch', 'blinks', 'theval_ratio')
_TALKING = (*_PICTURES, 'm_lmd', 'f_lmd', 'opening_r', 'mouth_regression', 'lse_d', 'lse_c', 'theval_ratio')
# With the sound of another video there is no true frame.
_CROSS = (
  'fid',
  'fvd',
  'csim',
  'cpbd',
  'one_face',
  'mouth_regression',
  'lse_d',
  'lse_c',
  'beat_alignment',
  'theval_ratio',
)
_DRIFT = [
  catalogue.drift_name(name, seconds)
  for name in ('sharpness_drift', 'identity_drift')
  for seconds in catalogue.DRIFT_SECONDS
]

# Tables of videos: what differs from `_videos()`.
VIDEOS = {
  'talking-hdtf': {'measures': _TALKING, 'checkpoint': 'demo'},
  'talking-voxceleb': {'measures': _TALKING, 'checkpoint': 'demo'},
  'talking-avspeech': {'measures': _TALKING, 'checkpoint': 'demo'},
  'talking-cross': {'measures': _CROSS, 'checkpoint': 'demo', 'other_sound': True},
  'lip-refinement': {
    'measures': (*_LIPS, 'f_lmd', 'lip_dynamics', 'silent_lip_stability'),
    'checkpoint': 'demo',
    'variants': {'with': {}, 'without': {'without': ('lip_refiner',)}},
  },
  'codebook': {
    'measures': (*_PICTURES, 'sharpness', 'flicker', 'm_lmd', 'opening_r'),
    'checkpoint': 'demo',
    'variants': {
      'fusion 100 %': {},
      'fusion 50 %': {'fusion': 0.5},
      'fusion 0 %': {'fusion': 0.0},
      'without codes': {'without': ('hr_decoder',)},
    },
  },
  'end-to-end': {'measures': (*_PICTURES, 'sharpness', 'flicker', *_LIPS), 'names': ('before', 'after')},
  'sampling-steps': {
    'measures': (*_LIPS, *_LIFE),
    'checkpoint': 'demo',
    'variants': {f'{steps} steps': {'steps': steps} for steps in (1, 2, 4, 6, 10, 20)},
  },
  'long-videos': {
    'measures': (*_DRIFT, 'one_face', 'mouth_regression', 'lse_d', 'lse_c', 'flicker'),
    'checkpoint': 'demo',
    'min_seconds': 121.0,
  },
}
# Tables of portraits of held-out synthetic voices.
PORTRAITS = {
  'portraits': {'checkpoint': 'demo'},
  'conre': {'names': ('conre', 'scratch')},
}
TABLES = (*PORTRAITS, *VIDEOS, 'prior')


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """The configuration of a table, one of TABLES."""
  if variant not in TABLES:
    raise ValueError(
      f'table {variant!r} is unknown: use --config configs/tables.py:NAME with {", ".join(TABLES)}'
    )
  if variant == 'prior':
    return figure3.get_config()
  kind, base = ('videos', _videos) if variant in VIDEOS else ('portraits', _portraits)
  config = base()
  config.table, config.kind = variant, kind
  different = dict((VIDEOS if variant in VIDEOS else PORTRAITS)[variant])
  config.variants = ml_collections.ConfigDict(different.pop('variants', {'seetalk': {}}), sort_keys=False)
  config.update(different)
  return config


def _rows(config: ml_collections.ConfigDict) -> None:
  config.checkpoint = ''  # release of the rows `variants`; '': no such rows
  config.methods = ''  # further rows, 'NAME=PLACE,NAME=PLACE'
  config.names = ()  # rows that `methods` must have


def _videos() -> ml_collections.ConfigDict:
  """Corpus, networks and protocol of configs/eval.py, with the rows and measures of a table."""
  config = eval_config.get_config()
  del config.pred
  _rows(config)
  config.split = 'test'  # of a prepared corpus
  config.num_videos = 0  # at most as many, the first ones; 0: all
  config.min_seconds = 0.0  # shorter videos are left out
  config.measures = ()  # columns, names of the catalogue
  config.other_sound = False  # generated videos speak the sound of another real one
  return config


def _portraits() -> ml_collections.ConfigDict:
  """Voices and readers of configs/demo.py, with the rows of a table."""
  config = demo.get_config()
  _rows(config)
  return config
