"""Values of pairs: PSNR, SSIM and LPIPS of frames are those of scikit-image, torchmetrics and the package lpips."""

import numpy as np
import pytest
from in_memory import convert

from seetalk_jax.evaluation.videos import measuring, pairs
from seetalk_jax.evaluation.videos.network_values import Networks
from seetalk_jax.evaluation.videos.protocol import Protocol
from seetalk_jax.media import face
from seetalk_jax.training.initial_weights import InitialNetwork

PROTOCOL = Protocol(side=64)
TOLERANCE = 1e-4  # relative


class Frames:
  """Frames uint8 `[n, h, w, 3]` as a video without sound."""

  name = 'talk'

  def __init__(self, frames):
    self._frames = frames
    self.identity = ''

  def frames(self):
    return iter(self._frames)

  def waveform(self):
    return None


def nobody(pixels):
  """Detector that finds no face."""
  points, matrices = np.zeros((0, face.NUM_LANDMARKS, 2), np.float32), np.zeros((0, 4, 4), np.float32)
  return face.FaceReading(points, np.zeros((0, 52), np.float32), matrices)


@pytest.fixture(scope='module')
def videos():
  """Two videos of moving patterns; the first has noise and is blocky in places. The second is longer."""
  rng = np.random.default_rng(0)
  coarse = rng.integers(0, 256, (12, 16, 3)).astype(float)
  large = coarse.repeat(10, axis=0).repeat(10, axis=1)
  large += 20 * np.sin(np.arange(160) / 3)[None, :, None]
  real = np.stack([np.roll(large, 3 * i, axis=1) for i in range(7)])
  made = real[:5] + rng.normal(0, 12, real[:5].shape)
  made[:, 40:80, 40:80] = made[:, 40:80, 40:80].mean(axis=(2, 3), keepdims=True)
  return [Frames(np.clip(each, 0, 255).astype(np.uint8)) for each in (made, real)]


def values_of(videos, networks=None):
  measured = [measuring.measure_video(each, PROTOCOL, nobody) for each in videos]
  return pairs.pair_values(*videos, *measured, PROTOCOL, networks)


def squares(videos):
  """The frames that are compared: `[5, 64, 64, 3]`, twice."""
  made, real = (np.stack([*measuring.square_frames(each.frames(), PROTOCOL, None)]) for each in videos)
  return made, real[: len(made)]


def test_the_longer_video_is_cut_and_equal_videos_have_the_highest_values(videos):
  same = values_of([Frames(videos[1]._frames[:5]), videos[1]])
  assert same['psnr'] == 100.0
  assert same['ssim'] == pytest.approx(1.0, rel=1e-12)
  assert np.isnan(same['opening_r'])


@pytest.mark.parity
def test_psnr_and_ssim_are_scikit_image_s(videos):
  """Convention: gaussian_weights, sigma 1.5, population covariances, data range 255, channels averaged, borders of 5
  pixels left out; means over frames."""
  metrics = pytest.importorskip('skimage.metrics')
  found, frames = values_of(videos), [*zip(*squares(videos), strict=True)]
  convention = dict(
    gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1
  )
  ssim = np.mean([metrics.structural_similarity(a, b, **convention) for a, b in frames])
  psnr = np.mean([metrics.peak_signal_noise_ratio(b, a, data_range=255) for a, b in frames])
  assert 0.2 < ssim < 0.95 and 15 < psnr < 30
  assert found['ssim'] == pytest.approx(ssim, rel=TOLERANCE)
  assert found['psnr'] == pytest.approx(psnr, rel=TOLERANCE)


@pytest.mark.parity
def test_psnr_and_ssim_are_torchmetrics_s(videos):
  """Its defaults but for two: borders, which its SSIM counts, are left out, and frames come one by one, since its PSNR
  of a batch is that of the mean error."""
  torch = pytest.importorskip('torch')
  image = pytest.importorskip('torchmetrics.functional.image')
  found = values_of(videos)
  made, real = (torch.from_numpy(each).permute(0, 3, 1, 2).double() for each in squares(videos))
  _, ssim = image.structural_similarity_index_measure(made, real, data_range=255.0, return_full_image=True)
  psnr = [image.peak_signal_noise_ratio(a, b, data_range=255.0) for a, b in zip(made, real, strict=True)]
  assert found['ssim'] == pytest.approx(float(ssim[..., 5:-5, 5:-5].mean()), rel=TOLERANCE)
  assert found['psnr'] == pytest.approx(float(np.mean(psnr)), rel=TOLERANCE)


@pytest.mark.parity
@pytest.mark.parametrize('net', ['alex', 'vgg'])
def test_lpips_of_frames_is_the_package_s(videos, net, tmp_path):
  """With random trunks: frames in bytes to [-1, 1] as `lpips.im2tensor` does, in batches, means over frames."""
  torch = pytest.importorskip('torch')
  lpips = pytest.importorskip('lpips')
  torch.manual_seed(0)
  reference = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
  torch.save(reference.state_dict(), tmp_path / 'lpips.pth')
  converted = convert('lpips', tmp_path / 'lpips.pth')
  networks = Networks({'perceptual': InitialNetwork(converted.module, converted.params, {}, (), '')}, {})
  found = values_of(videos, networks.pair_measures())['lpips']
  with torch.no_grad():
    distances = [
      float(reference(lpips.im2tensor(a), lpips.im2tensor(b))) for a, b in zip(*squares(videos), strict=True)
    ]
  assert np.mean(distances) > 1e-4
  assert found == pytest.approx(np.mean(distances), rel=TOLERANCE)
