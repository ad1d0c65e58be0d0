// A small map that only shows where photos were taken.

import {element} from './elements.js';
import {begin, isDark, mapStyle, points, recolor} from './map_style.js';

const NEAREST = 4.5; // zoom at which countries can be told by their shapes
const PADDING = 36; // CSS pixels

export async function smallMap(place, spots, style, signal) {
  const container = element('div', 'wall-album-canvas', {ariaHidden: true});
  const longitudes = spots.map(([longitude]) => longitude), latitudes = spots.map(([, latitude]) => latitude);
  const bounds = [Math.min(...longitudes), Math.min(...latitudes), Math.max(...longitudes), Math.max(...latitudes)];
  const drawn = style ?? await mapStyle(isDark(place));
  if (signal.aborted) return;
  place.prepend(container);
  const map = await begin({
    container, style: drawn, interactive: false, attributionControl: style ? {compact: true} : false,
    bounds, fitBoundsOptions: {padding: PADDING, maxZoom: NEAREST},
  });
  if (signal.aborted) return map.remove();
  signal.addEventListener('abort', () => map.remove());
  map.addSource('spots', {type: 'geojson', data: points(spots.map(([longitude, latitude]) => [longitude, latitude, {}]))});
  map.addLayer({id: 'spots', type: 'circle', source: 'spots', paint: {
    'circle-color': '#b3261e', 'circle-radius': 5, 'circle-stroke-color': '#fff', 'circle-stroke-width': 1.5,
  }});
  if (style) return;
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => setTimeout(() => recolor(map, isDark(place)), 100), {signal});
}
