"""Catalogue of the measures of videos: title, unit, direction and source of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Measure(NamedTuple):
  """What a number means.

  Attributes:
    title: for tables.
    unit: '' for a plain number.
    better: 'higher', 'lower', 'real': the nearer to that of real videos the better, or 'one': the nearer to 1.
    source: paper or program that defines it.
    network: the network that it needs, by the name of the settings; '' for none.
  """

  title: str
  unit: str
  better: str
  source: str
  network: str = ''


DRIFT_SECONDS = (40.0, 60.0, 120.0)  # times at which long videos are compared with their start


def drift_name(name: str, seconds: float) -> str:
  """Name of a measure of drift at one of DRIFT_SECONDS."""
  return f'{name}_{seconds:g}'


def drift_values(name: str, drifts: Mapping[float, float]) -> dict[str, float]:
  """The values of a measure of drift, time -> value, by the names of the catalogue; other times have none."""
  return {drift_name(name, time): value for time, value in drifts.items() if time in DRIFT_SECONDS}


# Of one video.
SINGLE = {
  'one_face': Measure('frames with exactly one face', '%', 'higher', 'MediaPipe Face Landmarker'),
  'lip_dynamics': Measure('lip dynamics', 'px of 256', 'real', 'THEval, arXiv 2511.04520'),
  'head_motion': Measure('head motion', '', 'real', 'THEval'),
  'eyebrow_dynamics': Measure('eyebrow dynamics', '', 'real', 'THEval'),
  'silent_lip_stability': Measure('silent lip stability', '', 'real', 'THEval'),
  'lip_sync': Measure('lip sync by volume', '', 'real', 'THEval'),
  'yaw': Measure('yaw, standard deviation', 'degrees', 'real', 'MediaPipe Face Landmarker'),
  'pitch': Measure('pitch, standard deviation', 'degrees', 'real', 'MediaPipe Face Landmarker'),
  'roll': Measure('roll, standard deviation', 'degrees', 'real', 'MediaPipe Face Landmarker'),
  'gaze': Measure('gaze, standard deviation of the coefficients', '', 'real', 'ARKit eyeLook coefficients'),
  'blinks': Measure('blinks', 'per minute', 'real', 'ARKit eyeBlink coefficients'),
  'opening': Measure(
    'mouth opening, standard deviation', '% of the face', 'real', 'inner lips over face height'
  ),
  'beat_alignment': Measure('beat alignment', '', 'real', 'arXiv 2101.08779, onsets by level'),
  'offset': Measure('audio-visual offset, sound late', 'frames', 'real', 'mouth opening and loudness'),
  'offset_correlation': Measure(
    'highest correlation of opening and loudness', 'r', 'real', 'mouth opening and loudness'
  ),
  'mouth_regression': Measure(
    'mouth opening expected from the sound', 'r', 'higher', 'ridge regression on real'
  ),
  'mouth_regression_lag': Measure(
    'lag of the expected opening', 'frames', 'real', 'ridge regression on real'
  ),
  'cpbd': Measure('CPBD', '', 'higher', 'Narvekar and Karam 2011'),
  'sharpness': Measure('gradient energy', '', 'real', 'mean squared difference of neighboring pixels'),
  'sharpness_drift': Measure('gradient energy at the last time over the start', '', 'real', ''),
  'flicker': Measure(
    'difference of neighboring frames after optical flow', 'levels', 'lower', 'DIS flow, OpenCV'
  ),
  'lse_d': Measure('LSE-D', '', 'lower', 'SyncNet, arXiv 2008.10010', 'syncnet'),
  'lse_c': Measure('LSE-C', '', 'higher', 'SyncNet, arXiv 2008.10010', 'syncnet'),
  'syncnet_offset': Measure('offset by SyncNet, sound ahead', 'frames', 'real', 'SyncNet', 'syncnet'),
  'identity_drift': Measure('cosine with the first frame at the last time', '', 'higher', '', 'face_encoder'),
}
for _seconds in DRIFT_SECONDS:
  SINGLE[drift_name('sharpness_drift', _seconds)] = Measure(
    f'gradient energy at {_seconds:g} s over the start', '', 'real', ''
  )
  SINGLE[drift_name('identity_drift', _seconds)] = Measure(
    f'cosine with the first frame at {_seconds:g} s', '', 'higher', '', 'face_encoder'
  )
# Of a video and the real one of its name.
PAIRED = {
  'psnr': Measure('PSNR', 'dB', 'higher', '10 log10(255^2 / MSE)'),
  'ssim': Measure('SSIM', '', 'higher', 'Wang et al. 2004'),
  'lpips': Measure('LPIPS', '', 'lower', 'arXiv 1801.03924', 'perceptual'),
  'csim': Measure('CSIM', 'cosine', 'higher', 'face recognizer', 'face_encoder'),
  'lmd': Measure('LMD', 'px of 256', 'lower', 'landmark distance, arXiv 1803.10404'),
  'm_lmd': Measure('M-LMD', 'px of 256', 'lower', 'the same, mouth'),
  'f_lmd': Measure('F-LMD', 'px of 256', 'lower', 'the same, face without mouth'),
  'opening_r': Measure('mouth opening', 'r', 'higher', 'inner lips over face height'),
  'opening_ratio': Measure('mouth opening, standard deviation over the real one', '', 'one', ''),
}
# Of all videos together, against all real ones.
SETS = {
  'fid': Measure('FID', '', 'lower', 'pytorch-fid, arXiv 1706.08500', 'inception'),
  'fvd': Measure('FVD', '', 'lower', 'I3D, arXiv 1812.01717', 'i3d'),
  'theval_ratio': Measure(
    'mean ratio of the five THEval measures', '', 'higher', 'min(x, real) / max(x, real)'
  ),
}
ALL = {**SINGLE, **PAIRED, **SETS}
# Network of the settings -> the kind of `seetalk convert` that makes it.
CONVERTERS = {
  'syncnet': 'syncnet',
  'face_encoder': 'arcface',
  'perceptual': 'lpips',
  'inception': 'inception',
  'i3d': 'i3d',
}
