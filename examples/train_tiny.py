"""Training of one small stage: a sync expert on 64 synthetic clips of flat faces, and loading of its result.

python examples/train_tiny.py
"""

import pathlib
import tempfile

import numpy as np

from seetalk_jax.data import make_batches
from seetalk_jax.models.nn import image_ops
from seetalk_jax.synthetic import corpus, sketch
from seetalk_jax.training import config_files, initial_weights, loop

CONFIGS = pathlib.Path(__file__).resolve().parents[1] / 'configs'


def main() -> None:
  """Renders, trains and loads in a temporary folder; takes at most two minutes on two CPU cores."""
  with tempfile.TemporaryDirectory() as folder:
    clips, run = f'{folder}/corpus/clips', f'{folder}/run'
    for split in ('train', 'validation'):
      corpus.render_corpus(clips, 'clips', split, 64, size=64, processes=0, world=sketch.SketchWorld)
    config = config_files.load(CONFIGS / 'sync_expert.py', 'tiny')
    config.data_root, config.data.batch_size, config.data.augment = folder, 16, False
    config.num_steps, config.optimizer.learning_rate = 200, 3e-3
    loop.train(config, run)

    trained = initial_weights.load_trained_stage(run)
    expert, variables = trained.modules()['sync_expert'], {'params': trained.params['sync_expert']}
    with make_batches('sync', clips, batch_size=32, split='validation') as batches:
      batch = next(batches)  # mouth uint8 [32, 5, 48, 96, 3]; speech, speech_shifted float32 [32, 3200]
  mouth = image_ops.to_float(batch['mouth'])
  own = expert.apply(variables, batch['speech'], mouth, method='cosine')  # [32]
  shifted = expert.apply(variables, batch['speech_shifted'], mouth, method='cosine')
  share = np.mean(own > shifted)
  print(f'{trained.step} steps; the right speech beats shifted speech in {share:.0%} of held-out clips')


if __name__ == '__main__':
  main()
