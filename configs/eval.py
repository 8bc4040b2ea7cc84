"""Evaluation of video files: folders of generated and of real videos, measured by one fixed protocol.

    python evaluate.py --config configs/eval.py --config.pred=DIR --config.real=DIR --workdir runs/eval
    python evaluate.py --config configs/eval.py --config.checkpoint=demo --config.real=DIR --workdir runs/demo-eval

Generated videos may come from any program. With `config.checkpoint` they are made here, in WORKDIR/generated: the first
frame of every real video speaks its sound. Videos of one name (without the suffix) are compared with each other; the
other measures need no pairs. Rows of the table: `pred`, `real`, `copy` (the first frame of each real video held still)
and `shuffled` (real videos with the sound of another). Finished videos are kept in the workdir, so an interrupted
evaluation goes on with what is missing. Needs the extra `data` and MediaPipe's face_landmarker.task.
"""

import ml_collections

from seetalk_jax.evaluation.videos import catalogue
from seetalk_jax.evaluation.videos.protocol import Protocol


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """The configuration; there are no variants."""
  if variant:
    raise ValueError(f'variant {variant!r} is unknown: this configuration has none')
  config = ml_collections.ConfigDict()
  config.pred = ''  # folder of generated videos; '': they are generated
  config.checkpoint = ''  # release that generates, without config.pred
  config.seed = 0  # of the first generated video; each following one has the next
  config.real = ''  # folder of real videos; '': none
  # Converted public weights, folders of releases; '': measures that need the network are left out.
  config.networks = ml_collections.ConfigDict(dict.fromkeys(catalogue.CONVERTERS, ''))
  protocol = Protocol()
  # Of several processes that share the workdir, each measures one part, 'I/N' with I from 1; without a part the table
  # follows from what is measured.
  config.part = ''
  # Another protocol gives other numbers: metrics.json has its digest.
  config.protocol = ml_collections.ConfigDict(
    dict(
      framing=protocol.framing,
      side=protocol.side,
      max_seconds=protocol.max_seconds,
      picture_every=protocol.picture_every,
      drift_seconds=protocol.drift_seconds,
    )
  )
  return config
