"""Kinds, splits and shard size of synthetic corpora; imports nothing, so that `--help` stays quick."""

KINDS = ('faces', 'clips', 'talks')
SPLITS = ('train', 'validation', 'test')
SHARD_SIZE = 64  # records; small, so that training can begin on the first shards
