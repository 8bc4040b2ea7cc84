"""Evaluation: figures on held-out synthetic speakers and texts, with their targets.

    python evaluate.py --config configs/demo.py
    python evaluate.py --config configs/demo.py:quick --only lips,codec --config.checkpoint=DIR
    python evaluate.py --config configs/demo.py --sheet docs/pictures/results.png
    python evaluate.py --config configs/demo.py --only none --speech-dir RECORDINGS
    python evaluate.py --config configs/demo.py --only theval --landmarker face_landmarker.task --video-dir REAL_VIDEOS
    python evaluate.py --config configs/figure3.py --workdir runs/figure3 --config.init.face_encoder=runs/demo/conre
    python evaluate.py --config configs/eval.py --config.pred=DIR --config.real=DIR --workdir runs/eval
    python evaluate.py --config configs/tables.py:talking-hdtf --config.real=DIR --workdir runs/talking-hdtf

The same as `seetalk evaluate`, with the files of this checkout: seetalk_jax/cli/evaluate.py.
"""

import sys

from seetalk_jax.cli import main

if __name__ == '__main__':
  sys.exit(main.main(['evaluate', *sys.argv[1:]]))
