"""Public names: commands, flags, JSON keys, report fields, Python names.

Users' scripts depend on them. Names may be added; renaming or removing one needs an entry in the release
notes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import tomllib

import numpy as np
import pytest
import sounds
from PIL import Image

import seetalk_jax
from seetalk_jax.cli import main
from seetalk_jax.inference import pipeline
from seetalk_jax.releases import storage
from seetalk_jax.testing import tiny_release

ROOT = pathlib.Path(__file__).resolve().parent.parent

CONSOLE_SCRIPTS = {'seetalk'}
PYTHON_NAMES = {
  '__version__',
  'load',
  'SeeTalk',
  'SpeechToBlendshapes',
  'SpeechToPortrait',
  'Clip',
  'load_speech',
  'load_networks',
  'save_release',
  'InputError',
}

# ---------------------------------------------------------------------------------------------- flags
_OUTPUT = '--overwrite --json --quiet'
_MODEL = '--checkpoint --seed --steps --guidance --device'
_CONTROLS = '--pose --blink --gaze --emotion --style --control-scale'
_MARKING = '--no-watermark --sign --timestamp'
_VIDEO = f'-o --output {_MODEL} {_OUTPUT} --aligned --landmarker --size --save-portrait {_CONTROLS} {_MARKING} --resume'
# Command -> positional arguments (without dashes) and flags.
FLAGS = {
  '': '-h --help --version command',
  'generate': f'speech --list --out-dir --portrait --face {_VIDEO} --part --devices',
  'say': f'text --voice --rate --voices --save-speech --portrait --face {_VIDEO}',
  'demo': '--checkpoint --device --host --port --max-seconds --open',
  'serve': (
    '--checkpoint --device --landmarker --host --port --folder --origin --max-seconds --max-megabytes --queue '
    '--sessions --idle --keep'
  ),
  'portrait': f'speech -o --output --num {_MODEL} {_MARKING} {_OUTPUT}',
  'animate': f'portrait speech --driving --relative --absolute --full-frame {_VIDEO}',
  'adapt': (
    'sources -o --output --consent --minutes --held-out --rank --licence --checkpoint --seed --device --aligned '
    f'--landmarker {_OUTPUT}'
  ),
  'blendshapes': f'source -o --output --landmarker {_MODEL} {_OUTPUT} {_CONTROLS}',
  'prepare': (
    'raw out --layout --landmarker --size --max-seconds --processes --beam --json --quiet --min-seconds --min-side '
    '--min-seen --min-speech --min-sharpness --max-yaw --keep-offset --max-offset --max-outside'
  ),
  'corpus': (
    'out --kind --split --num --size --processes --seed --shard-size --records-per-speaker --first-speaker '
    '--frames --part --sketch --json --quiet'
  ),
  'export': f'workdir directory --dtype --inference --base --licence --origin --sampling {_OUTPUT}',
  'convert': f'kind source target --dtype --licence --origin {_OUTPUT}',
  'train': '--config --workdir --distributed --coordinator --num_processes --process_id --dry_run',
  'evaluate': '--config --workdir --only --json --sheet --speech-dir --landmarker --video-dir',
  'push': 'checkpoint repository --public --message --json --quiet',
  'pull': f'repository -o --output {_OUTPUT}',
  'info': 'checkpoint --card --json',
  'verify': 'file --trust --json',
  'compare': 'first second --row --second-row --json',
  'plan': '--config --topology --set --size --whole --again --json --quiet',
}

# ---------------------------------------------------------------------------------------------- JSON
_MADE_BY = 'version checkpoint checkpoint_id seed device crop_version'
_CLIP = f'output frames fps width height audio_seconds stage_seconds portrait fusion renderer job {_MADE_BY}'
_SAMPLING = (
  'portrait_steps portrait_guidance portrait_autoguidance portrait_temperature portrait_voice_temperature '
  'portrait_asymmetry motion_steps motion_guidance lip_scale'
)
# Command -> keys of its --json object.
JSON = {
  'generate': f'{_CLIP} {_SAMPLING}',
  'generate --list': 'videos',
  'say': f'{_CLIP} {_SAMPLING} voice',
  'say --voices': 'languages variants',
  'animate': f'{_CLIP} {_SAMPLING}',
  'animate --driving': f'{_CLIP} motion',
  'animate --full-frame': f'{_CLIP} {_SAMPLING} full_frame',
  'portrait': f'outputs width height audio_seconds stage_seconds {_MADE_BY}',
  'adapt': (
    'output consent networks photos video_seconds fit_frames held_out_frames psnr_before psnr_after fit_psnr_before '
    f'fit_psnr_after num_steps best_step seconds stopped parameters {_MADE_BY}'
  ),
  'blendshapes': 'output frames fps detected',
  'blendshapes SPEECH': (
    f'output frames fps audio_seconds stage_seconds motion_steps motion_guidance lip_scale {_MADE_BY}'
  ),
  'prepare': 'output kept rejected failed reasons seconds num_bytes flagged report missing_splits next',
  'corpus': 'output kind split records shards num_bytes',
  'export': 'output networks stages dtype licences warnings',
  'convert': 'output network parameters fresh licence dtype',
  'info': (
    'directory num_parameters intact format format_version library_version networks statistics sampling provenance'
  ),
  'push': 'repository commit',
  'pull': 'output repository networks',
  'verify': 'file tag settings signature watermark',
  'compare': 'row second_row measures',
  'plan': (
    'stage topology mesh batch_size parameters fits memory model_flops hardware_flops memory_traffic collectives '
    'seconds compiler_seconds predicted_mfu compile_seconds'
  ),
}
# Command and key -> keys of the object at that key; * is any key.
NESTED = {
  'generate stage_seconds': 'speech portrait motion render encode',
  'animate --driving stage_seconds': 'motion render encode',
  'portrait stage_seconds': 'speech portrait',
  'blendshapes SPEECH stage_seconds': 'speech motion',
  'info networks *': 'class fields file sha256 digest dtype num_parameters licence origin',
  'info statistics': 'values file sha256',
  'verify tag': 'title comment',
  'verify signature': 'state signer issuer time source_type ingredients problems',
  'verify watermark': 'payload score scale of_tag false_positive',
  'compare measures *': 'first second value low high count clear',
  'plan memory': 'arguments temporaries total chip',
  'plan seconds': 'compute memory links step',
  'plan collectives *': 'count bytes',
}

# ---------------------------------------------------------------------------------------------- files
_RECORDING = 'file speaker clip split status reason seconds fps frames width height'
PREPARE_REPORT = {
  'kept': f'{_RECORDING} clips refused_clips kept_seconds records bytes',
  'rejected': f'{_RECORDING} quality',
  'failed': 'file speaker clip split status reason',
}
PREPARE_CLIP = 'start stop box records quality flags offset'
PREPARE_QUALITY = (
  'side outside seen sharpness faces rivals speech yaw offset_frames offset_correlation offset_z offset_parts '
  'offset_corrected'
)
PREPARE_REASONS = (
  'no_picture no_sound too_short silent no_face small_face several_faces turned_away outside '
  'no_speech blurred offset'
)
CORPUS = 'schema parts prepared'  # of corpus.json
CORPUS_PART = {
  'prepare': 'num size speakers seconds crop_version largest_side',
  'corpus': 'num size seed records_per_speaker first_speaker shard_size crop_version world',
}
EVALUATION = 'checkpoint seconds device jax config figures'
FIGURE = 'part name value target count low high note reached'


def same(found, expected: str, where: str) -> None:
  """Fails with the missing names and the new ones; new names must be added to the table."""
  found, expected = set(found), set(expected.split())
  assert not expected - found, f'{where}: names that users rely on are gone: {sorted(expected - found)}'
  assert not found - expected, f'{where}: new names, add them to the table: {sorted(found - expected)}'


def test_console_scripts():
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  assert set(project['scripts']) == CONSOLE_SCRIPTS


def test_python_names():
  assert set(seetalk_jax.__all__) == PYTHON_NAMES


def parsers() -> dict[str, argparse.ArgumentParser]:
  parser = main.make_parser()
  (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
  return {'': parser, **commands.choices}


def test_commands():
  assert set(parsers()) == set(FLAGS)


@pytest.mark.parametrize('command', list(FLAGS))
def test_flags(command):
  names = [name for action in parsers()[command]._actions for name in action.option_strings or [action.dest]]
  same(names, f'-h --help {FLAGS[command]}', f'seetalk {command}')


@pytest.fixture
def say(monkeypatch, tmp_path, capsys):
  """`say('generate', ...)`: JSON output of a command that runs in an empty folder on a tiny release."""
  monkeypatch.setattr(pipeline.SeeTalk, 'load', tiny_release.load)
  monkeypatch.chdir(tmp_path)
  sounds.write_sndfile('speech.wav', sounds.tone(0.3), 16_000)

  def run(*argv):
    assert main.main([*map(str, argv), '--json']) == 0
    return json.loads(capsys.readouterr().out)

  return run


def check_command(command: str, content: dict) -> None:
  same(content, JSON[command], f'seetalk {command} --json')
  for place, names in NESTED.items():
    head, _, key = place.removesuffix(' *').rpartition(' ')
    if head == command:
      inner = list(content[key].values()) if place.endswith('*') else [content[key]]
      for value in inner:
        same(value, names, f'seetalk {command} --json, {key}')


def test_json_of_videos_and_portraits(say):
  common = ['--checkpoint', tiny_release.shared(), '--device', 'cpu']
  check_command('portrait', say('portrait', 'speech.wav', '-o', 'face.png', *common))
  check_command('generate', say('generate', 'speech.wav', '-o', 'talk.mp4', *common))
  # A video that is already finished gives the same keys and no stage times.
  finished = say('generate', 'speech.wav', '-o', 'talk.mp4', '--resume', *common)
  assert finished.pop('stage_seconds') == {}
  same([*finished, 'stage_seconds'], JSON['generate'], 'seetalk generate --resume --json')
  pathlib.Path('list.txt').write_text('speech.wav\n')
  listed = say('generate', '--list', 'list.txt', '--out-dir', 'out', *common)
  check_command('generate --list', listed)
  check_command('generate', listed['videos'][0])
  check_command('animate', say('animate', 'face.png', 'speech.wav', '-o', 'animated.mp4', *common))
  moved = ['--driving', 'talk.mp4', '--aligned', '-o', 'moved.mp4', *common]
  check_command('animate --driving', say('animate', 'face.png', *moved))


def test_json_of_a_full_frame(say, monkeypatch):
  from seetalk_jax.media import face

  pixels = np.random.default_rng(0).integers(0, 256, (80, 101, 3)).astype(np.uint8)
  photo = face.Photo(pixels, face.FaceBox(20.0, 10.0, 50.0))
  Image.fromarray(pixels).save('photo.jpg')
  monkeypatch.setattr(face, 'find_photo', lambda *args, **options: photo)
  common = ['--full-frame', '-o', 'animated.mp4', '--checkpoint', tiny_release.shared(), '--device', 'cpu']
  made = say('animate', 'photo.jpg', 'speech.wav', *common)
  check_command('animate --full-frame', made)
  assert (made['width'], made['height'], made['full_frame']) == (100, 80, '100 x 80')
  finished = say('animate', 'photo.jpg', 'speech.wav', '--resume', *common)
  assert (finished['width'], finished['height'], finished['stage_seconds']) == (100, 80, {})


def test_json_of_spoken_text(say):
  common = ['--checkpoint', tiny_release.shared(), '--device', 'cpu']
  check_command('say', say('say', 'Hi.', '-o', 'talk.mp4', *common))
  check_command('say --voices', say('say', '--voices'))


def test_json_of_info(say):
  check_command('info', say('info', tiny_release.shared()))


def test_json_of_verify():
  from seetalk_jax.cli import verify
  from seetalk_jax.provenance import detection, manifest, report

  found = report.Report(report.Tag('', ''), {}, manifest.Signature('valid'), detection.Detection(1, 9.0, 1.0))
  check_command('verify', verify.describe(found, 'talk.mp4'))
  empty = verify.describe(report.Report(None, {}, None, None), 'photo.jpg')
  assert [empty[key] for key in ('tag', 'signature', 'watermark')] == [False, False, False]


def test_json_of_compare(say):
  metrics = {'protocol': {'fps': 25}, 'rows': {'pred': {}}, 'videos': {'pred': {'a': {'psnr': 20.0}}}}
  pathlib.Path('metrics.json').write_text(json.dumps(metrics))
  check_command('compare', say('compare', 'metrics.json', 'metrics.json'))


def test_json_of_export(say, monkeypatch):
  from seetalk_jax.releases import network_spec
  from seetalk_jax.training import initial_weights

  networks = storage.load_networks(tiny_release.shared(), only=['autoencoder'])
  result = initial_weights.TrainedStage(
    networks={name: network_spec.describe(module) for name, module in networks.modules.items()},
    params=networks.params,
    collections={},
    statistics={'face_prior': {'latent_scale': np.float32(0.25)}},
    config={'stage': 'autoencoder', 'init': {}},
    step=7,
    where='config.json',
  )
  monkeypatch.setattr(initial_weights, 'load_trained_stage', lambda directory: result)
  pathlib.Path('run/checkpoints').mkdir(parents=True)
  pathlib.Path('run/config.json').touch()
  check_command('export', say('export', 'run', 'released'))


def test_json_of_convert(say):
  import sources

  sources.autoencoder_source(pathlib.Path('vae'))
  check_command('convert', say('convert', 'sd-vae', 'vae', 'released'))


def test_json_of_plan():
  from seetalk_jax.planning import collectives, plan

  content = dataclasses.asdict(
    plan.Plan(
      **dict.fromkeys(JSON['plan'].split(), 0)
      | {
        'memory': plan.Memory(arguments=0, temporaries=0, total=0, chip=0),
        'seconds': plan.Seconds(compute=0, memory=0, links=0, step=0),
        'collectives': {'all-gather': collectives.Traffic(0, 0)},
      }
    )
  )
  check_command('plan', content)


def test_json_and_files_of_corpus(say):
  made = say(
    'corpus', 'out', '--kind', 'faces', '--num', 2, '--size', 16, '--sketch', '--processes', 0, '--quiet'
  )
  check_command('corpus', made)
  manifest = json.loads(pathlib.Path('out/corpus.json').read_text())
  same([*manifest, 'prepared'], CORPUS, 'corpus.json')
  assert list(manifest['parts']) == ['faces-train']
  same(manifest['parts']['faces-train'], CORPUS_PART['corpus'], 'corpus.json of seetalk corpus')


def test_json_of_blendshapes(say, monkeypatch):
  import green_faces

  green_faces.use(monkeypatch)
  green_faces.write(pathlib.Path('talk.mp4'), seconds=1.0)
  check_command('blendshapes', say('blendshapes', 'talk.mp4', '-o', 'talk.csv', '--landmarker', 'model'))
  common = ['--checkpoint', tiny_release.shared(), '--device', 'cpu']
  check_command('blendshapes SPEECH', say('blendshapes', 'speech.wav', '-o', 'said.csv', *common))


def test_json_and_files_of_prepare(say, monkeypatch):
  import green_faces

  from seetalk_jax.prepare import clip_quality

  green_faces.use(monkeypatch)
  raw = pathlib.Path('raw/speaker')
  raw.mkdir(parents=True)
  green_faces.write(raw / 'kept.mp4', seconds=1.5)
  green_faces.write(raw / 'rejected.mp4', seconds=1.5, sound='hum')
  (raw / 'failed.mp4').write_bytes(b'no video')
  limits = ['--size', 64, '--min-side', 64, '--min-sharpness', 0, '--processes', 0]
  check_command('prepare', say('prepare', 'raw', 'out', '--landmarker', 'model', *limits))
  entries = {entry['status']: entry for entry in json.loads(pathlib.Path('out/report.json').read_text())}
  assert set(entries) == set(PREPARE_REPORT)
  for status, entry in entries.items():
    same(entry, PREPARE_REPORT[status], f'report.json, {status}')
  clip = entries['kept']['clips'][0]
  same(clip, PREPARE_CLIP, 'report.json, clips')
  same(clip['quality'], PREPARE_QUALITY, 'report.json, quality of a clip')
  same(entries['rejected']['quality'], PREPARE_QUALITY, 'report.json, quality of a recording')
  same(clip_quality.REASONS, PREPARE_REASONS, 'report.json, reason')
  manifest = json.loads(pathlib.Path('out/corpus.json').read_text())
  same(manifest, CORPUS, 'corpus.json')
  (part,) = manifest['parts'].values()
  same(part, CORPUS_PART['prepare'], 'corpus.json of seetalk prepare')


def test_evaluation_report(tmp_path):
  from seetalk_jax.evaluation import report

  path = tmp_path / 'figures.json'
  report.write_json(str(path), [report.Figure('lips', 'one', 1.0)], report.about('demo', 2.0, {'seed': 0}))
  content = json.loads(path.read_text())
  same(content, EVALUATION, 'figures.json')
  same(content['figures'][0], FIGURE, 'figures.json, figures')
