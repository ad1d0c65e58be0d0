// A small map that only shows where photos were taken.

import {Map as World} from '../vendor/maplibre/maplibre-gl.mjs';
import {element} from './elements.js';
import {isDark, mapStyle, points, recolor} from './map_style.js';

const NEAREST = 4.5; // zoom at which countries can be told by their shapes
const PADDING = 36; // CSS pixels

document.head.append(element('link', '', {
  rel: 'stylesheet', href: new URL('../vendor/maplibre/maplibre-gl.css', import.meta.url),
}));

export async function smallMap(place, spots, style, signal) {
  const container = element('div', 'wall-album-canvas', {ariaHidden: true});
  const longitudes = spots.map(([longitude]) => longitude), latitudes = spots.map(([, latitude]) => latitude);
  const bounds = [Math.min(...longitudes), Math.min(...latitudes), Math.max(...longitudes), Math.max(...latitudes)];
  const drawn = style ?? await mapStyle(isDark(place));
  if (signal.aborted) return;
  place.prepend(container);
  const map = new World({
    container, style: drawn, interactive: false, attributionControl: style ? {compact: true} : false,
    bounds, fitBoundsOptions: {padding: PADDING, maxZoom: NEAREST},
  });
  signal.addEventListener('abort', () => map.remove());
  await map.once('load');
  map.addSource('spots', {type: 'geojson', data: points(spots.map(([longitude, latitude]) => [longitude, latitude, {}]))});
  map.addLayer({id: 'spots', type: 'circle', source: 'spots', paint: {
    'circle-color': '#b3261e', 'circle-radius': 5, 'circle-stroke-color': '#fff', 'circle-stroke-width': 1.5,
  }});
  if (style) return;
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => setTimeout(() => recolor(map, isDark(place)), 100), {signal});
}
