"""Every network as a Linen module: `from seetalk_jax.models import PortraitUNet`. Loaded on first use."""

from __future__ import annotations

from seetalk_jax import _lazy
from seetalk_jax.models.registry import NETWORKS

TYPE_CHECKING: bool = False  # see _lazy
if TYPE_CHECKING:
  from seetalk_jax.models.critics.discriminator import PatchDiscriminator as PatchDiscriminator
  from seetalk_jax.models.critics.i3d import InceptionI3D as InceptionI3D
  from seetalk_jax.models.critics.inception import InceptionV3 as InceptionV3
  from seetalk_jax.models.critics.perceptual import PerceptualTower as PerceptualTower
  from seetalk_jax.models.critics.sync_expert import SyncExpert as SyncExpert
  from seetalk_jax.models.critics.syncnet import SyncNet as SyncNet
  from seetalk_jax.models.face.conre import ConReHead as ConReHead
  from seetalk_jax.models.face.face_encoder import FaceEncoder as FaceEncoder
  from seetalk_jax.models.motion.lip_refiner import LipRefiner as LipRefiner
  from seetalk_jax.models.motion.motion_codec import MotionCodec as MotionCodec
  from seetalk_jax.models.motion.motion_transformer import MotionTransformer as MotionTransformer
  from seetalk_jax.models.portrait.autoencoder import AutoencoderKL as AutoencoderKL
  from seetalk_jax.models.portrait.face_prior import FacePrior as FacePrior
  from seetalk_jax.models.portrait.face_prior import SampleAdaptiveWeighting as SampleAdaptiveWeighting
  from seetalk_jax.models.portrait.portrait_unet import PortraitUNet as PortraitUNet
  from seetalk_jax.models.renderer.code_transformer import CodeTransformer as CodeTransformer
  from seetalk_jax.models.renderer.codebook import Codebook as Codebook
  from seetalk_jax.models.renderer.codeformer import CodeFormer as CodeFormer
  from seetalk_jax.models.renderer.hr_decoder import HRDecoder as HRDecoder
  from seetalk_jax.models.speech.speech_encoder import SpeechEncoder as SpeechEncoder
  from seetalk_jax.models.speech.speech_encoder import SpeechFeatures as SpeechFeatures
else:
  # On first use, so that importing one network does not import them all.
  __getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
      **{class_name: f'{__name__}.{file}' for file, class_name in NETWORKS.values()},
      'FacePrior': f'{__name__}.portrait.face_prior',
      'SpeechFeatures': f'{__name__}.speech.speech_encoder',
    },
  )
