"""Command line: output files, messages and errors."""

import argparse
import contextlib
import errno
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
import sounds
from flax import traverse_util
from read_video import read_video

from seetalk_jax.cli import main
from seetalk_jax.media import face, image, video
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release


@pytest.fixture
def release():
  return tiny_release.shared()


@pytest.fixture(autouse=True)
def compiled_once(monkeypatch):
  """Commands share one pipeline and write no compilation cache to the user's home directory."""
  from seetalk_jax.inference import pipeline

  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
  """An empty working directory, with one valid recording beside it."""
  sounds.write_sndfile(tmp_path / 'speech.wav', sounds.tone(0.5, 22_050, 2), 22_050)
  folder = tmp_path / 'here'
  folder.mkdir()
  monkeypatch.chdir(folder)
  return folder


def run(capsys, *argv):
  """(status, stdout, stderr) of `seetalk ARGV`."""
  status = main.main([str(arg) for arg in argv])
  captured = capsys.readouterr()
  return status, captured.out, captured.err


def test_generate_and_what_it_says(workplace, release, capsys):
  status, out, err = run(
    capsys, 'generate', '../speech.wav', '-o', 'talk.mp4', '--checkpoint', release, '--seed', 7,
    '--size', 96, '--save-portrait', 'face.png', '--device', 'cpu', '--json',
  )  # fmt: skip
  assert (status, err) == (0, '')
  result = json.loads(out)
  assert result['output'] == 'talk.mp4' and result['checkpoint'] == release
  assert (result['frames'], result['fps'], result['width'], result['height']) == (13, 25, 96, 96)
  assert result['audio_seconds'] == pytest.approx(0.5)
  assert (result['seed'], result['device']) == (7, 'cpu')
  assert {'speech', 'portrait', 'motion', 'render', 'encode'} <= set(result['stage_seconds'])
  assert sorted(path.name for path in workplace.iterdir()) == ['face.png', 'talk.mp4']
  frames = [frame for _, frame in read_video('talk.mp4')]
  assert len(frames) == 13 and frames[0].shape == (96, 96, 3)
  comment = video.read_metadata('talk.mp4')['comment']
  for part in ('Synthetic', 'version 0', f'checkpoint {release}', 'seed 7'):
    assert part in comment
  pixels, text = image.load_image_and_text('face.png')
  assert pixels.shape == (tiny_release.SIDE,) * 2 + (3,)
  assert text[image.CROP_VERSION_KEY] == str(face.PORTRAIT_CROP.version) and text['seetalk:seed'] == '7'


def test_portrait_then_animate_is_generate(workplace, release, capsys):
  common = ['--checkpoint', release, '--seed', 3, '--quiet']
  assert run(capsys, 'portrait', '../speech.wav', '-o', 'face.png', '--num', 3, *common) == (0, '', '')
  assert sorted(path.name for path in workplace.iterdir()) == [f'face_{i}.png' for i in range(3)]
  assert run(capsys, 'animate', 'face_2.png', '../speech.wav', '-o', 'a.mp4', *common) == (0, '', '')
  assert run(capsys, 'generate', '../speech.wav', '-o', 'b.mp4', '--face', 2, *common) == (0, '', '')
  for (_, one), (_, other) in zip(read_video('a.mp4'), read_video('b.mp4'), strict=True):
    np.testing.assert_array_equal(one, other)


def test_list(workplace, release, capsys):
  sounds.write_sndfile(workplace / 'two.flac', sounds.tone(0.3), 16_000)
  (workplace / 'list.txt').write_text('# a comment\n../speech.wav\n\n  two.flac \n')
  argv = ['generate', '--list', 'list.txt', '--out-dir', 'out/videos', '--checkpoint', release, '--json']
  status, out, _ = run(capsys, *argv)
  assert status == 0
  assert [result['frames'] for result in json.loads(out)['videos']] == [13, 8]
  assert sorted(path.name for path in (workplace / 'out/videos').iterdir()) == ['speech.mp4', 'two.mp4']
  status, out, err = run(capsys, *argv)
  assert status == 2 and '--overwrite' in err and out == ''
  assert run(capsys, *argv, '--overwrite')[0] == 0


def test_summary_line_and_overwrite(workplace, release, capsys):
  argv = ['generate', '../speech.wav', '-o', 'talk.mp4', '--checkpoint', release]
  status, out, err = run(capsys, *argv)
  assert status == 0 and err == '' and out.count('\n') == 1 and '13 frames' in out
  before = pathlib.Path('talk.mp4').read_bytes()
  assert run(capsys, *argv)[0] == 2
  assert run(capsys, *argv, '--overwrite', '--seed', 1)[0] == 0
  assert pathlib.Path('talk.mp4').read_bytes() != before


def bad_speech(kind):
  samples = sounds.tone(1.0)
  if kind == 'nan':
    samples[100] = np.nan
  elif kind == 'silent':
    samples = samples * 0
  elif kind == 'short':
    samples = samples[:3000]
  sounds.write_sndfile(pathlib.Path('../bad.wav'), samples, 16_000, subtype='FLOAT')


def make_inputs(release):
  for kind in ('nan', 'silent', 'short'):
    bad_speech(kind)
    os.replace('../bad.wav', f'../{kind}.wav')
  pathlib.Path('../empty.wav').touch()
  pathlib.Path('../text.wav').write_text('not audio')
  pathlib.Path('../folder').mkdir()
  image.save_png('../photo.png', np.zeros((80, 60, 3), np.uint8))
  pathlib.Path('../list.txt').write_text('../speech.wav\n../missing.wav\n')
  pathlib.Path('../twice.txt').write_text('../speech.wav\n../folder/speech.flac\n')
  pathlib.Path('../none.txt').write_text('# nothing\n')
  sounds.write_sndfile(pathlib.Path('../same.mp4'), sounds.tone(0.5), 16_000, format='WAV')
  other = pathlib.Path('../other')
  other.mkdir()
  for file in pathlib.Path(release).iterdir():
    (other / file.name).write_bytes(file.read_bytes())
  info = json.loads((other / 'seetalk.json').read_text())
  info['networks']['sample_adaptive_weighting']['fields']['hidden'] = 24
  (other / 'seetalk.json').write_text(json.dumps(info))


OUT = ['-o', 'out.mp4']
GOOD = ['generate', '../speech.wav', *OUT]
BAD = {
  'missing speech': (['generate', '../missing.wav', *OUT], 'no such speech.*missing.wav'),
  'not audio': (['generate', '../text.wav', *OUT], 'text.wav'),
  'empty': (['generate', '../empty.wav', *OUT], 'empty.*empty.wav'),
  'silent': (['generate', '../silent.wav', *OUT], 'silence.*silent.wav'),
  'short': (['generate', '../short.wav', *OUT], 'short.*short.wav'),
  'nan': (['generate', '../nan.wav', *OUT], 'NaN.*nan.wav'),
  'folder': (['generate', '../folder', *OUT], 'folder'),
  'portrait of bad speech': (['portrait', '../silent.wav', '-o', 'out.png'], 'silence'),
  'unknown checkpoint': ([*GOOD, '--checkpoint', 'nowhere'], 'no such checkpoint.*nowhere'),
  'checkpoint is a folder of others': ([*GOOD, '--checkpoint', '../folder'], 'not a released checkpoint'),
  'weights of another configuration': ([*GOOD, '--checkpoint', '../other'], 'another configuration'),
  'missing portrait': ([*GOOD, '--portrait', '../missing.png'], 'no such picture.*missing.png'),
  'portrait is no picture': ([*GOOD, '--portrait', '../speech.wav'], 'not a picture'),
  'portrait not square': ([*GOOD, '--portrait', '../photo.png', '--aligned'], 'square'),
  'no way to find the face': ([*GOOD, '--portrait', '../photo.png'], '--aligned'),
  'no output folder': (['generate', '../speech.wav', '-o', 'no/out.mp4'], 'no such output folder'),
  'output name': (['generate', '../speech.wav', '-o', 'out.avi'], 'out.avi'),
  'portrait output name': (['portrait', '../speech.wav', '-o', 'out.mp4'], r'\.png'),
  'output is input': (['generate', '../same.mp4', '-o', '../same.mp4', '--overwrite'], 'one of the inputs'),
  'output exists': (['generate', '../speech.wav', '-o', '../same.mp4'], '--overwrite'),
  'unknown flag': ([*GOOD, '--colour', 'red'], 'unrecognized arguments.*--colour'),
  'abbreviated flag': ([*GOOD, '--over'], 'unrecognized arguments'),
  'seed': ([*GOOD, '--seed', 'one'], "--seed: 'one'"),
  'steps': ([*GOOD, '--steps', '0'], '--steps: 0'),
  'guidance': ([*GOOD, '--guidance', 'nan'], '--guidance: nan'),
  'size': ([*GOOD, '--size', '333'], '--size: 333 is odd'),
  'device': ([*GOOD, '--device', 'abacus'], '--device'),
  'no command': ([], 'COMMAND'),
  'unknown command': (['sing'], 'sing'),
  'no speech': (['generate', *OUT], 'no speech'),
  'no output': (['generate', '../speech.wav'], 'no output|no speech'),
  'list and speech': (['generate', '../speech.wav', '--list', '../list.txt'], '--list'),
  'list without out-dir': (['generate', '--list', '../list.txt'], '--out-dir'),
  'bad file in list': (['generate', '--list', '../list.txt', '--out-dir', 'out'], 'missing.wav'),
  'clash in list': (['generate', '--list', '../twice.txt', '--out-dir', 'out'], 'both become'),
  'empty list': (['generate', '--list', '../none.txt', '--out-dir', 'out'], 'empty'),
  'missing list': (['generate', '--list', '../missing.txt', '--out-dir', 'out'], 'cannot read the list'),
  'info of nothing': (['info', 'nowhere'], 'no such checkpoint'),
  'export of nothing': (['export', 'nowhere', 'out'], 'no such training run'),
  'export of no run': (['export', '../folder', 'out'], 'no trained stage'),
}


@pytest.mark.parametrize('kind', list(BAD))
def test_bad_input_is_one_line_and_leaves_nothing(kind, workplace, release, capsys, monkeypatch):
  monkeypatch.delenv(face.LANDMARKER_VARIABLE, raising=False)
  make_inputs(release)
  before = sorted(workplace.parent.rglob('*'))
  argv, message = BAD[kind]
  if argv[:1] in (['generate'], ['portrait']) and '--checkpoint' not in argv:
    argv = [*argv, '--checkpoint', release]
  status, out, err = run(capsys, *argv)
  assert status == 2 and out == ''
  assert err.startswith('error: ') and err.count('\n') == 1
  assert re.search(message, err), err
  assert sorted(workplace.parent.rglob('*')) == before


REFUSED = {
  'generate': ['generate', '../speech.wav', '-o', '/proc/o.mp4'],
  'generate list': ['generate', '--list', '../list.txt', '--out-dir', '/proc/videos'],
  'save portrait': [*GOOD, '--save-portrait', '/proc/o.png'],
  'animate': ['animate', '../face.png', '../speech.wav', '-o', '/proc/o.mp4'],
  'reenact': ['animate', '../face.png', '--driving', '../speech.wav', '-o', '/proc/o.mp4'],
  'portrait': ['portrait', '../speech.wav', '-o', '/proc/o.png'],
  'prepare': ['prepare', '..', '/proc/corpus'],
  'corpus': ['corpus', '/proc/corpus', '--num', '2'],
  'export': ['export', 'nowhere', '/proc/release'],
  'convert': ['convert', 'wav2vec2', 'nowhere', '/proc/release'],
}


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='no /proc')
@pytest.mark.parametrize('command', list(REFUSED))
def test_an_output_that_cannot_be_created_is_found_before_any_work(command, workplace, capsys, monkeypatch):
  # In /proc no file can be created, although os.access says so to root.
  pathlib.Path('../list.txt').write_text('../speech.wav\n')
  monkeypatch.setattr('seetalk_jax.cli.options.load_pipeline', None)
  monkeypatch.setattr('seetalk_jax.media.audio.load_speech', None)
  status, out, err = run(capsys, *REFUSED[command])
  assert (status, out) == (2, '')
  assert re.fullmatch(r'error: [^,\n]+, /proc/(o\.mp4|o\.png|videos|corpus|release): [^\n]+\n', err), err
  assert not list(workplace.iterdir())


def test_names_that_are_too_long_are_found_before_any_work(workplace, capsys, monkeypatch):
  pathlib.Path('list.txt').write_text('x' * 252)
  monkeypatch.setattr('seetalk_jax.media.audio.load_speech', None)
  for argv in (['../speech.wav', '-o', 'x' * 252 + '.mp4'], ['--list', 'list.txt', '--out-dir', 'out']):
    status, out, err = run(capsys, 'generate', *argv)
    assert (status, out) == (2, '') and err.startswith('error: file name too long') and err.count('\n') == 1
  assert [path.name for path in workplace.iterdir()] == ['list.txt']


def test_a_mount_point_is_not_replaced(workplace, capsys, monkeypatch):
  monkeypatch.setattr(os.path, 'ismount', lambda path: str(path) == 'mounted')
  status, _, err = run(capsys, 'export', 'nowhere', 'mounted')
  assert status == 2 and 'mount point, mounted' in err


@pytest.mark.parametrize('count', [0, 2])
def test_no_face_or_several(count, workplace, release, capsys, monkeypatch):
  points = np.random.default_rng(0).random((count, face.NUM_LANDMARKS, 2)).astype(np.float32)
  points[:, list(face.EYE_CORNERS)] = 0.3
  points[:, face.CHIN, 0], points[:, face.CHIN, 1] = 0.3, 0.5 + 0.1 * np.arange(count)
  monkeypatch.setattr(face, 'open_landmarker', lambda path: contextlib.nullcontext(lambda pixels: points))
  image.save_png('../photo.png', np.zeros((80, 60, 3), np.uint8))
  status, out, err = run(capsys, *GOOD, '--portrait', '../photo.png', '--checkpoint', release)
  assert status == 2 and err.count('\n') == 1 and 'photo.png' in err
  assert ('no face' if count == 0 else '2 faces') in err
  assert not list(workplace.iterdir())


def test_faults_are_not_hidden_and_leave_nothing(workplace, release, monkeypatch):
  from seetalk_jax.inference import clip

  def broken(self, frames):
    raise ZeroDivisionError

  monkeypatch.setattr(clip.VideoWriter, 'write', broken)
  with pytest.raises(ZeroDivisionError):
    main.main([*GOOD, '--checkpoint', release])
  assert not list(workplace.iterdir())


def test_interrupt_leaves_nothing(workplace, release, monkeypatch, capsys):
  from seetalk_jax.inference import clip

  write = clip.VideoWriter.write

  def interrupted(self, frames):
    write(self, frames)
    os.kill(os.getpid(), signal.SIGINT)

  monkeypatch.setattr(clip.VideoWriter, 'write', interrupted)
  before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background shell jobs ignore it
  try:
    assert run(capsys, *GOOD, '--checkpoint', release)[0] == 130
  finally:
    signal.signal(signal.SIGINT, before)
  assert not list(workplace.iterdir())


def test_export_merges_the_stages_of_a_run(workplace, release, capsys, monkeypatch):
  from seetalk_jax.releases import network_spec
  from seetalk_jax.training import initial_weights

  networks = storage.load_networks(release, only=['autoencoder', 'codebook'])

  def result(directory):
    name, stage = {'one': ('codebook', 'codebook'), 'two': ('autoencoder', 'autoencoder')}[directory.name]
    return initial_weights.TrainedStage(
      networks={name: network_spec.describe(networks.modules[name])},
      params={name: networks.params[name]},
      collections=networks.collections if name == 'codebook' else {},
      statistics={'face_prior': {'latent_scale': np.float32(0.25)}},
      config={
        'stage': stage,
        'data_root': '/home/me/data',
        'init': {'autoencoder': '/home/me/runs/autoencoder'},
      },
      step=7,
      where='config.json',
    )

  monkeypatch.setattr(initial_weights, 'load_trained_stage', result)
  for name in ('one', 'two', 'not_begun'):
    pathlib.Path(f'run/{name}/checkpoints').mkdir(parents=True)
    pathlib.Path(f'run/{name}/config.json').touch()
    if name != 'not_begun':
      pathlib.Path(f'run/{name}/checkpoints/7').mkdir()
  chosen = ('--sampling', 'portrait_steps=7', 'motion_guidance=1.5')
  status, out, err = run(capsys, 'export', 'run', 'released', '--origin', 'a test', '--json', *chosen)
  assert (status, err) == (0, '')
  assert json.loads(out)['stages'] == ['autoencoder', 'codebook']  # in the order of training
  made = storage.load_networks('released')
  assert set(made.params) == {'autoencoder', 'codebook'}
  np.testing.assert_array_equal(
    made.collections['codebook']['codebook_state']['embedding'],
    networks.collections['codebook']['codebook_state']['embedding'],
  )
  assert made.statistics == {'latent_scale': 0.25}
  assert made.info['networks']['codebook']['origin'] == 'a test'
  assert made.info['networks']['codebook']['steps'] == 7
  assert made.info['sampling'] == {'portrait_steps': 7, 'motion_guidance': 1.5}
  assert '/home/me' not in pathlib.Path('released/seetalk.json').read_text()
  assert run(capsys, 'export', 'run', 'released')[0] == 2
  status, _, err = run(capsys, 'export', 'run', 'elsewhere', '--sampling', 'steps=7')
  assert status == 2 and 'portrait_steps' in err and not pathlib.Path('elsewhere').exists()
  # On top of the release that it started from: trained files are new, the others are equal byte for byte.
  kept = ('--base', 'released', '--sampling', 'portrait_steps=8', '--origin', 'later')
  status, out, _ = run(capsys, 'export', 'run/two', 'merged', '--json', *kept)
  assert status == 0 and json.loads(out)['stages'] == ['autoencoder']
  merged, before = storage.load_networks('merged'), storage.load_networks('released')
  assert set(merged.params) == set(before.params) and merged.statistics == before.statistics
  assert merged.info['networks']['codebook'] == before.info['networks']['codebook']
  assert merged.info['networks']['autoencoder']['origin'] == 'later'
  assert merged.info['sampling'] == {'portrait_steps': 8, 'motion_guidance': 1.5}
  assert run(capsys, 'export', 'run', 'released', '--overwrite')[0] == 0


def test_export_warns_about_networks_that_were_trained_with_another_one(
  workplace, release, capsys, monkeypatch
):
  from seetalk_jax.releases import network_spec
  from seetalk_jax.training import initial_weights

  networks = storage.load_networks(release, only='motion_codec')
  module, params = networks.modules['motion_codec'], networks.params['motion_codec']
  flat = {path: x + 1 for path, x in traverse_util.flatten_dict(params).items()}

  def result(directory):
    return initial_weights.TrainedStage(
      networks={'motion_codec': network_spec.describe(module)},
      params={'motion_codec': traverse_util.unflatten_dict(flat)},
      collections={},
      statistics={},
      config={'stage': 'motion_codec'},
      step=7,
      where='config.json',
      sources=(),
    )

  monkeypatch.setattr(initial_weights, 'load_trained_stage', result)
  pathlib.Path('run/checkpoints').mkdir(parents=True)
  pathlib.Path('run/config.json').touch()
  status, _, err = run(capsys, 'export', 'run', 'released', '--base', release, '--licence', 'MIT')
  (warning,) = err.splitlines()
  assert status == 0 and warning.startswith('warning: motion_codec') and 'keep_motion' in warning
  status, out, err = run(capsys, 'export', 'run', 'again', '--base', release, '--licence', 'MIT', '--json')
  assert (status, err) == (0, '') and json.loads(out)['warnings'] == [warning.removeprefix('warning: ')]


def test_info(workplace, release, capsys):
  status, out, _ = run(capsys, 'info', release, '--json')
  info = json.loads(out)
  assert status == 0 and set(info['networks']) == set(tiny_release.INFERENCE)
  assert info['num_parameters'] == sum(entry['num_parameters'] for entry in info['networks'].values())
  status, out, _ = run(capsys, 'info', release)
  assert status == 0 and 'portrait_unet' in out and 'latent_scale' in out


def test_info_is_a_table_of_whole_words(workplace, capsys):
  networks = storage.load_networks(tiny_release.shared(), only='lip_refiner')
  statistics = {'face_prior_voice_variances': np.ones(128, np.float32), 'latent_scale': np.float32(0.5)}
  notes = {
    'lip_refiner': {'licence': 'CC-BY-NC-4.0 AND unknown', 'origin': 'private videos; ' + 'more ' * 20}
  }
  stages = {name: {'steps': 566, 'config': {'long': 'x' * 200}} for name in ('conre', 'code_transformer')}
  provenance = {'stages': stages, 'converted': {'kind': 'syncnet'}, 'networks': notes}
  storage.save_release('released', networks, statistics, provenance=provenance)
  status, out, _ = run(capsys, 'info', 'released')
  lines = out.splitlines()
  rows = {line.split('  ')[0]: re.split(r'  +', line) for line in lines}
  assert status == 0 and '...' not in out
  assert rows['face_prior_voice_variances'][1] == 'array [128]'
  assert rows['stage code_transformer'][1] == '566 steps'
  assert rows['converted'][1] == '{"kind": "syncnet"}'
  assert rows['motion_steps'][1] == '2'
  assert rows['lip_refiner'][3:] == [
    'float32',
    'CC-BY-NC-4.0 AND unknown',
    notes['lip_refiner']['origin'].strip(),
  ]
  head = next(line for line in lines if line.startswith('network'))
  network = next(line for line in lines if line.startswith('lip_refiner'))
  assert head.index('licence') == network.index('CC-BY-NC-4.0')


def test_info_prints_notes_with_lone_surrogates(tmp_path, capsys):
  directory = tiny_release.make(tmp_path / 'release', names=['lip_refiner'])
  index = directory / 'seetalk.json'
  info = json.loads(index.read_text())
  info['networks']['lip_refiner']['origin'] = 'caf\udce9'
  index.write_text(json.dumps(info))
  status, out, _ = run(capsys, 'info', directory)
  assert status == 0 and r'caf\udce9' in out


@pytest.mark.parametrize('command', [[], *([name] for name in main.COMMANDS)])
def test_help_has_an_example(command, capsys):
  with pytest.raises(SystemExit) as ended:
    main.main([*command, '--help'])
  assert ended.value.code == 0
  assert 'example: seetalk' in capsys.readouterr().out.replace('\n', ' ')


def parsers():
  """Command -> its parser; '' -> the main one."""
  parser = main.make_parser()
  (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
  return {'': parser, **commands.choices}


@pytest.mark.parametrize('command', list(main.COMMANDS))
def test_every_argument_is_explained_with_its_default(command):
  for action in parsers()[command]._actions:
    assert action.help, f'{action.dest} has no help'
    if action.option_strings and action.nargs != 0 and action.default not in (None, [], ()):
      assert 'default' in action.help, f'{action.dest} does not name its default'


def test_experimental_commands_come_last():
  assert list(main.COMMANDS)[-1] == 'plan'
  assert re.search('plan +experimental:', parsers()[''].format_help())
  assert 'Experimental' in parsers()['plan'].format_help()


HELP_OF_ALL = """
import sys, time
from seetalk_jax.cli import main
for command in ([], *([name] for name in main.COMMANDS)):
  try:
    main.main([*command, '--help'])
  except SystemExit as ended:
    assert ended.code == 0, command
print('seconds', time.process_time(), file=sys.stderr)
print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)
"""


def run_process(*command, stdout=subprocess.PIPE):
  environment = {**os.environ, 'PYTHONPATH': str(pathlib.Path(main.__file__).parents[2])}
  return subprocess.run(
    command, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120
  )


def test_help_is_quick_and_loads_nothing_heavy(workplace):
  done = run_process(sys.executable, '-c', HELP_OF_ALL)
  assert done.returncode == 0, done.stderr
  seconds, modules = done.stderr.splitlines()[-2:]
  assert float(seconds.split()[1]) < 0.7
  heavy = {'jax', 'flax', 'numpy', 'grain', 'av', 'soundfile', 'PIL', 'tqdm', 'ml_collections', 'absl'}
  assert not heavy & set(modules.split())


def test_python_m_is_the_same_command(workplace, monkeypatch):
  monkeypatch.setenv('COLUMNS', '80')
  for argv in (['--help'], ['generate', '--help'], ['--version']):
    done = run_process(sys.executable, '-m', 'seetalk_jax', *argv)
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit):
      main.main(argv)
    assert (done.returncode, done.stdout, done.stderr) == (0, out.getvalue(), '')
  for argv in (['generate', 'missing.wav', *OUT], ['generate', '--nonsense'], []):
    done = run_process(sys.executable, '-m', 'seetalk_jax', *argv)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith('error: ') and done.stderr.count('\n') == 1


@pytest.mark.parametrize('argv', [['info', 'demo'], ['--help']])
@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_a_closed_stdout_ends_quietly(argv, unbuffered, monkeypatch):
  monkeypatch.setenv('PYTHONUNBUFFERED', unbuffered)
  read, write = os.pipe()
  os.close(read)
  try:
    done = run_process(sys.executable, '-m', 'seetalk_jax', *argv, stdout=write)
  finally:
    os.close(write)
  assert done.stderr == ''
  # argparse ignores an error of stdout; it occurs immediately if stdout is unbuffered.
  assert done.returncode == (0 if unbuffered and argv == ['--help'] else 141)


@pytest.mark.parametrize(
  'error, message',
  [
    (OSError(errno.ENOSPC, 'No space left on device', 'talk.mp4'), 'no space left, talk.mp4: free some'),
    (
      PermissionError(errno.EACCES, 'Permission denied', 'out'),
      'permission denied, out: check its permissions',
    ),
    (OSError(errno.ENAMETOOLONG, 'File name too long', 'a' * 300), 'file name too long, a'),
  ],
)
def test_errors_of_the_system_are_one_line(error, message, capsys, monkeypatch):
  monkeypatch.setattr(storage, 'read_info', mock.Mock(side_effect=error))
  status, out, err = run(capsys, 'info', 'demo')
  assert (status, out) == (2, '') and err.startswith(f'error: {message}') and err.count('\n') == 1


@pytest.mark.parametrize('error', [PermissionError(errno.EACCES, 'Permission denied'), BrokenPipeError()])
def test_other_errors_of_the_system_are_faults(error, monkeypatch):
  monkeypatch.setattr(storage, 'read_info', mock.Mock(side_effect=error))
  with pytest.raises(type(error)):
    main.main(['info', 'demo'])
