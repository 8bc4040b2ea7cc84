"""Record kinds, splits and shard size of synthetic corpora; imports nothing, so that `--help` is fast."""

KINDS = ('faces', 'clips', 'talks')
SPLITS = ('train', 'validation', 'test')
SHARD_SIZE = 64  # records; small, so that training can start on the first shards
