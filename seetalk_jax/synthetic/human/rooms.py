"""Rooms: boxes with windows, lamps and furniture, as light on the head and as backgrounds.

A room is a box around the head; its walls reflect the light of its windows and lamps. The same rays give the
environment and the background, so that both agree. Coordinates are those of the room, in decimeters from the head;
the camera looks along -z of its own axes, which are turned by `yaw`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from seetalk_jax.synthetic.human import surfaces
from seetalk_jax.synthetic.human.backgrounds import Rays
from seetalk_jax.synthetic.human.environments import Source, sphere

# Axes along a wall, by the axis across it.
ALONG = ((2, 1), (0, 2), (0, 1))
_WALLS = range(6)  # low x, high x, floor, ceiling, low z (behind the head), high z


@dataclasses.dataclass
class Panel:
  """A rectangle on a wall: a window, a lamp, a picture, a shelf.

  Attributes:
    wall: 0 to 5: low x, high x, floor, ceiling, low z, high z.
    low: corner along the wall's two axes, decimeters, `[2]`.
    high: opposite corner.
    surface: what it shows, see `surfaces.PAINTERS`.
    color: albedo, or radiance if it shines, `[3]`.
    shines: whether it gives light.
    seed: of its details.
  """

  wall: int
  low: np.ndarray
  high: np.ndarray
  surface: str
  color: np.ndarray
  shines: bool = False
  seed: int = 0


@dataclasses.dataclass
class Lamp:
  """A shining ball.

  Attributes:
    place: `[3]`.
    radius: decimeters.
    color: radiance, `[3]`.
  """

  place: np.ndarray
  radius: float
  color: np.ndarray


@dataclasses.dataclass
class Box:
  """A piece of furniture.

  Attributes:
    low: corner, `[3]`.
    high: opposite corner.
    surface: what its sides show.
    color: albedo, `[3]`.
    seed: of its details.
  """

  low: np.ndarray
  high: np.ndarray
  surface: str
  color: np.ndarray
  seed: int = 0


@dataclasses.dataclass
class Room:
  """A room.

  Attributes:
    low: corner of floor, `[3]`.
    high: opposite corner.
    yaw: radians by which the camera is turned in the room.
    walls: albedo, `[6, 3]`.
    surfaces: what the six walls show.
    panels: on the walls, later ones on top.
    lamps: shining balls.
    boxes: furniture.
    seed: of the details of the walls.
  """

  low: np.ndarray
  high: np.ndarray
  yaw: float
  walls: np.ndarray
  surfaces: list[str]
  panels: list[Panel]
  lamps: list[Lamp]
  boxes: list[Box]
  seed: int = 0

  def radiance(self) -> np.ndarray:
    """Light of walls and furniture at the directions of `environments.sphere()`, without that of the sources."""
    points, wall = self._hits(np.zeros(3), sphere() @ self._turn().T)
    return self.walls[wall] * self._light_at(points, wall)

  def sources(self) -> list[Source]:
    """Windows and lamps as the head sees them."""
    found = []
    for panel in self._shining():
      points, area, normal = self._samples(panel)
      away = np.linalg.norm(points, axis=-1)
      cosine = np.clip(-(points @ normal) / away, 0.02, 1)
      solid = area / len(points) * cosine / away**2
      direction = ((points / away[:, None]) * solid[:, None]).sum(0)
      direction /= np.linalg.norm(direction)
      color = _mean_color(panel) * solid.sum() / np.pi
      found.append(Source(direction @ self._turn(), color, np.sqrt(solid.sum() / np.pi)))
    for lamp in self.lamps:
      away = np.linalg.norm(lamp.place)
      angle = lamp.radius / max(away, 2 * lamp.radius)
      found.append(Source(lamp.place / away @ self._turn(), lamp.color * angle**2, angle))
    return found

  def view(self, rays: Rays, rng: np.random.Generator) -> np.ndarray:
    """Radiance along rays, `[h, w, 3]`."""
    shape = rays.directions.shape[:-1]
    directions = rays.directions.reshape(-1, 3) @ self._turn().T
    origin = np.clip(rays.origin @ self._turn().T, self.low + 0.5, self.high - 0.5)
    points, wall = self._hits(origin, directions)
    light = self._light_at(points, wall) * self._openness(points)[:, None]
    albedo, shine = self.walls[wall], np.zeros((len(points), 3), np.float32)
    for index in np.unique(wall):
      on = np.flatnonzero(wall == index)
      across, up = (points[on, axis] for axis in ALONG[index // 2])
      albedo[on] = surfaces.paint(self.surfaces[index], across, up, self.walls[index], self.seed + index)
      for panel in self.panels:
        if panel.wall == index:
          self._paint_panel(panel, on, across, up, albedo, shine)
    radiance = albedo * light + shine
    reach = np.linalg.norm(points - origin, axis=-1)
    for box in self.boxes:
      reach = self._add_box(box, origin, directions, reach, radiance)
    for lamp in self.lamps:
      if (lamp.place @ self._turn())[2] < -2:  # what stands before the person is beside the camera
        _add_lamp(lamp, origin, directions, reach, radiance)
    return radiance.reshape(*shape, 3)

  def _turn(self) -> np.ndarray:
    """Matrix from camera axes to room axes; vectors are rows: `v @ turn.T`."""
    c, s = np.cos(self.yaw), np.sin(self.yaw)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)

  def _hits(self, origin, directions):
    """(points on the walls `[n, 3]`, walls `[n]`) that rays from inside meet."""
    ahead = directions > 0
    safe = np.where(np.abs(directions) < 1e-6, 1e-6, directions)
    reach = (np.where(ahead, self.high, self.low) - origin) / safe
    axis = np.argmin(np.where(reach > 0, reach, np.inf), axis=-1)
    points = origin + directions * np.take_along_axis(reach, axis[:, None], 1)
    return points.astype(np.float32), axis * 2 + np.take_along_axis(ahead, axis[:, None], 1)[:, 0]

  def _openness(self, points):
    """Share of the light that corners and furniture leave to points on walls, `[n]`."""
    edge = np.sort(np.minimum(points - self.low, self.high - points), axis=-1)[:, 1]
    share = 1 - 0.3 * np.exp(-edge / 2.5)
    for box in self.boxes:
      if box.surface != 'leaves':
        away = np.linalg.norm(np.maximum(np.maximum(box.low - points, points - box.high), 0), axis=-1)
        share *= 1 - 0.45 * np.exp(-away / 1.2)
    return share

  def _shining(self):
    return [panel for panel in self.panels if panel.shines]

  def _samples(self, panel: Panel, count: int = 3):
    """(points on a panel `[count**2, 3]`, its area, its normal into the room)."""
    axis = panel.wall // 2
    place = (np.arange(count) + 0.5) / count
    a, b = np.meshgrid(*(panel.low[i] + (panel.high[i] - panel.low[i]) * place for i in (0, 1)))
    points = np.zeros((count * count, 3), np.float32)
    points[:, axis] = (self.high if panel.wall % 2 else self.low)[axis]
    points[:, ALONG[axis][0]], points[:, ALONG[axis][1]] = a.ravel(), b.ravel()
    normal = np.zeros(3, np.float32)
    normal[axis] = -1 if panel.wall % 2 else 1
    return points, float(np.prod(panel.high - panel.low)), normal

  def _light_at(self, points, wall, normals=None):
    """Irradiance over pi at points `[n, 3]` on walls: direct light and what the room throws back."""
    inward = np.zeros((6, 3), np.float32)
    for index in _WALLS:
      inward[index, index // 2] = -1 if index % 2 else 1
    normals = inward[wall] if normals is None else normals
    total = np.zeros_like(points)
    power = np.zeros(3)
    for panel in self._shining():
      spots, area, normal = self._samples(panel, 2)
      for spot in spots:
        total += _spot_light(points, normals, spot, normal, area / len(spots)) * _mean_color(panel)
      power += _mean_color(panel) * area
    for lamp in self.lamps:
      area = np.pi * lamp.radius**2
      total += _spot_light(points, normals, lamp.place, None, area) * lamp.color
      power += lamp.color * 4 * area
    sides = self.high - self.low
    areas = np.repeat([sides[1] * sides[2], sides[0] * sides[2], sides[0] * sides[1]], 2)
    # Furniture absorbs a quarter of what bare walls would reflect.
    mean = 0.75 * (self.walls * areas[:, None]).sum(0) / areas.sum()
    return total + power * mean / (1 - mean) / areas.sum() + 0.004

  def _paint_panel(self, panel, on, across, up, albedo, shine):
    s = (across - panel.low[0]) / (panel.high[0] - panel.low[0])
    t = (up - panel.low[1]) / (panel.high[1] - panel.low[1])
    inside = (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    if not inside.any():
      return
    size = panel.high - panel.low
    painted = surfaces.paint(
      panel.surface, s[inside] * size[0], t[inside] * size[1], panel.color, panel.seed, size
    )
    at = on[inside]
    if panel.shines:
      albedo[at], shine[at] = 0, painted
    else:
      albedo[at], shine[at] = painted, 0

  def _add_box(self, box, origin, directions, reach, radiance):
    """Draws furniture that is nearer than `reach`; returns the new distances."""
    safe = np.where(np.abs(directions) < 1e-6, 1e-6, directions)
    first, second = (box.low - origin) / safe, (box.high - origin) / safe
    near = np.minimum(first, second)
    enter, leave = near.max(-1), np.maximum(first, second).min(-1)
    hit = np.flatnonzero((enter > 0.5) & (enter < leave) & (enter < reach))
    if not len(hit):
      return reach
    axis = near[hit].argmax(-1)
    points = origin + directions[hit] * enter[hit, None]
    normals = (
      -np.sign(np.take_along_axis(directions[hit], axis[:, None], 1)) * np.eye(3, dtype=np.float32)[axis]
    )
    albedo = np.empty((len(hit), 3), np.float32)
    for k in range(3):
      side = axis == k
      a, b = ALONG[k]
      size = (box.high - box.low)[[a, b]]
      albedo[side] = surfaces.paint(
        box.surface, points[side, a] - box.low[a], points[side, b] - box.low[b], box.color, box.seed, size
      )
    seen = np.isfinite(albedo[:, 0])
    hit, points, normals = hit[seen], points[seen].astype(np.float32), normals[seen].astype(np.float32)
    radiance[hit] = albedo[seen] * self._light_at(points, None, normals)
    reach = reach.copy()
    reach[hit] = enter[hit]
    return reach


def _mean_color(panel: Panel) -> np.ndarray:
  return panel.color * (0.7 if panel.surface == 'window' else 1.0)


def _spot_light(points, normals, spot, normal, area):
  """Irradiance over pi, `[n, 1]`, at points of a small flat (or round, `normal` None) source of radiance 1."""
  to = spot - points
  square = (to * to).sum(-1) + area / np.pi
  length = np.sqrt(square)
  facing = np.clip((to * normals).sum(-1) / length, 0, 1)
  leaving = 1.0 if normal is None else np.clip(-(to @ normal) / length, 0, 1)
  return (area / np.pi * facing * leaving / square)[:, None]


def _add_lamp(lamp, origin, directions, reach, radiance):
  to = lamp.place - origin
  along = directions @ to
  square = to @ to - along**2
  hit = (square < lamp.radius**2) & (along > 0) & (along < reach)
  # A shade is brightest in its middle; the bulb inside is hidden.
  fall = 0.25 + 0.35 * np.sqrt(np.maximum(1 - square[hit] / lamp.radius**2, 0))
  radiance[hit] = lamp.color * fall[:, None]
