"""Windowed motion sampling: one window equals plain sampling, several windows leave no seams."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from seetalk_jax import constants
from seetalk_jax.diffusion import objective, samplers
from seetalk_jax.diffusion.schedule import sampling_times
from seetalk_jax.models import registry
from seetalk_jax.models.motion.motion_transformer import MotionTransformer
from seetalk_jax.models.nn import blocks
from seetalk_jax.sampling import motion

DIM = 6
make_sampler = functools.cache(motion.jit_sampler)  # compiled once for all tests
jit_refiner = functools.cache(motion.jit_refiner)


def pull(tokens):
  """A toy denoiser: the clean track is a filter of the tokens of its own window only."""
  padded = jnp.pad(tokens, ((0, 0), (2, 2), (0, 0)), mode='edge')
  return sum(padded[:, i : i + tokens.shape[1]] for i in range(5)) / 5


def denoise(xt, t, tokens, valid):
  x0 = pull(tokens)
  signal, sigma = motion.SCHEDULE.scales(t, xt.ndim)
  noise = (xt - signal * x0) / jnp.maximum(sigma, 1e-3)
  return objective.target(MotionTransformer.prediction_type, motion.SCHEDULE, x0, noise, t)


def make(length, seed=0):
  time = np.arange(length)[:, None] / 10 + np.arange(DIM)
  return jnp.asarray(np.sin(time), jnp.float32), jax.random.normal(jax.random.key(seed), (length, DIM))


def test_weights_sum_to_one_everywhere():
  for length, window, overlap in ((100, 100, 25), (175, 100, 25), (29, 11, 2), (24, 8, 0), (16, 8, 4)):
    index = motion.window_index(length, window, overlap)
    weights = motion.window_weights(length, window, overlap)
    total = np.zeros(length)
    np.add.at(total, index, weights)
    np.testing.assert_allclose(total, 1, atol=1e-6)
  for wrong in ((101, 100, 25), (20, 8, 5), (50, 100, 25)):
    with pytest.raises(ValueError):
      motion.window_index(*wrong)


@pytest.mark.parametrize('options', [{}, {'spacing': 'trailing'}])
def test_single_window_is_plain_sampling(options):
  tokens, noise = make(20)

  def shrinking(
    xt, t, tokens, valid
  ):  # an estimate that follows the noisy track too, at other times otherwise
    return denoise(xt, t, tokens, valid) + motion.SCHEDULE.scales(t, xt.ndim)[0] * jnp.tanh(xt)

  found = motion.sample_windows(shrinking, tokens, noise, 20, num_steps=5, window=20, overlap=4, **options)
  plain = samplers.sample(
    lambda xt, t: shrinking(xt, t, tokens[None], None),
    motion.SCHEDULE,
    noise[None],
    num_steps=5,
    spacing=options.get('spacing', motion.SPACING),
    prediction_type=MotionTransformer.prediction_type,
    clip=lambda x0: jnp.clip(x0, -motion.CLIP, motion.CLIP),
  )[0]
  np.testing.assert_allclose(found, plain, atol=1e-5)


def test_windows_leave_no_seams():
  tokens, noise = make(4 + 5 * 16)
  windows = motion.sample_windows(denoise, tokens, noise, 84, num_steps=6, window=20, overlap=4)
  whole = motion.sample_windows(denoise, tokens, noise, 84, num_steps=6, window=84, overlap=4)
  # A window has no tokens beyond its end: the filter differs a little there, and blending hides most of it.
  assert jnp.abs(windows - whole).max() < 0.06
  steps, expected = (jnp.abs(x[1:] - x[:-1]).max() for x in (windows, whole))
  assert steps < 1.3 * expected


@pytest.mark.parametrize('group', [1, 2, 3, 4])
def test_groups_of_windows_are_all_windows_at_once(group):
  tokens, noise = make(4 + 5 * 16)
  sizes = []

  def counted(xt, t, tokens, valid):
    sizes.append(xt.shape[0])
    return denoise(xt, t, tokens, valid)

  sample = lambda group, frames: motion.sample_windows(
    counted, tokens, noise, frames, num_steps=4, window=20, overlap=4, group=group
  )
  whole = sample(5, 84)
  sizes.clear()
  np.testing.assert_allclose(sample(group, 84), whole, atol=1e-6)
  assert set(sizes) == {group}
  # Groups beyond the end are skipped; the valid frames do not change.
  np.testing.assert_allclose(sample(group, 30)[:30], sample(5, 30)[:30], atol=1e-6)
  assert not np.asarray(sample(1, 30))[4 + 2 * 16 :].any()


def test_memory_does_not_grow_with_the_windows(networks):
  """Programs for long and short tracks need equal memory, apart from the tracks themselves."""
  modules, params = networks
  run = motion.jit_sampler(modules['motion_transformer'], 2, (), (0, 1), 100, 25)

  def working_bytes(count):
    length = 25 + 75 * count
    shapes = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((length, 32), (1, 256), (length, 256))]
    num_frames, weights = jax.ShapeDtypeStruct((), jnp.int32), jax.ShapeDtypeStruct((2,), jnp.float32)
    compiled = run.lower(params['motion_transformer'], *shapes, num_frames, {}, weights).compile()
    memory = compiled.memory_analysis()
    return memory.temp_size_in_bytes - 8 * length * 256 * 4  # the tracks: state, estimates, sums

  few, many = working_bytes(16), working_bytes(128)
  assert many < 1.3 * max(few, 10**6), (few, many)


def test_window_counts_are_few_and_cover():
  counts = {motion.padded_window_count(n) for n in range(1, 2000)}
  assert len(counts) <= 10
  hour = {motion.padded_window_count(n) for n in range(1, 90_000, 40)}
  assert len(hour) <= 24
  for n in (1, 99, 100, 101, 175, 176, 1000, 1999, 90_000):
    count = motion.padded_window_count(n)
    assert motion.OVERLAP + count * (constants.WINDOW_FRAMES - motion.OVERLAP) >= n
  assert motion.padded_window_count(100) == 1 and motion.padded_window_count(101) == 2


@pytest.fixture(scope='module')
def networks():
  transformer, refiner = registry.make('motion_transformer', 'tiny'), registry.make('lip_refiner', 'tiny')
  m, tokens = jnp.zeros((1, 4, 256)), jnp.zeros((1, 4, 32))
  params = {
    'motion_transformer': blocks.init_params(
      transformer, jax.random.key(0), m, jnp.zeros((1,)), tokens, m[:, 0], drop=jnp.zeros((1,), bool)
    ),
    'lip_refiner': blocks.init_params(refiner, jax.random.key(1), m, tokens),
  }
  rng = np.random.default_rng(0)
  params = jax.device_get(params)
  params['motion_transformer'] = jax.tree.map(
    lambda a: a + 0.05 * rng.standard_normal(a.shape).astype(np.float32), params['motion_transformer']
  )
  return {'motion_transformer': transformer, 'lip_refiner': refiner}, params


def test_tracks_are_deterministic_and_of_the_speech_s_length(networks):
  modules, params = networks
  statistics = {'motion_mean': np.full(256, 2.0, np.float32), 'motion_std': np.full(256, 0.5, np.float32)}
  tokens = np.random.default_rng(2).standard_normal((1, 30, 32)).astype(np.float32)

  def draw(tokens, seed=0, guidance=1.0):
    return motion.sample_motion(
      modules,
      params,
      statistics,
      tokens,
      np.ones((1, 256), np.float32),
      jax.random.key(seed),
      num_steps=2,
      guidance_scale=guidance,
      window=16,
      overlap=4,
      make_sampler=make_sampler,
    )

  first = draw(tokens)
  assert first.shape == (1, 30, 256) and np.isfinite(first).all()
  assert abs(float(np.mean(first)) - 2) < 0.5
  np.testing.assert_array_equal(first, draw(tokens))
  assert np.abs(first - draw(tokens, seed=1)).max() > 0.1
  assert np.abs(first - draw(tokens, guidance=3.0)).max() > 1e-4
  # 29 frames need the same windows as 30; the frame beyond the end has no effect.
  other = tokens.copy()
  other[:, 29] += 9.0
  np.testing.assert_allclose(draw(other[:, :29]), draw(tokens[:, :29]), atol=1e-5)


def windows_used(statistics, **options):
  """(window, overlap) that `sample_motion` hands to the sampler, and the length of its track."""
  used = []

  def make_sampler(network, num_steps, names, levels, window, overlap):
    used.append((window, overlap))
    return lambda params, tokens, m_0, noise, *rest: used.append(len(noise)) or noise

  standard = {'motion_mean': np.zeros(8, np.float32), 'motion_std': np.ones(8, np.float32)}
  track = motion.sample_motion(
    {'motion_transformer': None},
    {'motion_transformer': None},
    {**standard, **statistics},
    np.zeros((1, 130, 4), np.float32),
    np.zeros((1, 8), np.float32),
    jax.random.key(0),
    num_steps=1,
    make_sampler=make_sampler,
    **options,
  )
  assert track.shape == (1, 130, 8)
  return used


def test_windows_are_those_of_training():
  assert windows_used({'motion_window': np.float32(40)}) == [(40, 10), 10 + 4 * 30]
  assert windows_used({'motion_window': jnp.float32(200)}) == [(200, 25), 200]
  # Runs and releases of earlier versions do not have the statistic.
  assert windows_used({}) == [(100, 25), 25 + 2 * 75]
  assert windows_used({}, window=16, overlap=4)[0] == (16, 4)
  assert windows_used({'motion_window': np.float32(16)}, window=16, overlap=2)[0] == (16, 2)


def test_other_windows_than_those_of_training_are_refused():
  with pytest.raises(ValueError, match='window 100: .* trained on windows of 25 frames'):
    windows_used({'motion_window': np.float32(25)}, window=100)


def test_refined_track_keeps_its_length(networks):
  modules, params = networks
  track, tokens = jnp.ones((1, 130, 256)), jnp.ones((1, 130, 32))
  np.testing.assert_allclose(
    motion.refine_lips(modules, params, track, tokens, run=jit_refiner(modules['lip_refiner'])),
    track,
    atol=1e-6,
  )


@pytest.mark.parametrize(
  'length', [1, motion.REFINED_FRAMES, motion.REFINED_FRAMES + 1, 3 * motion.REFINED_FRAMES - 7]
)
def test_lips_refined_in_pieces_are_those_of_the_whole(networks, length):
  modules, params = networks
  rng = np.random.default_rng(length)
  lips = jax.tree.map(
    lambda a: a + 0.2 * rng.standard_normal(a.shape).astype(np.float32), params['lip_refiner']
  )
  track, tokens = (rng.standard_normal((1, length, width)).astype(np.float32) for width in (256, 32))
  whole = programs.apply(modules['lip_refiner'], {'params': lips}, track, tokens)
  assert length < 5 or np.abs(whole - track).max() > 0.05
  run = jit_refiner(modules['lip_refiner'])
  pieces = motion.refine_lips(modules, {'lip_refiner': lips}, track, tokens, run=run)
  np.testing.assert_allclose(pieces, whole, atol=2e-5)
  if length <= motion.REFINED_FRAMES:
    small = motion.refine_lips(modules, {'lip_refiner': lips}, track, tokens, run=run, chunk=90)
    np.testing.assert_allclose(small, whole, atol=2e-5)


def test_lips_are_scaled_about_the_neutral_face_and_nothing_else_is():
  rng = np.random.default_rng(4)
  subspace = np.linalg.qr(rng.standard_normal((12, 3)))[0].astype(np.float32)
  track, neutral = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 7, 12), (1, 12)))
  scaled = motion.scale_lips(track, subspace, neutral, 1.2)
  np.testing.assert_allclose((scaled - neutral) @ subspace, 1.2 * (track - neutral) @ subspace, atol=1e-5)
  rest = np.eye(12) - subspace @ subspace.T
  np.testing.assert_allclose(scaled @ rest, track @ rest, atol=1e-5)
  np.testing.assert_array_equal(motion.scale_lips(track, subspace, neutral, 1.0), track)
  np.testing.assert_allclose(motion.scale_lips(neutral, subspace, neutral, 3.0), neutral, atol=1e-6)


CONTROLS = ('pose', 'style')


@pytest.fixture(scope='module')
def controlled():
  """(module, params, controls for 16 frames)."""
  module = MotionTransformer(8, 32, 32, 2, 1, with_past=False)
  m, tokens = jnp.zeros((1, 4, 8)), jnp.zeros((1, 4, 32))
  params = blocks.init_params(
    module, jax.random.key(0), m, jnp.zeros((1,)), tokens, m[:, 0], drop=jnp.zeros((1,), bool)
  )
  rng = np.random.default_rng(3)
  params = jax.tree.map(
    lambda a: a + 0.1 * rng.standard_normal(a.shape).astype(np.float32), jax.device_get(params)
  )
  values = {'style': rng.standard_normal((1, 24)), 'pose': rng.standard_normal((1, 16, 3))}
  return module, params, {name: value.astype(np.float32) for name, value in values.items()}


def drawn(module, params, controls, n=16, **options):
  tokens = np.random.default_rng(2).standard_normal((1, 60, 32)).astype(np.float32)[:, :n]
  statistics = {'motion_mean': np.zeros(8, np.float32), 'motion_std': np.ones(8, np.float32)}
  return motion.sample_motion(
    {'motion_transformer': module},
    {'motion_transformer': params},
    statistics,
    tokens,
    np.ones((1, 8), np.float32),
    jax.random.key(5),
    controls=controls,
    window=16,
    overlap=4,
    make_sampler=make_sampler,
    **options,
  ), tokens  # fmt: skip


def test_every_condition_is_guided_on_its_own(controlled):
  """One step from unit noise, compared with the explicit formula: style first, then pose, then speech."""
  module, params, controls = controlled
  scales = {'style': 2.0, 'pose': 0.5}
  track, tokens = drawn(module, params, controls, num_steps=1, guidance_scale=3.0, control_scales=scales)
  noise = jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(jax.random.key(5), i), (8,)))(
    jnp.arange(16)
  )[None]

  def predict(names, with_speech):
    time = sampling_times(motion.SCHEDULE, 1, motion.SPACING).astype(np.float32)
    given = {name: controls[name] for name in names}
    inputs = noise, time, tokens, np.ones((1, 8), np.float32)
    drop = np.full((1,), not with_speech)
    return programs.apply(module, {'params': params}, *inputs, drop=drop, controls=given)

  none, style, both = (predict(names, False) for names in ((), ('style',), ('style', 'pose')))
  every = predict(CONTROLS, True)
  wanted = none + 2.0 * (style - none) + 0.5 * (both - style) + 3.0 * (every - both)
  assert np.abs(wanted).max() < motion.CLIP
  np.testing.assert_allclose(track, wanted, atol=1e-4)


def test_controls_reach_windows_where_they_lie(controlled):
  module, params, controls = controlled
  track = np.random.default_rng(4).standard_normal((1, 50, 3)).astype(np.float32)
  first, _ = drawn(module, params, {'pose': track}, n=50, num_steps=2)
  again, _ = drawn(module, params, {'pose': track}, n=50, num_steps=2, control_scales={'pose': 1.0})
  np.testing.assert_array_equal(first, again)
  moved = track.copy()
  moved[:, 40:] += 1.0
  late, _ = drawn(module, params, {'pose': moved}, n=50, num_steps=1)
  early, _ = drawn(module, params, {'pose': track}, n=50, num_steps=1)
  changed = np.abs(np.asarray(late) - np.asarray(early)).max(axis=(0, 2)) > 1e-6
  assert (
    changed[40:].all() and not changed[:24].any()
  )  # frames of windows that end before the change stay the same
  with pytest.raises(ValueError, match='none of this network'):
    drawn(MotionTransformer(8, 32, 32, 2, 1, controls=(), with_past=False), params, controls, num_steps=1)


STATISTICS = {
  'motion_mean': np.full(8, 0.5, np.float32),
  'motion_std': np.full(8, 2.0, np.float32),
  'motion_window': np.float32(16),
}


@pytest.fixture(scope='module')
def with_past():
  """(modules, params) of a motion transformer that takes given frames."""
  module = MotionTransformer(8, 32, 32, 2, 1, controls=())
  m = jnp.zeros((1, 4, 8))
  inputs = m, jnp.zeros((1,)), jnp.zeros((1, 4, 32)), m[:, 0]
  params = programs.random_params(module, *inputs, drop=jnp.zeros((1,), bool))
  return {'motion_transformer': module}, {'motion_transformer': params}


def sampled_next(modules, params, tokens, past, **options):
  options = {'num_steps': 3, 'make_sampler': make_sampler, **options}
  m_0 = np.ones((1, 8), np.float32)
  return motion.sample_next(modules, params, STATISTICS, tokens, past, m_0, jax.random.key(5), **options)


def test_next_frames_without_a_past_are_those_of_one_window(with_past):
  modules, params = with_past
  tokens = np.random.default_rng(2).standard_normal((1, 14, 32)).astype(np.float32)
  how = {'num_steps': 3, 'guidance_scale': 1.5, 'make_sampler': make_sampler}
  m_0 = np.ones((1, 8), np.float32)
  whole = motion.sample_motion(modules, params, STATISTICS, tokens, m_0, jax.random.key(5), **how)
  found = sampled_next(modules, params, tokens, np.zeros((1, 0, 8), np.float32), guidance_scale=1.5)
  np.testing.assert_allclose(found.motion, whole, atol=1e-5)
  np.testing.assert_array_equal(found.motion, found.track)
  # A network that takes no past needs none here.
  without = {'motion_transformer': modules['motion_transformer'].clone(with_past=False)}
  found = sampled_next(
    without, params, tokens, np.zeros((1, 0, 8), np.float32), lookahead=4, guidance_scale=1.5
  )
  np.testing.assert_allclose(found.motion, whole[:, :10], atol=1e-5)


def test_one_program_samples_next_frames_of_all_lengths(with_past):
  modules, params = with_past
  rng, made = np.random.default_rng(2), []

  def compiled_once(*how):
    made.append(own(*how))
    return made[-1]

  own = functools.cache(motion.jit_sampler)
  for n, k in ((6, 0), (9, 3), (16, 12)):
    tokens, past = (rng.standard_normal((1, length, d)) for length, d in ((n, 32), (k, 8)))
    found = sampled_next(modules, params, tokens, past, lookahead=2, make_sampler=compiled_once)
    assert found.motion.shape == (1, n - k - 2, 8) and isinstance(found.motion, np.ndarray)
  assert {run._cache_size() for run in made} == {1}


def test_a_shorter_window_gives_the_same_next_frames(with_past):
  modules, params = with_past
  rng = np.random.default_rng(2)
  tokens, past = (rng.standard_normal((1, n, d)).astype(np.float32) for n, d in ((11, 32), (3, 8)))
  whole = sampled_next(modules, params, tokens, past, lookahead=2, guidance_scale=1.5)
  short = sampled_next(modules, params, tokens, past, lookahead=2, guidance_scale=1.5, window=12)
  np.testing.assert_allclose(short.motion, whole.motion, atol=1e-5)
  with pytest.raises(ValueError, match='11 tokens: .* at most 10'):
    sampled_next(modules, params, tokens, past, window=10)


def test_given_frames_stay_and_lead_the_next_ones(with_past):
  modules, params = with_past
  rng = np.random.default_rng(2)
  tokens, past = rng.standard_normal((1, 14, 32)).astype(np.float32), rng.standard_normal((1, 5, 8))
  past = (20 * past).astype(np.float32)  # beyond the bound of clean latents
  found = sampled_next(modules, params, tokens, past, lookahead=4, guidance_scale=1.5)
  assert found.motion.shape == (1, 5, 8) and found.track.shape == (1, 14, 8)
  np.testing.assert_array_equal(found.track[:, :5], past)
  np.testing.assert_array_equal(found.track[:, 5:10], found.motion)
  other = sampled_next(modules, params, tokens, past + 1.0, lookahead=4, guidance_scale=1.5)
  assert np.abs(found.motion - other.motion).max() > 1e-4
  without = MotionTransformer(8, 32, 32, 2, 1, controls=(), with_past=False)
  for wrong, message in (
    (dict(tokens=np.zeros((1, 17, 32))), '17 tokens: .* at most 16'),
    (dict(lookahead=9), 'no frame after 5 given ones and before a look-ahead of 9'),
    (dict(modules={'motion_transformer': without}), 'past_rate'),
  ):
    with pytest.raises(ValueError, match=message):
      sampled_next(**{'modules': modules, 'params': params, 'tokens': tokens, 'past': past, **wrong})


class FirstFrame:
  """A motion transformer that estimates the first frame of its input in every frame, and keeps its inputs."""

  with_past = True

  def __init__(self):
    self.seen = []

  def apply(self, variables, xt, t, tokens, m_0, valid, given):
    jax.debug.callback(lambda *seen: self.seen.append(seen), xt, given)
    return jnp.broadcast_to(xt[:, :1], xt.shape)


def test_given_frames_are_read_as_they_are_in_every_step():
  network, past = FirstFrame(), np.random.default_rng(2).standard_normal((1, 5, 8)).astype(np.float32)
  found = sampled_next(
    {'motion_transformer': network}, {'motion_transformer': {}}, np.zeros((1, 14, 4), np.float32), past
  )
  np.testing.assert_allclose(found.motion, np.broadcast_to(past[:, :1], (1, 9, 8)), atol=1e-5)
  jax.effects_barrier()
  assert len(network.seen) == 3
  for xt, given in network.seen:
    assert given.tolist() == [[True] * 5 + [False] * 11]
    np.testing.assert_allclose(xt[:, :5] * 2.0 + 0.5, past, atol=1e-6)
