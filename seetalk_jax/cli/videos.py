"""Videos of a command: input checks, resuming of unfinished videos, several devices, and --json results."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seetalk_jax import files
from seetalk_jax.cli import batch, controls, options, resuming
from seetalk_jax.constants import FPS
from seetalk_jax.errors import InputError


class VideoJob(NamedTuple):
  """One video to make.

  Attributes:
    source: the speech file, or the driving video.
    output: the .mp4 file to write.
  """

  source: str
  output: pathlib.Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoOptions:
  """How the videos of a command are made.

  Attributes:
    checkpoint: folder of a released checkpoint, or 'demo'.
    device: 'cpu', 'gpu' or 'tpu'; None: JAX's default.
    portrait: picture file of the speaker; None: a portrait is sampled to fit the voice.
    aligned: whether `portrait` (and a driving video) is already a square portrait crop.
    landmarker: MediaPipe's face_landmarker.task; None: see `media.face`.
    full_frame: put the head back into the whole picture; needs `portrait`.
    face: index of the sampled portrait; unused with `portrait`.
    seed: 0 to 2**32 - 1.
    steps: network calls per sampled portrait and motion; None: the checkpoint's default.
    guidance: guidance scale of both samplers, 1 is unguided; None: the checkpoint's default.
    size: side of the video in pixels, even; None: the checkpoint's size. With `full_frame`, the longer side; None:
      that of the picture, up to a limit.
    controls, control_scales: as for `pipeline.SeeTalk`.
    save_portrait: .png file for the portrait; for one video only.
    out_dir: folder of the videos, created if missing; None: the folders of all outputs must exist.
    devices: number of devices that share the videos; None: all.
    overwrite: replace existing files.
    resume: continue unfinished videos of the same inputs, and skip finished ones.
    quiet: no progress bars.
    watermark: whether the frames and the portrait are marked.
    signer: the `Signer` of the files; None: they are not signed.
  """

  checkpoint: str = 'demo'
  device: str | None = None
  portrait: str | None = None
  aligned: bool = False
  landmarker: str | None = None
  full_frame: bool = False
  face: int = 0
  seed: int = 0
  steps: int | None = None
  guidance: float | None = None
  size: int | None = None
  controls: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  control_scales: Mapping[str, float] = dataclasses.field(default_factory=dict)
  save_portrait: str | None = None
  out_dir: str | None = None
  devices: int | None = None
  overwrite: bool = False
  resume: bool = False
  quiet: bool = False
  watermark: bool = True
  signer: Any = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments shared by all commands that make videos; see `options_from`."""
  options.add_face_finding(parser)
  options.add_model(parser)
  parser.add_argument(
    '--size',
    type=options.video_side,
    default=None,
    metavar='N',
    help='side of the video in pixels, even (default: that of the checkpoint)',
  )
  parser.add_argument('--save-portrait', metavar='PNG', help='also write the portrait to this file')
  controls.add_arguments(parser)
  options.add_marking(parser)
  options.add_output(parser)
  resuming.add_argument(parser)


def add_portrait(parser: argparse.ArgumentParser) -> None:
  """Adds --portrait and --face: a given portrait, or a sampled one by its number."""
  parser.add_argument(
    '--portrait', metavar='IMG', help='picture of the speaker (default: a portrait sampled to fit the voice)'
  )
  parser.add_argument(
    '--face',
    type=options.whole(0, options.MAX_FACE),
    default=0,
    metavar='N',
    help='number of the sampled portrait (default 0)',
  )


def options_from(args: argparse.Namespace, *, several: bool = False, **others: Any) -> VideoOptions:
  """Converts a command line with the arguments of `add_arguments` to options; files of controls are read.

  Args:
    args: the command line.
    several: whether the command makes a list of videos; a file of controls is then an error.
    others: fields that only this command has.

  Raises:
    InputError: see `controls.read`.
  """
  return VideoOptions(
    checkpoint=args.checkpoint,
    device=args.device,
    portrait=args.portrait,
    aligned=args.aligned,
    landmarker=args.landmarker,
    seed=args.seed,
    steps=args.steps,
    guidance=args.guidance,
    size=args.size,
    save_portrait=args.save_portrait,
    overwrite=args.overwrite,
    resume=args.resume,
    quiet=args.quiet,
    watermark=not args.no_watermark,
    signer=options.signer_from(args),
    **controls.read(args, several=several),
    **others,
  )


def make_videos(jobs: Sequence[VideoJob], how: VideoOptions) -> list[dict[str, Any]]:
  """Makes a video from each speech file.

  Returns:
    The --json result of each video, in order; see `describe`.

  Raises:
    InputError: an input or output cannot be used; nothing has been written.
  """
  from seetalk_jax.media import audio

  check_outputs(jobs, how)
  # All inputs are checked before the first video is made. Each recording of a list is decoded again when its
  # video is made, so that only one is in memory at a time. A single recording is decoded once.
  single = audio.load_speech(jobs[0].source) if len(jobs) == 1 else None
  if single is None and not how.resume:  # with --resume, they are decoded below
    for job in jobs:
      audio.load_speech(job.source)
  portrait = _checked_portrait(how, may_move=True)
  first = options.load_pipeline(how.checkpoint, how.device)

  kept = None if single is None else _speech_inputs(first, single, portrait, how)
  requested = {}
  if how.resume:
    for job in jobs:
      inputs = kept or _speech_inputs(first, job.source, portrait, how)
      requested[job.output] = _requested(inputs, how)
  earlier = resuming.find_earlier(requested, overwrite=how.overwrite, save_portrait=how.save_portrait)
  if how.out_dir is not None:
    files.make_folder(how.out_dir)
  pipes = batch.pipelines(first, len(jobs) - len(earlier.finished), how.devices)

  def make(pipe, job, progress):
    if job.output in earlier.finished:
      return describe_finished(pipe, requested[job.output], job.output)
    with resuming.note_if_interrupted(job.output, bars):
      inputs = kept or _speech_inputs(pipe, job.source, portrait, how)
      clip = pipe.make_clip(inputs, unfinished=earlier.unfinished.get(job.output), progress=progress)
      _save(clip, job, how)
    return describe(clip, job.output)

  with options.Bars(how.quiet) as bars:
    return batch.run(jobs, pipes, make, bars)


def make_reenactment(job: VideoJob, how: VideoOptions, *, relative: bool) -> dict[str, Any]:
  """Makes a video of `how.portrait` with the motion and the sound of a driving video.

  Args:
    job: the driving video and the output.
    how: options.
    relative: as for `pipeline.SeeTalk.reenact`.

  Returns:
    The --json result of the video; see `describe`.

  Raises:
    InputError: an input or output cannot be used; nothing has been written.
  """
  from seetalk_jax.media import driving

  check_outputs([job], how)
  portrait = _checked_portrait(how)
  video = driving.open_driving(job.source, landmarker=how.landmarker, aligned=how.aligned)
  pipe = options.load_pipeline(how.checkpoint, how.device)
  inputs = pipe.inputs.from_video(
    portrait, video, relative=relative, size=how.size, full_frame=how.full_frame
  )
  requested = {job.output: _requested(inputs, how)} if how.resume else {}
  earlier = resuming.find_earlier(requested, overwrite=how.overwrite, save_portrait=how.save_portrait)
  if job.output in earlier.finished:
    return describe_finished(pipe, requested[job.output], job.output)
  with options.Bars(how.quiet) as bars, resuming.note_if_interrupted(job.output, bars):
    clip = pipe.make_clip(inputs, unfinished=earlier.unfinished.get(job.output), progress=bars)
    _save(clip, job, how)
  return describe(clip, job.output)


def check_outputs(jobs: Sequence[VideoJob], how: VideoOptions) -> None:
  """Checks that all files of a command can be written, and that none of them is one of its inputs.

  Raises:
    InputError: see `media.image.check_output`.
  """
  from seetalk_jax.inference import unfinished_video
  from seetalk_jax.media import image

  inputs = [*(job.source for job in jobs), how.portrait, how.controls.get('style')]
  outputs = [(job.output, '.mp4') for job in jobs]
  if how.save_portrait:
    outputs.append((how.save_portrait, '.png'))
  for output, suffix in outputs:
    if any(path is not None and options.same_file(output, path) for path in inputs):
      raise InputError(f'the output is one of the inputs, {output}: give another name')
    if how.out_dir is None or pathlib.Path(how.out_dir).exists():
      image.check_output(output, suffix, how.overwrite or how.resume)
    else:  # a missing out_dir is created after all inputs are checked
      files.check_writable(output)
  for job in jobs:
    unfinished_video.check_free(job.output)


def describe(clip, output: pathlib.Path) -> dict[str, Any]:
  """The --json result of a video that was made."""
  return {
    'output': str(output),
    'frames': clip.num_frames,
    'fps': clip.fps,
    'width': clip.size[1],
    'height': clip.size[0],
    'audio_seconds': round(clip.audio_seconds, 4),
    'stage_seconds': {stage: round(seconds, 4) for stage, seconds in clip.stage_seconds.items()},
    **clip.record,
  }


def describe_finished(pipe, requested: resuming.RequestedVideo, output: pathlib.Path) -> dict[str, Any]:
  """The --json result of a video that an earlier run has finished; its times are empty."""
  spec = requested.spec
  return {
    'output': str(output),
    'frames': spec.num_frames,
    'fps': FPS,
    'width': spec.frame_size[1],
    'height': spec.frame_size[0],
    'audio_seconds': round(requested.audio_seconds, 4),
    'stage_seconds': {},
    **pipe.describe(spec),
  }


def summarise(result: Mapping[str, Any]) -> str:
  """One line of text for a result of `describe`."""
  spent = sum(result['stage_seconds'].values())
  made = f'made in {spent:.1f} s' if result['stage_seconds'] else 'finished before'
  return (
    f'{result["output"]}: {result["frames"]} frames of {result["width"]} x {result["height"]} for '
    f'{result["audio_seconds"]:.2f} s of sound, {made} '
    f'(checkpoint {result["checkpoint"]}, seed {result["seed"]}, {result["device"]})'
  )


def _requested(inputs, how: VideoOptions) -> resuming.RequestedVideo:
  from seetalk_jax.inference import clip

  mark = clip.watermark_of({'job': inputs.spec.job_id()}, inputs.spec.frame_size) if how.watermark else None
  return resuming.RequestedVideo(inputs.spec, inputs.audio_seconds, None if mark is None else mark.name)


def _save(clip, job: VideoJob, how: VideoOptions) -> None:
  """Writes the video, and the portrait if there is a file for it."""
  inputs = [path for path in (how.portrait, job.source) if path is not None]
  ingredients = signed_inputs(inputs, how) if how.signer is not None or not how.quiet else []
  clip.save(
    job.output, resume=how.resume, watermark=how.watermark, signer=how.signer, ingredients=ingredients
  )
  if how.save_portrait:
    clip.save_portrait(how.save_portrait, watermark=how.watermark, signer=how.signer)


def signed_inputs(paths: Sequence[str], how: VideoOptions) -> list[str]:
  """The inputs that hold a C2PA manifest; without --sign, a note says that the output does not keep it."""
  from seetalk_jax.media import pipes
  from seetalk_jax.provenance import c2pa_extra

  signed = [path for path in paths if not pipes.is_pipe(path) and c2pa_extra.has_manifest(path)]
  if how.signer is None:
    for path in signed:
      print(f'{path}: holds a C2PA manifest, which the output keeps only with --sign', file=sys.stderr)
  return signed


def _speech_inputs(pipe, speech, portrait, how: VideoOptions):
  """The `ClipInputs` of a speech file or decoded speech."""
  return pipe.inputs.from_speech(
    speech,
    seed=how.seed,
    portrait=portrait,
    face=how.face,
    steps=how.steps,
    guidance_scale=how.guidance,
    size=how.size,
    controls=how.controls,
    control_scales=how.control_scales,
    full_frame=how.full_frame,
  )


def _checked_portrait(how: VideoOptions, may_move: bool = False):
  """The portrait crop of `how.portrait`, or the whole photo or video, or None; checks the checkpoint's index first.

  Args:
    how: options.
    may_move: whether the full frame may be a video.
  """
  from seetalk_jax.media import face, image, tracked_video
  from seetalk_jax.releases import storage

  storage.read_info(how.checkpoint)
  if how.portrait is None:
    return None
  note = None if how.quiet else lambda line: print(line, file=sys.stderr)
  if not how.full_frame:
    return face.aligned_portrait(how.portrait, landmarker=how.landmarker, aligned=how.aligned, note=note)
  if may_move and not image.is_image(how.portrait):
    return tracked_video.open_tracked(how.portrait, landmarker=how.landmarker, longer_side=how.size)
  photo = face.find_photo(how.portrait, landmarker=how.landmarker, note=note)
  if photo.box is None:
    raise InputError(
      f'a portrait crop has no picture around it, {how.portrait}: give the whole photo, or leave out --full-frame'
    )
  return photo
