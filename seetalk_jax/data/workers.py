"""What worker processes of long runs have in common."""

from __future__ import annotations

import os
import threading
import time


def leave_with(parent: int) -> None:
  """Ends this process soon after the process `parent` was killed: workers would wait for it forever."""

  def watch():
    while os.getppid() == parent:
      time.sleep(1.0)
    os._exit(1)

  threading.Thread(target=watch, daemon=True).start()
