"""Program for run_test: an evaluation of videos of green squares, in a process that can be killed.

python tests/helpers/green_evaluation.py PRED REAL WORKDIR LANDMARKER
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import green_faces  # noqa: E402
import pytest  # noqa: E402

from seetalk_jax.configs import eval as eval_config  # noqa: E402
from seetalk_jax.evaluation.videos import run  # noqa: E402

if __name__ == '__main__':
  pred, real, workdir, landmarker = sys.argv[1:]
  config = eval_config.get_config()
  config.update(pred=pred, real=real)
  config.protocol.side = 64
  with pytest.MonkeyPatch.context() as patch:
    green_faces.use(patch)
    sys.exit(run.run(config, workdir, landmarker))
