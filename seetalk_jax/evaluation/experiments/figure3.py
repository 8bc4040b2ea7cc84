"""Figure 3 of the paper on the synthetic world: no face prior, a constant one, sample-adaptive weighting."""

from __future__ import annotations

import copy
import functools
import json
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from tqdm import tqdm

from seetalk_jax import files
from seetalk_jax.data import pipeline
from seetalk_jax.errors import ConfigError
from seetalk_jax.evaluation import disk_cache, sheet
from seetalk_jax.evaluation.experiments import prior_modes
from seetalk_jax.evaluation.measures import pictures, series
from seetalk_jax.evaluation.probes import readers, rendered, trunk, worlds
from seetalk_jax.inference.batching import in_fixed_batches
from seetalk_jax.media import audio
from seetalk_jax.models.nn import image_ops
from seetalk_jax.models.portrait.face_prior import projection_coefficient
from seetalk_jax.releases import flat_statistics
from seetalk_jax.sampling import portrait as sampling
from seetalk_jax.training import checkpoint, initial_weights, loop

PARTS = ('train', 'measure')
_BATCH = 20
_TRUE = 'true, redrawn'


class Voices(NamedTuple):
  """Speech features of held-out voices, and the speakers' faces.

  Attributes:
    embedding, tokens, valid: see `SpeechFeatures`.
    attributes: `[n, 3]`: sex, age, head size.
    portraits: one rendered portrait per speaker, uint8 `[n, s, s, 3]`.
    redrawn: further rendered portraits with newly sampled looks, uint8 `[2 * draws, n, 128, 128, 3]`. The first half
      is the reference of all rows, the second half the row of true portraits.
  """

  embedding: np.ndarray
  tokens: np.ndarray
  valid: np.ndarray
  attributes: np.ndarray
  portraits: np.ndarray
  redrawn: np.ndarray


class Figure3:
  """The experiment of a configuration (configs/figure3.py) in a directory; existing results are reused.

  Attributes:
    interrupted: the signal that ended `run` early, or None.
  """

  def __init__(self, config, workdir: str | os.PathLike, world: worlds.MeasuredWorld):
    self.config, self.workdir, self.world = config, pathlib.Path(workdir), world
    self.interrupted: int | None = None

  def run(self, parts=PARTS) -> str:
    """Trains and measures; returns the table, or '' if nothing was measured.

    Raises:
      ConfigError: a part is unknown, or the face encoder is missing.
    """
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
      raise ConfigError(f'unknown part {unknown[0]!r}, --only: use some of {", ".join(PARTS)}')
    if 'measure' in parts and not self.config.init.face_encoder:
      raise ConfigError(
        'no face encoder: say where a run of the stage conre is with --config.init.face_encoder=WORKDIR'
      )
    if 'train' in parts:
      for mode, seed in self.runs:
        if self.interrupted is None:
          self._train(mode, seed)
    if 'measure' not in parts or self.interrupted is not None:
      return ''
    return self._measure()

  @property
  def runs(self) -> list[tuple[str, int]]:
    """(mode, seed) of every run, grouped by seed."""
    return [(mode, seed) for seed in self.config.seeds for mode in self.config.modes]

  # ------------------------------------------------------------------------------------------- training

  def _directory(self, mode: str, seed: int) -> pathlib.Path:
    return self.workdir / f'{mode}-{seed}'

  def _train(self, mode: str, seed: int) -> None:
    directory = self._directory(mode, seed)
    if checkpoint.read_result(directory) is not None:
      return
    print(f'train {directory}', file=sys.stderr)
    run = copy.deepcopy(self.config.portrait)
    with run.unlocked():
      run.seed, run.options.prior_mode = int(seed), mode
      for name in ('speech_encoder', 'autoencoder', 'face_prior'):
        run.init[name] = self.config.init[name]
    outcome = loop.train(run, directory)
    if outcome.reason == 'signal':
      self.interrupted = outcome.signal

  # ------------------------------------------------------------------------------------------- measuring

  def _measure(self) -> str:
    draws = self.config.voices.draws
    truth = prior_modes.Truth(
      self.voices.attributes,
      self._vectors(pictures.halve(self.voices.portraits, trunk.IMAGE_SIZE)),
      self._read(self.voices.redrawn[:draws]),
    )
    measured, weights, reachable = {}, [], None
    for mode in self.config.modes:
      for steps in self.config.steps:
        measured[mode, steps] = []
        for seed in self.config.seeds:
          images, beta = self._portraits(mode, seed, steps)
          measured[mode, steps].append(prior_modes.measure(self._read(images), truth))
          if mode == 'scfp' and steps == self.config.steps[-1]:
            weights.append(self._weights(beta, self._directory(mode, seed)))
            reachable = self._reachable(self._directory(mode, seed)) if reachable is None else reachable
    again = self._read(self.voices.redrawn[draws:])  # not the reference: its distance to itself is 0
    reference = {(_TRUE, 0): [prior_modes.measure(again, truth)]}
    table = prior_modes.table({**measured, **reference})
    lines = [
      table,
      '',
      *(_weights_line(seed, summary) for seed, summary in zip(self.config.seeds, weights, strict=False)),
    ]
    if reachable is not None:
      lines.append(f'linear functions of the voice vector reach r {reachable:.2f} at best on other speakers')
    lines.append(
      'reader on held-out appearances, r: '
      + ', '.join(f'{k} {v:.2f}' for k, v in self._reader.agreement.items())
    )
    self._write(measured, reference, weights, reachable, '\n'.join(lines))
    self._draw_sheet()
    return '\n'.join(lines)

  def _weights(self, beta: np.ndarray, directory: pathlib.Path) -> dict[str, float]:
    """Statistics of SAW's beta `[n]` and its correlation with the ideal weights of the true latents."""
    modules, params, statistics = self._networks(directory)
    encode = jax.jit(functools.partial(sampling.encode_latents, modules))
    prior_mean = sampling.prior_of(statistics).mean

    def weight(portraits):
      latent = encode(params, statistics, image_ops.to_float(jnp.asarray(portraits)))
      return projection_coefficient(latent, prior_mean).reshape(-1)

    wanted = in_fixed_batches(weight, self.voices.portraits, size=_BATCH)
    return {
      'mean': float(beta.mean()),
      'std': float(beta.std()),
      'wanted_mean': float(wanted.mean()),
      'wanted_std': float(wanted.std()),
      'r_with_wanted': series.correlation(beta, wanted),
    }

  def _reachable(self, directory: pathlib.Path) -> float:
    """Correlation with the ideal weights that linear functions of the voice reach, on the training corpora."""
    settings, size = self.config.portrait, self.config.portrait.options.image_size
    modules, params, statistics = self._networks(directory)
    encoder, encoder_params = self._load_network('speech_encoder', self.config.init.speech_encoder)
    prior_mean = sampling.prior_of(statistics).mean

    @jax.jit
    def pair(params, encoder_params, statistics, batch):
      voice = encoder.apply({'params': encoder_params}, batch['speech'], batch['num_samples'])
      latent = sampling.encode_latents(modules, params, statistics, image_ops.to_float(batch['portrait']))
      return voice.embedding, projection_coefficient(latent, prior_mean).reshape(-1)

    folders = [str(pathlib.Path(settings.data_root) / name) for name in settings.data.corpora]
    options = {'augment': False, 'shuffle': False, 'image_size': size}
    count = self.config.reachable_portraits
    rows = []
    with pipeline.make_batches(
      'portrait_speech', folders, batch_size=min(_BATCH, count), **options
    ) as batches:
      for _ in tqdm(range(min(count, batches.num_records) // _BATCH or 1), desc='weights', file=sys.stderr):
        batch = next(batches)
        read = {name: batch[name] for name in ('speech', 'num_samples', 'portrait')}
        rows.append(jax.device_get(pair(params, encoder_params, statistics, read)))
    vectors, wanted = (np.concatenate(column) for column in zip(*rows, strict=True))
    return prior_modes.reachable_correlation(vectors, wanted)

  @functools.cached_property
  def voices(self) -> Voices:
    """Held-out voices and their speakers, cached on disk."""
    settings, size = self.config.voices, self.config.portrait.options.image_size
    speakers = self.world.speakers('test', settings.first, settings.num)

    def make() -> dict[str, np.ndarray]:
      encoder, params = self._load_network('speech_encoder', self.config.init.speech_encoder)
      encode = jax.jit(lambda speech: encoder.apply({'params': params}, speech))
      rows: dict[str, list[np.ndarray]] = {name: [] for name in Voices._fields}
      for i, speaker in enumerate(tqdm(speakers, desc='voices', file=sys.stderr)):
        speech = self.world.talk(speaker, settings.seed + i, 'test', settings.frames).speech
        voice = encode(audio.normalise_loudness(speech)[None])
        rows['embedding'].append(np.asarray(voice.embedding[0]))
        rows['tokens'].append(np.asarray(voice.tokens[0]))
        rows['valid'].append(np.asarray(voice.valid[0]))
        rows['attributes'].append(self.world.attributes(speaker))
        rows['portraits'].append(self.world.portrait(speaker, i, size))
        seeds = [settings.seed + 1 + k for k in range(2 * settings.draws)]
        draws = [self.world.portrait(speaker, seed, trunk.IMAGE_SIZE) for seed in seeds]
        rows['redrawn'].append(np.stack(draws))
      arrays = {name: np.stack(values) for name, values in rows.items()}
      arrays['redrawn'] = np.swapaxes(arrays['redrawn'], 0, 1)
      return arrays

    key = [
      settings.to_dict(),
      size,
      str(self.config.init.speech_encoder),
      self.world.name,
      self.world.crop_version,
      'two sets of redrawn portraits',
    ]
    return Voices(**_cached_arrays(self.workdir, 'voices', key, make))

  def _portraits(self, mode: str, seed: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Portraits uint8 `[draws, voices, 128, 128, 3]` and beta `[voices]` of a trained run."""
    directory, voices = self._directory(mode, seed), self.voices

    def make() -> dict[str, np.ndarray]:
      modules, params, statistics = self._networks(directory)

      @jax.jit
      def draw(params, statistics, embedding, tokens, valid, key):
        drawn = sampling.sample_portraits(
          modules,
          params,
          statistics,
          embedding,
          tokens,
          valid,
          key,
          num_steps=int(steps),
          guidance_scale=float(self.config.guidance_scale),
          sampler=self.config.sampler,
        )
        small = image_ops.resize_image(drawn.image, trunk.IMAGE_SIZE)
        return image_ops.to_uint8(small), jnp.mean(drawn.beta, axis=(1, 2, 3))

      def draw_rows(rows, key):
        condition = voices.embedding[rows], voices.tokens[rows], voices.valid[rows]
        return draw(params, statistics, *condition, jax.random.fold_in(key, rows[0]))

      rows, draws = np.arange(len(voices.embedding)), []
      for k in range(self.config.voices.draws):
        key = jax.random.key(self.config.voices.seed + k)
        images, beta = in_fixed_batches(functools.partial(draw_rows, key=key), rows, size=_BATCH)
        draws.append(images)
      return {'images': np.stack(draws), 'beta': beta}

    result = checkpoint.read_result(directory)
    if result is None:
      raise ConfigError(f'{directory} is not trained yet: leave --only away, or train it first')
    about = [self.config.voices.to_dict(), self.config.guidance_scale, self.config.sampler, result['step']]
    print(f'portraits of {directory.name}, {steps} steps', file=sys.stderr)
    arrays = _cached_arrays(directory, f'portraits-{steps}', about, make)
    return arrays['images'], arrays['beta']

  def _networks(self, directory: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Modules, parameters and statistics of a trained run, including its autoencoder."""
    result = initial_weights.load_trained_stage(directory)
    autoencoder, params = self._load_network('autoencoder', self.config.init.autoencoder)
    modules = {**result.modules(), 'autoencoder': autoencoder}
    return modules, {**result.params, 'autoencoder': params}, flat_statistics.flatten(result.statistics)

  def _load_network(self, name: str, where: str) -> tuple[Any, Any]:
    network = initial_weights.load_initial_weights({name: where}).networks[name]
    return network.module, network.params

  # ------------------------------------------------------------------------------------------- reading

  def _read(self, images: np.ndarray) -> prior_modes.Portraits:
    """Readings and face vectors of portraits uint8 `[draws, voices, 128, 128, 3]`."""
    flat = images.reshape(-1, *images.shape[2:])
    parts = self._reader(flat), self._vectors(flat)
    return prior_modes.Portraits(*(part.reshape(*images.shape[:2], -1) for part in parts))

  def _vectors(self, images: np.ndarray) -> np.ndarray:
    module, params = self._face_encoder
    return trunk.apply_in_batches(module, params, images)

  @functools.cached_property
  def _face_encoder(self) -> tuple[Any, Any]:
    return self._load_network('face_encoder', self.config.init.face_encoder)

  @functools.cached_property
  def _reader(self) -> readers.Reader:
    """Reader of sex, age, head size and colors; trained on renderings only, and cached on disk."""
    looks, settings = self.config.looks, self.config.reader

    def make() -> readers.Reader:
      drawn = rendered.cached_looks(self.workdir, self.world, looks)
      columns = [readers.FIELDS.index(name) for name in prior_modes.FIELDS if name in readers.FIELDS]
      speakers = self.world.speakers('train', looks.first, looks.num)
      head_size = np.array([self.world.attributes(s)[2] for s in speakers], np.float32)
      place = prior_modes.FIELDS.index('head_size')
      labels = np.insert(drawn.labels[..., columns], place, head_size[:, None], axis=-1)
      return readers.train_reader(
        **drawn._replace(labels=labels).to_learn_from(),
        fields=prior_modes.FIELDS,
        num_steps=settings.steps,
        batch_size=settings.batch_size,
        seed=settings.seed,
      )

    key = disk_cache.digest(
      [looks.to_dict(), settings.to_dict(), self.world.name, self.world.crop_version, prior_modes.FIELDS]
    )
    path = self.workdir / f'reader-{key}.safetensors'
    return disk_cache.cached(path, make, readers.save_reader, readers.load_reader)

  # ------------------------------------------------------------------------------------------- results

  def _write(self, measured, reference, weights, reachable, text: str) -> None:
    rows = [
      {'prior': mode, 'steps': steps, 'seeds': seeds}
      for (mode, steps), seeds in {**measured, **reference}.items()
    ]
    config = json.loads(self.config.to_json_best_effort())
    content = {'rows': rows, 'beta': weights, 'reachable_r': reachable, 'config': config}
    for name, written in (('figures.json', json.dumps(content, indent=1)), ('table.md', text)):
      files.write_text(self.workdir / name, written + '\n')

  def _draw_sheet(self, num_voices: int = 3, num_draws: int = 3) -> None:
    """Writes WORKDIR/sheet.png: a row per voice and mode; steps of one row share their noise."""
    rows, labels = [], []
    seed, shown = self.config.seeds[0], min(num_draws, self.config.voices.draws)
    # Voices of different age: the youngest, the oldest, and some between.
    order = np.argsort(self.voices.attributes[:, 1])
    for voice in order[np.linspace(0, len(order) - 1, num_voices).astype(int)]:
      sex, age, _ = self.voices.attributes[voice]
      who = f'a {"male" if sex > 0.5 else "female"} voice of {age:.0f}'
      rows.append(list(self.voices.redrawn[:shown, voice]))
      labels.append(f'{who}: true faces of this speaker')
      for mode in self.config.modes:
        row = []
        for steps in self.config.steps:
          row += list(self._portraits(mode, seed, steps)[0][:shown, voice])
        rows.append(row)
        labels.append(f'{mode}: {shown} noises, with {", ".join(map(str, self.config.steps))} steps')
    with files.replacing(self.workdir / 'sheet.png') as part:
      Image.fromarray(sheet.grid(rows, labels, cell=trunk.IMAGE_SIZE)).save(part, optimize=True)


def _weights_line(seed: int, summary: dict[str, float]) -> str:
  return (
    f'SAW, seed {seed}: beta {summary["mean"]:.3f}, std over speakers {summary["std"]:.3f} (of true latents '
    f'{summary["wanted_mean"]:.3f} and {summary["wanted_std"]:.3f}), r with them {summary["r_with_wanted"]:.2f}'
  )


def _cached_arrays(
  folder: pathlib.Path, name: str, key: Any, make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
  """`make()`, or what an earlier run with the same `key` saved in the folder."""
  path = folder / f'{name}-{disk_cache.digest(key)}.npz'
  return disk_cache.cached(path, make, disk_cache.save_arrays, disk_cache.load_arrays)
