"""Evaluation of a pipeline (`evaluate.py`), one part per group of figures; costly inputs are cached."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from seetalk_jax.constants import FPS, POSE
from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation import generated
from seetalk_jax.evaluation.measures import pictures, sync
from seetalk_jax.evaluation.parts import (
  codec,
  flicker,
  identity_figures,
  life,
  lips,
  reenactment,
  refinement,
  retrieval,
  speed,
  voice_to_face,
)
from seetalk_jax.evaluation.probes import identity, readers, rendered, trunk, worlds
from seetalk_jax.evaluation.report import Figure

PARTS = (
  'lips',
  'life',
  'voice',
  'identity',
  'codec',
  'reenactment',
  'flicker',
  'refinement',
  'retrieval',
  'speed',
)


class Talk(NamedTuple):
  """A held-out speaker with a held-out text: `speech [640 n]` (16 kHz) and its true `motion [n, 20]`."""

  speaker: int
  speech: np.ndarray
  motion: np.ndarray


class Evaluation:
  """The parts of an evaluation; inputs that several parts share are computed once.

  Every voice has its own seed: `config.seed` plus its index. With one common seed the voices would share
  their noise, hence their blink times and much of their appearance, and would not be independent samples.

  Args:
    config: as in configs/demo.py.
    world: the synthetic world.
    make_generator: creates the pipeline under test when it is first needed.
    workdir: cache folder of the readers and the rendered appearances, which do not depend on the checkpoint.
    towers: the encoders of contrastive pre-training, for `retrieval`; releases have no face encoder.
    sync_judge: a sync expert that the checkpoint was not trained with, for `refinement`; None skips it.
  """

  def __init__(
    self,
    config,
    world: worlds.MeasuredWorld,
    make_generator: Callable[[], generated.Generator],
    workdir: str,
    towers: retrieval.Towers | None = None,
    sync_judge: sync.SyncJudge | None = None,
  ):
    self.config, self.world, self.workdir, self.towers = config, world, workdir, towers
    self.sync_judge = sync_judge
    self._make_generator = make_generator

  @functools.cached_property
  def generator(self) -> generated.Generator:
    """The pipeline under test."""
    return self._make_generator()

  def run(self, parts: Sequence[str]) -> list[Figure]:
    """The figures of `parts`, in the order of PARTS."""
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
      raise ConfigError(f'unknown part {unknown[0]!r}, --only: use some of {", ".join(PARTS)}')
    figures = []
    for part in PARTS:
      if part in parts:
        start = time.monotonic()
        figures += getattr(self, part)()
        print(f'{part}: {time.monotonic() - start:.0f} s', file=sys.stderr)
    return figures

  # ------------------------------------------------------------------------------------------- parts

  def lips(self) -> list[Figure]:
    """Mouth opening compared with the true opening of the speech."""
    index = readers.FIELDS.index('opening')
    read = [r[:, index] for r in self.read_videos]
    true = [self.world.opening(talk.motion) for talk in self.talks]
    error, agreement = self.reader.error['opening'], self.reader.agreement['opening']
    return lips.lip_figures(read, true, reader_error=error, reader_agreement=agreement)

  def life(self) -> list[Figure]:
    """Head motion and blinks compared with the ground truth."""
    pose = [readers.FIELDS.index(name) for name in life.AXES]
    lid = readers.FIELDS.index('blink')
    return life.life_figures(
      [r[:, pose] for r in self.read_videos],
      [talk.motion[:, POSE] for talk in self.talks],
      [r[:, lid] for r in self.read_videos],
      [rendered.blink_track(talk.motion) for talk in self.talks],
      reader_error=self.reader.error,
    )

  def voice(self) -> list[Figure]:
    """Sex and age agreement, and the diversity of faces of one voice."""
    speakers = self.face_speakers
    attributes = np.stack([self.world.attributes(s) for s in speakers])
    read_of_truth = self.reader(self.true_portraits)
    figures = voice_to_face.fit_figures(
      self.reader(self.small(self.portraits)), read_of_truth, attributes, self._reachable()
    )
    settings = self.config.spread
    seeds = [self.config.seed + 1 + k for k in range(settings.seeds)]
    spread = [
      self.reader(self.small(self.generator.portraits(speech, seeds)))
      for speech in tqdm(self.face_speech[: settings.voices], desc='faces of one voice', file=sys.stderr)
    ]
    redrawn = [self.reader(self._redrawn(s, settings.seeds)) for s in speakers[: settings.voices]]
    return figures + voice_to_face.spread_figures(spread, read_of_truth, redrawn)

  def identity(self) -> list[Figure]:
    """Identity preservation between the portrait and a late frame."""
    pairs = list(zip(self.portraits, self.face_speech, strict=True))
    late = [
      self.generator.late_frame(portrait, speech, self.config.seed + i)
      for i, (portrait, speech) in enumerate(tqdm(pairs, desc='late frames', file=sys.stderr))
    ]
    frames = self._true_frames(moving=True)
    made = self.small(self.portraits), self.small(np.stack(late))
    return identity_figures.identity_figures(self.identity_reader, *made, self.true_portraits, frames)

  def codec(self) -> list[Figure]:
    """Reconstruction of frames from another frame of the clip."""
    settings = self.config.codec
    speakers = self.world.speaker_ids('test', settings.first + settings.candidates)[settings.first :]
    pairs, looked_at = codec.fixed_pairs(
      self.world, speakers, settings.pairs, seed=settings.seed, size=self.config.image_size
    )
    return codec.codec_figures(pairs, self.generator.rebuild, looked_at=looked_at)

  def reenactment(self) -> list[Figure]:
    """Portraits driven by videos of the same and of another person; codebook use."""
    settings = self.config.reenactment
    sets = reenactment.fixed_reenactments(
      self.world,
      self.face_speakers,
      settings.people,
      frames=settings.frames,
      stride=settings.stride,
      seed=settings.seed,
      size=self.config.image_size,
    )
    rebuild = functools.partial(self.generator.rebuild, weights=tuple(settings.weights))
    judges = self.reader, self.identity_reader, self.true_portraits
    figures = reenactment.reenactment_figures(sets, rebuild, *judges, self.small)
    latents = ([self.generator.motion(getattr(one, name)) for one in sets] for name in ('own', 'other'))
    return [
      *figures,
      reenactment.leak_figure(*latents),
      reenactment.perplexity_figure(*self.generator.codes(np.concatenate([s.own for s in sets]))),
    ]

  def flicker(self) -> list[Figure]:
    """Differences between neighboring frames that the motion does not explain."""
    settings = self.config.flicker
    return flicker.flicker_figures(
      self.world,
      self.face_speakers,
      self.generator.rebuild,
      people=settings.people,
      frames=settings.frames,
      seed=settings.seed,
      size=self.config.image_size,
    )

  def refinement(self) -> list[Figure]:
    """Effect of lip refinement on lips, motion latents and pixels."""
    index = readers.FIELDS.index('opening')
    videos = []
    for i, talk in enumerate(tqdm(self.talks, desc='refinement', file=sys.stderr)):
      clips = self.generator.unrefined(talk.speech, self.config.seed + i)
      frames = [clip.frames for clip in clips]
      opening = [self.reader(self.small(f))[:, index] for f in frames]
      judged = [float('nan')] * 2
      if self.sync_judge:
        # One mouth position for both videos, so that the crop does not depend on the compared video.
        places = self.generator.mouth_places(clips[1])
        judged = [self.sync_judge(f, talk.speech, places) for f in frames]
      motion = [clip.motion for clip in clips]
      differences = refinement.pixel_differences(*frames)
      truth = self.world.opening(talk.motion)
      videos.append(refinement.Refined(*opening, truth, *motion, *differences, *judged))
    return refinement.refinement_figures(videos, self.generator.lip_subspace)

  def retrieval(self) -> list[Figure]:
    """Voice-to-face retrieval; no figures without `towers`."""
    if self.towers is None:
      return []
    best, numbers = None, self.world.voice_numbers(self.face_speakers)
    if numbers is not None:
      others = self.world.speaker_ids('validation', self.config.reachable_speakers)
      traits = [np.stack([self.world.attributes(s) for s in each]) for each in (self.face_speakers, others)]
      best = retrieval.best_similarity(numbers, traits[0], self.world.voice_numbers(others), traits[1])
    vectors = self.towers.voices(self.face_speech), self.towers.faces(self.true_portraits)
    return retrieval.retrieval_figures(*vectors, best)

  def speed(self) -> list[Figure]:
    """Wall time of the command on speech of `config.speed.seconds`."""
    frames = round(self.config.speed.seconds * FPS)
    _, speech, _ = self._talk(self.world.speaker_ids('test', 1)[0], self.config.speed.seed, frames)
    return speed.speed_figures(speech, self.config.checkpoint)

  # ------------------------------------------------------------------------------------------- shared

  @functools.cached_property
  def talks(self) -> list[Talk]:
    """Held-out speakers with held-out texts, used for the videos."""
    settings = self.config.talks
    speakers = self.world.speaker_ids('test', settings.first + settings.voices)[settings.first :]
    return [self._talk(s, settings.seed + i, settings.frames) for i, s in enumerate(speakers)]

  @functools.cached_property
  def read_videos(self) -> list[np.ndarray]:
    """Readings `[n, fields]` of every frame of the videos of `talks`."""
    return [
      self.reader(self.small(self.generator.video(talk.speech, self.config.seed + i)))
      for i, talk in enumerate(tqdm(self.talks, desc='videos', file=sys.stderr))
    ]

  @property
  def face_speakers(self) -> list[int]:
    """Ids of the held-out speakers whose faces are evaluated."""
    settings = self.config.faces
    speakers = self.world.speaker_ids('test', settings.first + settings.voices)
    return [int(speaker) for speaker in speakers[settings.first :]]

  @functools.cached_property
  def face_speech(self) -> list[np.ndarray]:
    """One recording of each of `face_speakers`."""
    settings = self.config.faces
    return [
      self._talk(s, settings.seed + i, settings.frames).speech for i, s in enumerate(self.face_speakers)
    ]

  @functools.cached_property
  def portraits(self) -> np.ndarray:
    """uint8 `[n, S, S, 3]`, one generated portrait for each of `face_speakers`."""
    made = [
      self.generator.portraits(speech, [self.config.seed + i])[0]
      for i, speech in enumerate(tqdm(self.face_speech, desc='portraits', file=sys.stderr))
    ]
    return np.stack(made)

  @functools.cached_property
  def true_portraits(self) -> np.ndarray:
    """uint8 `[n, 128, 128, 3]`, a rendered portrait of each of `face_speakers`."""
    return self._true_frames(moving=False)

  @functools.cached_property
  def looks(self) -> rendered.RenderedLooks:
    """Training renderings of the readers: speakers that no network of the library was trained on."""
    settings = self.config.looks
    speakers = self.world.speaker_ids('train', settings.first + settings.num)[settings.first :]

    def make():
      return rendered.render_looks(self.world, speakers, settings.frames, seed=settings.seed)

    return self._kept('looks', 'npz', settings, make, rendered.save_looks, rendered.load_looks)

  @functools.cached_property
  def reader(self) -> readers.Reader:
    """Reader of mouth opening, pose, lids, sex, age and colors."""
    settings = self.config.reader

    def make():
      return readers.train_reader(
        **self.looks.to_learn_from(),
        network=readers.ReaderNetwork(**self.config.network),
        num_steps=settings.steps,
        batch_size=settings.batch_size,
        seed=settings.seed,
      )

    reader = self._kept('reader', 'safetensors', settings, make, readers.save_reader, readers.load_reader)
    summary = ', '.join(f'{k} {reader.error[k]:.3f} (r {reader.agreement[k]:.2f})' for k in readers.FIELDS)
    print(f'reader, mean error on unseen looks: {summary}', file=sys.stderr)
    return reader

  @functools.cached_property
  def identity_reader(self) -> identity.IdentityReader:
    """Identity embedding of pictures."""
    settings = self.config.identity

    def make():
      return identity.train_identity(
        self.looks.images,
        network=identity.IdentityNetwork(**self.config.network),
        num_steps=settings.steps,
        batch_size=settings.batch_size,
        seed=settings.seed,
      )

    return self._kept(
      'identity', 'safetensors', settings, make, identity.save_identity, identity.load_identity
    )

  def small(self, frames: np.ndarray) -> np.ndarray:
    """uint8 pictures downsampled to the input size of the readers."""
    return pictures.halve(frames, trunk.IMAGE_SIZE)

  def _talk(self, speaker: int, seed: int, num_frames: int) -> Talk:
    speech, motion = self.world.talk(int(speaker), seed, 'test', num_frames)
    return Talk(int(speaker), speech, motion)

  def _true_frames(self, *, moving: bool) -> np.ndarray:
    """One rendered frame per speaker of `face_speakers`: neutral, or `moving` with a random speech motion."""
    frames = []
    for i, speaker in enumerate(tqdm(self.face_speakers, desc='render', file=sys.stderr, leave=False)):
      motion = self.world.random(i) if moving else self.world.neutral(i)
      frames.append(self.world.draw(speaker, i, motion[None], trunk.IMAGE_SIZE).frames[0])
    return np.stack(frames)

  def _redrawn(self, speaker: int, count: int) -> np.ndarray:
    """Rendered portraits of one speaker, each with a newly sampled appearance."""
    size, first = trunk.IMAGE_SIZE, self.config.seed + 1
    draws = [
      self.world.draw(speaker, k, self.world.neutral(k)[None], size) for k in range(first, first + count)
    ]
    return np.concatenate([drawn.frames for drawn in draws])

  def _reachable(self) -> tuple[float, float] | None:
    speakers = self.world.speaker_ids('validation', self.config.reachable_speakers)
    voice = self.world.voice_numbers(speakers)
    if voice is None:
      return None
    return voice_to_face.reachable(voice, np.stack([self.world.attributes(s) for s in speakers]))

  def _kept(self, name: str, suffix: str, settings, make, save, load):
    """`make()`, or the result that an earlier evaluation with the same settings and world saved."""
    parts = self.config.looks, self.config.network, settings
    key = json.dumps([*(part.to_dict() for part in parts), self.world.crop_version], sort_keys=True)
    digest = hashlib.sha256(key.encode()).hexdigest()[:10]
    path = os.path.join(self.workdir, f'{name}-{digest}.{suffix}')
    if os.path.exists(path):
      return load(path)
    made = make()
    save(path, made)
    return made
