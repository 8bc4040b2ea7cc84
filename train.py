"""Training of one stage, or of all stages in order; run it again to resume an interrupted run.

    python train.py --config configs/conre.py:demo --workdir runs/conre
    python train.py --config configs/portrait.py:demo --workdir runs/portrait \
        --config.init.speech_encoder=runs/conre --config.init.autoencoder=runs/autoencoder
    python train.py --config configs/all.py:demo --workdir runs/demo

Any field of the configuration is a flag: --config.optimizer.learning_rate=3e-4, --config.max_minutes=5.
The same as `seetalk train`, with the files of this checkout: seetalk_jax/cli/train.py.
"""

import sys

from seetalk_jax.cli import main

if __name__ == '__main__':
  sys.exit(main.main(['train', *sys.argv[1:]]))
