"""The page of the web demo, in Gradio: speech, four portraits to choose from, and the video while it is drawn."""

from __future__ import annotations

import contextlib
import html
import logging
import pathlib
import re
import tempfile
from collections.abc import Iterator
from typing import Any

import gradio as gr

from seetalk_jax.app import studio as studio_lib
from seetalk_jax.app.studio import Progress, Studio, VideoSettings
from seetalk_jax.constants import EMOTIONS, SPEAKING_RATE, SPEAKING_RATES, SPOKEN_VOICE
from seetalk_jax.errors import InputError

TITLE = 'seetalk-jax'
KEPT_SECONDS = 3600  # files and portraits of a visitor
_CSS = """
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
#title h1 { margin-bottom: 0; } #title p { margin-top: 4px; opacity: 0.8; }
#faces .grid-wrap { min-height: 0 !important; height: auto !important; max-height: none !important; }
#faces .empty { min-height: 120px !important; }
#preview img, #video video { max-height: 62vh; object-fit: contain; }
footer { display: none !important; }
@media (max-width: 640px) { .gradio-container { padding: 8px !important; } }
"""

# Gradio labels empty outputs without a role, which screen readers do not read.
_JS = """() => {
  const name = () => document.querySelectorAll('div.empty[aria-label]:not([role])').forEach(
    empty => empty.setAttribute('role', 'img'));
  name();
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
}"""


def theme() -> gr.themes.Base:
  """The theme: fonts of the system, so that the page asks no other server for anything; contrasts of 4.5 and more."""
  soft = gr.themes.Soft(
    primary_hue='teal',
    neutral_hue='slate',
    font=['system-ui', 'sans-serif'],
    font_mono=['ui-monospace', 'monospace'],
  )
  return soft.set(
    color_accent='*primary_700',
    block_label_text_color='*primary_800',
    block_title_text_color='*primary_800',
    body_text_color_subdued='*neutral_600',
    input_placeholder_color='*neutral_500',
    button_primary_background_fill='*primary_700',
    button_primary_background_fill_hover='*primary_800',
  )


def make_page(studio: Studio) -> gr.Blocks:
  """The page.

  Args:
    studio: what it shows; one video is made at a time, further visitors wait in a queue.
  """
  controls = studio.available_controls
  with gr.Blocks(title=TITLE, delete_cache=(600, KEPT_SECONDS), analytics_enabled=False) as page:
    gr.Markdown(
      f'# {TITLE}\nA voice in, a talking face that fits it out. Nobody is recognized: the faces are made up.',
      elem_id='title',
    )
    speech, faces = gr.State(None, time_to_live=KEPT_SECONDS), gr.State(None, time_to_live=KEPT_SECONDS)
    with gr.Row(equal_height=False):
      with gr.Column(scale=5, min_width=320):
        source = _speech_inputs(studio)
        seed = gr.Number(
          0, label='Seed', precision=0, minimum=0, maximum=2**32 - 1, info='Another seed, other faces.'
        )
        find = gr.Button('Find faces for this voice', variant='primary', elem_id='find')
        gallery = gr.Gallery(
          label='Choose one',
          show_label=False,
          columns=4,
          height='auto',
          allow_preview=False,
          interactive=False,
          format='png',
          buttons=[],
          elem_id='faces',
        )
        photo = _photo_inputs()
        chosen = gr.Number(0, visible=False)
      with gr.Column(scale=5, min_width=320):
        options = _video_inputs(controls)
        make = gr.Button('Make the video', variant='primary', elem_id='make')
        status = gr.Markdown('', elem_id='status')
        preview = gr.Image(
          label='While it is drawn',
          visible=False,
          interactive=False,
          format='jpeg',
          elem_id='preview',
          buttons=[],
        )
        video = gr.Video(label='Video', interactive=False, autoplay=True, visible=False, elem_id='video')
        downloads = gr.File(
          label='Files', file_count='multiple', interactive=False, visible=False, elem_id='files'
        )

    handlers = _Handlers(studio)
    find.click(
      handlers.find,
      [*source, seed],
      [speech, faces, gallery, chosen, status],
      concurrency_id='networks',
      api_visibility='private',
    )
    gallery.select(_selected, None, chosen, api_visibility='private')
    make.click(
      handlers.make,
      [*source, seed, speech, faces, chosen, *photo, *options],
      [speech, faces, gallery, status, preview, video, downloads],
      concurrency_id='networks',
      api_visibility='private',
    )
    gr.Markdown(
      'Videos made here are marked as synthetic. Show a real person only with their consent. Nothing leaves this '
      'computer; files are deleted after an hour.'
    )
  page.queue(default_concurrency_limit=1, max_size=16, api_open=False)
  return page


def serve(
  studio: Studio, *, host: str = '127.0.0.1', port: int = 7860, inbrowser: bool = False, wait: bool = True
) -> gr.Blocks:
  """Serves the page.

  Args:
    studio: what it shows.
    host, port: where it listens.
    inbrowser: open it in the user's browser.
    wait: return only when the server is stopped; otherwise `close()` of the result stops it.
  """
  page = make_page(studio)
  page.launch(
    server_name=host,
    server_port=port,
    inbrowser=inbrowser,
    share=False,
    prevent_thread_lock=not wait,
    max_file_size='200mb',
    theme=theme(),
    css=_CSS,
    js=_JS,
    ssr_mode=False,
    footer_links=[],
    quiet=not wait,
  )
  return page


def _speech_inputs(studio: Studio) -> list[Any]:
  """Inputs: which tab, recording, text, language, variant, rate."""
  from seetalk_jax.synthetic import espeak, text_to_speech

  tab = gr.State('recording')
  with gr.Tabs():
    with gr.Tab('Speech') as recorded:
      recording = gr.Audio(
        sources=['upload', 'microphone'],
        type='filepath',
        label=f'Speech, at most {studio.max_seconds:.0f} s',
        buttons=[],
        elem_id='recording',
      )
    with gr.Tab('Text') as typed:
      try:
        languages, variants = espeak.languages(), ['', *text_to_speech.variants()]
      except InputError as error:
        languages, variants = [SPOKEN_VOICE], ['']
        gr.Markdown(f'{error}')
      text = gr.Textbox(label='Text', lines=3, placeholder='What shall be said?', elem_id='text')
      with gr.Row():
        language = gr.Dropdown(languages, value=SPOKEN_VOICE, label='Language', filterable=True)
        variant = gr.Dropdown(variants, value='', label='Voice', info='f1 to f5: women, m1 to m8: men')
        rate = gr.Slider(*SPEAKING_RATES, value=SPEAKING_RATE, step=5, label='Words per minute')
  recorded.select(lambda: 'recording', None, tab, api_visibility='private')
  typed.select(lambda: 'text', None, tab, api_visibility='private')
  return [tab, recording, text, language, variant, rate]


def _photo_inputs() -> list[Any]:
  """Inputs: a photo instead of a made-up face, and whether it is cropped."""
  with gr.Accordion('A photo instead', open=False):
    photo = gr.Image(type='filepath', label='Photo of one face', sources=['upload'], elem_id='photo')
    aligned = gr.Checkbox(False, label='It is a portrait made here: do not look for the face')
  return [photo, aligned]


def _video_inputs(controls: tuple[str, ...]) -> list[Any]:
  """Inputs in the order of `_settings`."""
  with gr.Accordion('Motion', open=False):
    emotion = gr.Dropdown(
      list(EMOTIONS), value=EMOTIONS[0], label='Emotion', interactive='emotion' in controls
    )
    intensity = gr.Slider(
      0,
      1,
      value=0,
      step=0.05,
      label='Intensity',
      info='0: as the speech suggests',
      interactive='emotion' in controls,
    )
    motion_file = gr.File(
      label='Motion file (CSV of Live Link Face, or a file of this page)',
      file_types=['.csv', '.json'],
      height=140,
    )
    from_file = gr.CheckboxGroup(
      [
        (label, name)
        for label, name in (('Head', 'pose'), ('Blinks', 'blink'), ('Gaze', 'gaze'))
        if name in controls
      ],
      label='Taken from the motion file',
    )
    style = gr.File(
      label='Style clip: a video of somebody who moves like this', file_types=['video'], height=140
    )
  with gr.Accordion('Quality', open=False):
    size = gr.Dropdown(
      [('as trained', 0), *((f'{side} x {side}', side) for side in studio_lib.SIZES)], value=0, label='Size'
    )
    steps = gr.Number(
      0, label='Sampling steps', precision=0, minimum=0, maximum=1000, info="0: the checkpoint's"
    )
    guidance = gr.Number(0, label='Guidance scale', minimum=0, info="0: the checkpoint's")
  return [emotion, intensity, motion_file, from_file, style, size, steps, guidance]


def _selected(event: gr.SelectData) -> int:
  return event.index


def _settings(
  seed, emotion, intensity, motion_file, from_file, style, size, steps, guidance
) -> VideoSettings:
  return VideoSettings(
    seed=int(seed or 0),
    emotion=emotion,
    intensity=float(intensity or 0),
    motion_file=motion_file,
    from_file=tuple(from_file or ()),
    style=style,
    size=int(size) or None,
    steps=int(steps or 0) or None,
    guidance=float(guidance or 0) or None,
  )


@contextlib.contextmanager
def _readable_errors() -> Iterator[None]:
  """Mistakes of the visitor are shown as one line; anything else as a short note, with its traceback in the log."""
  try:
    yield
  except InputError as error:
    # Uploads lie in folders of this computer, whose names are nobody's business.
    line = re.sub(rf'{re.escape(_cache_folder())}/(\w+/)*', '', str(error))
    raise gr.Error(html.escape(line), duration=15, print_exception=False) from None
  except (gr.Error, GeneratorExit):
    raise
  except Exception as error:
    logging.getLogger(__name__).exception('a visitor met a bug')
    raise gr.Error(
      f'something went wrong ({type(error).__name__}); the log has more', print_exception=False
    ) from None


class _Handlers:
  """What the buttons do."""

  def __init__(self, studio: Studio):
    self._studio = studio

  def find(self, tab, recording, text, language, variant, rate, seed):
    """Four faces for the voice."""
    with _readable_errors():
      key = (tab, recording, text, language, variant, rate)
      speech = self._speech(*key)
      faces = self._studio.portraits(speech, int(seed or 0))
      note = f'{speech.seconds:.1f} s of speech. Choose a face, then make the video.'
      return (key, speech), (int(seed or 0), faces), list(faces), 0, note

  def make(
    self, tab, recording, text, language, variant, rate, seed, spoken, found, chosen, photo, aligned, *options
  ):
    """The video; yields after every preview."""
    with _readable_errors():
      settings = _settings(seed, *options)
      key = (tab, recording, text, language, variant, rate)
      if spoken is None or spoken[0] != key:
        spoken, found = (key, self._speech(*key)), None
      speech = spoken[1]
      gallery = gr.skip()
      if photo:
        portrait = self._studio.photo(photo, aligned)
      else:
        if found is None or found[0] != settings.seed:
          found, chosen = (settings.seed, self._studio.portraits(speech, settings.seed)), 0
          gallery = list(found[1])
        portrait = found[1][int(chosen or 0)]
      first = spoken, found, gallery
      yield (
        *first,
        'Sampling the motion ...',
        gr.Image(portrait, visible=True),
        gr.Video(visible=False),
        gr.File(visible=False),
      )
      folder = pathlib.Path(tempfile.mkdtemp(dir=_cache_folder()))
      for step in self._studio.draw(speech, portrait, settings, folder):
        if isinstance(step, Progress):
          note = f'{step.done} of {step.total} frames' if step.done else 'Drawing ...'
          shown = gr.skip() if step.frame is None else gr.Image(step.frame, visible=True)
          yield gr.skip(), gr.skip(), gr.skip(), note, shown, gr.skip(), gr.skip()
        else:
          files = gr.File([str(path) for path in step if path is not None], visible=True)
          done = f'{speech.num_frames} frames, seed {settings.seed}.'
          yield (
            gr.skip(),
            gr.skip(),
            gr.skip(),
            done,
            gr.Image(visible=False),
            gr.Video(str(step.video), visible=True),
            files,
          )

  def _speech(self, tab, recording, text, language, variant, rate):
    if tab == 'text':
      return self._studio.spoken(text or '', f'{language}+{variant}' if variant else language, int(rate))
    return self._studio.recording(recording)


def _cache_folder() -> str:
  """Gradio's folder of temporary files, which it serves and empties."""
  folder = gr.utils.get_upload_folder()
  pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
  return folder
