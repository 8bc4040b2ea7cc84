"""Adaptation of a release to one person: reads recordings, fits the networks, judges them, writes a release."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from seetalk_jax.adaptation import examples as examples_lib
from seetalk_jax.adaptation import factors, fitting, measuring, photo_motions, recordings
from seetalk_jax.adaptation.judge import Figures, Judge
from seetalk_jax.errors import InputError
from seetalk_jax.inference import renderer
from seetalk_jax.inference.loaded_release import LoadedRelease
from seetalk_jax.inference.motion_sampler import MotionSampler
from seetalk_jax.inference.progress import Progress, no_progress
from seetalk_jax.releases import provenance, storage

# Of every photo, see `photo_motions`.
MOVED_FRAMES = 48
CHECKED_FRAMES = 8
MAX_CONSENT = 500  # characters


@dataclasses.dataclass(frozen=True)
class Adapted:
  """Result of `adapt`.

  Attributes:
    directory: folder of the release.
    networks: names of the changed networks.
    photos: number of photos.
    video_seconds: length of all videos.
    fit_frames, held_out_frames: numbers of recorded frames.
    measured_frames: how many of the fitted frames the face landmarker measured.
    psnr_before, psnr_after: mean PSNR in dB on held-out frames; None without any.
    sharpness_before, sharpness_after: sharpness of the face on these frames, relative to the recorded ones: variance of
      the Laplacian; 1 is as sharp.
    fit_psnr_before, fit_psnr_after, fit_sharpness_before, fit_sharpness_after: the same on frames that the networks
      were fitted to.
    num_steps, best_step: steps taken, and the step whose state is in the release.
    seconds: time of the fit.
    stopped: whether the fit was interrupted.
    parameters: number of fitted scalars in the factors.
  """

  directory: str
  networks: tuple[str, ...]
  photos: int
  video_seconds: float
  fit_frames: int
  held_out_frames: int
  measured_frames: int
  psnr_before: float | None
  psnr_after: float | None
  sharpness_before: float | None
  sharpness_after: float | None
  fit_psnr_before: float
  fit_psnr_after: float
  fit_sharpness_before: float
  fit_sharpness_after: float
  num_steps: int
  best_step: int
  seconds: float
  stopped: bool
  parameters: int


def checked_consent(text: str) -> str:
  """A statement of consent as it is stored: one line.

  Raises:
    InputError: it has less than three letters, or more than 500 characters.
  """
  text = ' '.join(text.split())
  if sum(letter.isalpha() for letter in text) < 3 or not text.isprintable():
    raise InputError(
      f'{text!r} states no consent, the consent: write who agreed to the adaptation, and how, in a few words'
    )
  if len(text) > MAX_CONSENT:
    raise InputError(f'{len(text)} characters, the consent: write at most {MAX_CONSENT}')
  return text


def adapt(
  release: LoadedRelease,
  people: Sequence[recordings.Recording],
  directory: str | os.PathLike,
  *,
  consent: str,
  licence: str | None = None,
  held_out: float = 0.2,
  landmarker: str | os.PathLike | None = None,
  options: fitting.FitOptions | None = None,
  note: Callable[[str], None] = lambda line: None,
  progress: Progress = no_progress,
  stop: threading.Event | None = None,
) -> Adapted:
  """Adapts a release to one person and writes the result as a release.

  Low-rank factors of the motion encoder, the appearance encoder and the flow basis are fitted first, supervised by
  landmarks and measured motion, then also those of the decoder. The state that is best on frames between the fitted
  and the held-out ones, and on small motions of photos, is kept, at worst the release itself.

  Args:
    release: the release; it needs a motion codec.
    people: recordings of one person, from `recordings.read` in the size of the release.
    directory: the folder to write, as for `storage.save_release`.
    consent: who agreed to the adaptation, and how; stored with every changed network.
    licence: licence of the changed networks; None: that of the release, and 'unknown' for the recordings.
    held_out: share of every video, at its end, that judges the result; 0 to 0.9.
    landmarker: MediaPipe's `face_landmarker.task`; by default the environment variable SEETALK_FACE_LANDMARKER. Without
      one, the fit uses the pictures alone.
    options: options of the fit.
    note: called with one line of text if there is no landmarker, or if it finds no face.
    progress: called with (stage, done, total).
    stop: when it is set, the fit ends after the current step and the best state is written.

  Raises:
    InputError: no consent, no recordings, or interrupted before the first step.
    CheckpointError: the release lacks the motion codec, or `directory` holds other things.
    PortraitError: `landmarker` is given and cannot be used.
  """
  consent, options = checked_consent(consent), options or fitting.FitOptions()
  if not people:
    raise InputError('no recordings, the adaptation: give photos and videos of one person')
  release.need('motion_codec')
  modules = release.networks.modules
  with release.computing():
    encoder, draw = MotionSampler(release), renderer.Renderer(release)
    draw.prepare(release.side)
    splits = recordings.split(people, held_out)
    judge = Judge(draw, lambda params, frames: encoder.read(frames, params))
    judge.add_recordings(people, splits, release.params)
    move = functools.partial(_move, judge, options.seed)
    with measuring.open_reader(landmarker, note) as read:
      examples = examples_lib.collect(people, splits, functools.partial(measuring.measure, read=read), move)
    if read is not None and not examples.measured.any():
      note('the landmarker finds no face in the crops: geometry is fitted to the pictures alone')
    fitted = fitting.fit(
      modules,
      release.params,
      release.collections,
      examples,
      options,
      truth_known=encoder.has_motion_vectors,
      check=(lambda params: judge.score(params, 'check')) if judge.has('check') else None,
      progress=progress,
      stop=stop,
    )
    if not fitted.num_steps:
      raise InputError('interrupted before the first step, the fit: nothing is written, run it again')
    before, after = (
      {use: judge.figures(params, use) for use in ('held_out', 'fit')}
      for params in (release.params, fitted.params)
    )
  result = Adapted(
    directory=str(directory),
    networks=factors.adapted_networks(renderer.is_complete(modules)),
    photos=sum(recording.is_photo for recording in people),
    video_seconds=round(sum(recording.seconds for recording in people), 2),
    fit_frames=sum(len(split.fit) for split in splits),
    held_out_frames=sum(len(split.held_out) for split in splits),
    measured_frames=int(examples.measured[np.concatenate([group.real for group in examples.groups])].sum()),
    **_fields('', before['held_out'], after['held_out']),
    **_fields('fit_', before['fit'], after['fit']),
    num_steps=fitted.num_steps,
    best_step=fitted.best_step,
    seconds=round(fitted.seconds, 2),
    stopped=fitted.stopped,
    parameters=fitted.num_parameters,
  )
  _write(release, fitted.params, pathlib.Path(directory), result, consent, licence)
  return result


def _move(
  judge: Judge, seed: int, photo: recordings.Recording, measured: measuring.Measured
) -> photo_motions.MovedPhotos:
  """Small motions of a photo to fit to. Other ones choose the best state of the fit."""
  pixels, inside = photo.frames[0], photo.inside
  head = photo_motions.head_of(measured, photo_motions.cells_of(len(pixels)))
  fit, check = (
    photo_motions.move_photo(pixels, inside, head, photo_motions.random_motions(head, count, use_seed))
    for count, use_seed in ((MOVED_FRAMES, 2 * seed), (CHECKED_FRAMES, 2 * seed + 1))
  )
  judge.add('check', pixels, check.frames, check.inside)
  return fit


def _fields(prefix: str, before: Figures | None, after: Figures | None) -> dict[str, Any]:
  """Fields of `Adapted` about frames of one use; None without such frames."""
  return {
    f'{prefix}{name}_{when}': None if figures is None else getattr(figures, name)
    for name in Figures._fields
    for when, figures in (('before', before), ('after', after))
  }


def _write(
  release: LoadedRelease,
  params: dict[str, Any],
  directory: pathlib.Path,
  result: Adapted,
  consent: str,
  licence: str | None,
) -> None:
  """Writes the release, with licence, origin and consent of the changed networks."""
  networks = release.networks
  changed = {name: jax.tree.map(np.asarray, params[name]) for name in result.networks}
  info = networks.info.get('provenance', {})
  notes = {
    name: _notes(info.get('networks', {}).get(name, {}), result, consent, licence) for name in result.networks
  }
  facts = dataclasses.asdict(result)
  facts = {name: facts[name] for name in facts if name not in ('directory', 'networks')}
  record = {'consent': consent, 'networks': list(result.networks), **facts}
  widths = {entry.get('dtype') for entry in networks.info['networks'].values()}
  storage.save_release(
    directory,
    networks.replace(**changed),
    provenance={'networks': notes, 'adaptations': [*info.get('adaptations', []), record]},
    dtype='float16' if widths == {'float16'} else 'float32',
  )


def _notes(notes: dict[str, Any], result: Adapted, consent: str, licence: str | None) -> dict[str, Any]:
  """Notes of a changed network: the licence is inherited, and 'unknown' for the recordings unless it is stated."""
  notes = provenance.notes_of(notes)
  statements = [*([notes['consent']] if 'consent' in notes else []), consent]
  photos = f'{result.photos} photo{"s" if result.photos != 1 else ""}'
  source = ' and '.join(
    part
    for part, there in (
      (photos, result.photos),
      (f'{result.video_seconds:g} s of video', result.video_seconds),
    )
    if there
  )
  origin = f'adapted to one person ({source}; consent: {consent})'
  return {
    'licence': provenance.combined_licence([notes['licence'], licence or provenance.UNKNOWN]),
    'origin': provenance.extended_origin(notes['origin'], origin),
    'consent': '; '.join(dict.fromkeys(statements)),
  }
