"""Record sources: order, growing corpora, folders of corpora, one-line errors."""

import json
import threading

import pytest
import small_files

from seetalk_jax.data import sources
from seetalk_jax.errors import InputError, OutputError
from seetalk_jax.synthetic import corpus, sketch


@pytest.fixture(scope='module')
def corpus_dir(tmp_path_factory):
  path = tmp_path_factory.mktemp('corpus')
  for kind in ('faces', 'talks'):
    corpus.render_corpus(
      path, kind, 'train', 10, size=16, shard_size=4, processes=0, progress=False, world=sketch.SketchWorld
    )
  return path


def test_records_come_in_order(corpus_dir):
  source = sources.RecordSource(corpus_dir, 'faces', 'train')
  assert len(source) == 10
  assert [source[i].clip for i in range(10)] == list(range(10))
  with pytest.raises(IndexError):
    source[10]


def test_a_full_disk_is_one_line_and_leaves_no_shard(tmp_path):
  path, noise = tmp_path / 'a.array_record', bytes(range(256)) * 40
  with pytest.raises(OutputError, match=r'File too large, .*a\.array_record'):
    with small_files.file_size_limit(8192):
      sources.write_shard(path, (noise[i:] for i in range(100)))

  def broken():
    yield noise
    raise RuntimeError('a bug')

  with pytest.raises(RuntimeError, match='a bug'):
    sources.write_shard(path, broken())
  assert not list(tmp_path.iterdir())


def test_a_growing_corpus_shows_finished_shards_only(corpus_dir, tmp_path):
  first, second, third = sources.finished_shards(corpus_dir, 'faces', 'train')
  (tmp_path / sources.CORPUS_FILE).write_text((corpus_dir / sources.CORPUS_FILE).read_text())
  (tmp_path / f'.{second.stem}.12-0123abcd.part.array_record').write_bytes(b'half')
  (tmp_path / 'faces-train.txt').write_text('a note')
  with pytest.raises(InputError, match='no finished shard'):
    sources.RecordSource(tmp_path, 'faces', 'train')
  (tmp_path / third.name).write_bytes(third.read_bytes())
  (tmp_path / first.name).write_bytes(first.read_bytes())
  source = sources.RecordSource(tmp_path, 'faces', 'train')
  assert [source[i].clip for i in range(len(source))] == [0, 1, 2, 3, 8, 9]


def test_partners_stay_in_their_own_corpus(corpus_dir):
  both = sources.open_corpora([corpus_dir, corpus_dir], ['faces', 'real'], 'train', max_records=6)
  assert len(both) == 12
  for index in range(12):
    assert both[index].clip == index % 6
    assert both.partner(index).clip == (index % 6) ^ 1


def test_a_directory_of_corpora_is_expanded(corpus_dir, tmp_path):
  for name in ('one', 'two'):
    (tmp_path / name).symlink_to(corpus_dir)
  alone = len(sources.open_corpora(corpus_dir, ['faces'], 'train'))
  assert len(sources.open_corpora(tmp_path, ['faces'], 'train')) == 2 * alone


@pytest.mark.parametrize(
  'kinds, split, command',
  [
    (['clips'], 'train', 'seetalk corpus .* --kind clips --split train'),
    (['faces'], 'test', 'seetalk corpus .* --kind faces --split test'),
    (['real'], 'train', 'seetalk prepare'),
    (['faces', 'real'], 'test', 'seetalk prepare .*, or .*seetalk corpus'),
  ],
)
def test_missing_records_are_an_input_error_with_the_command_that_makes_them(
  corpus_dir, kinds, split, command
):
  with pytest.raises(InputError, match=f'records of split .*{command}') as raised:
    sources.open_corpora([corpus_dir], kinds, split)
  assert ('seetalk prepare' in str(raised.value)) == ('real' in kinds)
  if len(kinds) == 1:
    with pytest.raises(InputError, match=f'has no .*{command}'):
      sources.RecordSource(corpus_dir, kinds[0], split)


def test_no_corpus_and_a_damaged_one_are_the_users_error(tmp_path):
  with pytest.raises(InputError, match='is no corpus.*seetalk prepare.*seetalk corpus'):
    sources.open_corpora([tmp_path / 'nowhere'], ['faces'], 'train')
  for text in ('{', '[]', '{"schema": 1}'):
    (tmp_path / sources.CORPUS_FILE).write_text(text)
    with pytest.raises(InputError, match='damaged'):
      sources.read_manifest(tmp_path)
  (tmp_path / sources.CORPUS_FILE).write_text('{"schema": 99, "parts": {}}')
  with pytest.raises(InputError, match='version 99'):
    sources.read_manifest(tmp_path)


def test_other_settings_are_refused(tmp_path):
  sources.add_part(tmp_path, 'faces', 'train', {'seed': 0})
  sources.add_part(tmp_path, 'faces', 'train', {'seed': 0})
  with pytest.raises(InputError, match='another seed'):
    sources.add_part(tmp_path, 'faces', 'train', {'seed': 1})


def test_parts_added_at_once_are_all_kept(tmp_path):
  names = ['a', 'b', 'c', 'd', 'e', 'f']
  threads = [threading.Thread(target=sources.add_part, args=(tmp_path, n, 'train', {})) for n in names]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  parts = json.loads((tmp_path / sources.CORPUS_FILE).read_text())['parts']
  assert sorted(parts) == [f'{name}-train' for name in names]
