"""Record kinds, their lengths, splits and shard size of synthetic corpora; imports little, so that `--help` is fast."""

from seetalk_jax import constants

KINDS = ('faces', 'clips', 'talks')
FRAMES = {
  'faces': 3,
  'clips': constants.CLIP_FRAMES,
  'talks': 200,
}  # of a record; talks have motion, but no pictures
SPLITS = ('train', 'validation', 'test')
SHARD_SIZE = 64  # records; small, so that training can start on the first shards
