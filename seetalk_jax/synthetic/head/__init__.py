"""A parametric talking head, drawn from nothing: identity, motion and light in; picture and truth out."""

from seetalk_jax.synthetic.head.camera import PORTRAIT_CROP_VERSION as PORTRAIT_CROP_VERSION
from seetalk_jax.synthetic.head.identity import IDENTITY_DIM as IDENTITY_DIM
from seetalk_jax.synthetic.head.identity import Identity as Identity
from seetalk_jax.synthetic.head.identity import array_to_identity as array_to_identity
from seetalk_jax.synthetic.head.identity import identity_to_array as identity_to_array
from seetalk_jax.synthetic.head.identity import sample_identity as sample_identity
from seetalk_jax.synthetic.head.landmarks import LANDMARKS as LANDMARKS
from seetalk_jax.synthetic.head.landmarks import landmarks as landmarks
from seetalk_jax.synthetic.head.landmarks import lip_box as lip_box
from seetalk_jax.synthetic.head.landmarks import mouth_opening as mouth_opening
from seetalk_jax.synthetic.head.render import RenderedFrame as RenderedFrame
from seetalk_jax.synthetic.head.render import render as render
from seetalk_jax.synthetic.head.render import render_batch as render_batch
from seetalk_jax.synthetic.head.settings import RenderSettings as RenderSettings
from seetalk_jax.synthetic.head.settings import default_settings as default_settings
from seetalk_jax.synthetic.head.settings import sample_settings as sample_settings
