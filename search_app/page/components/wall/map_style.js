// What the map is drawn with: countries of Natural Earth, towns of GeoNames, and letters of the
// browser's own fonts. Nothing of it is fetched from elsewhere.

import {Map as World} from '../vendor/maplibre/maplibre-gl.mjs';
import feature from '../vendor/topojson-client/feature.js';
import mesh from '../vendor/topojson-client/mesh.js';
import {element} from './elements.js';

const LIGHT = {water: '#c9d9e6', land: '#f5f2ea', border: '#b3aa99', text: '#4a4a4a', halo: '#f5f2ea'};
const DARK = {water: '#10161d', land: '#2a2f36', border: '#59626d', text: '#c9cdd2', halo: '#1d2126'};
const WORLD = new URL('../vendor/world-atlas/countries.json', import.meta.url);
let world;

for (const path of ['../vendor/maplibre/maplibre-gl.css', './map.css']) {
  document.head.append(element('link', '', {rel: 'stylesheet', href: new URL(path, import.meta.url)}));
}

// A map, once it is drawn. Throws where there is no WebGL.
export async function begin(options) {
  const map = new World(options);
  await map.once('load');
  return map;
}

export async function addTowns(map, address) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) return; // a map without names is one
  const towns = await answer.json();
  map.getSource('towns').setData(points(towns.map(([name, latitude, longitude], order) =>
    [longitude, latitude, {name, order}])));
}

export function isDark(element) {
  const [red, green, blue] = getComputedStyle(element).color.match(/[\d.]+/g).map(Number);
  return red + green + blue > 382; // of its text
}

// A style of MapLibre; `towns` are names and positions, the largest first.
export async function mapStyle(dark) {
  world ??= fetch(WORLD).then(answer => answer.json());
  const topology = await world.catch(() => world = null);
  if (!topology) throw new Error('no countries');
  const colors = dark ? DARK : LIGHT, {countries} = topology.objects;
  const attribution = '<a href="https://www.naturalearthdata.com">Natural Earth</a>, <a href="https://www.geonames.org">GeoNames</a>';
  return {
    version: 8,
    sources: {
      land: {type: 'geojson', data: onPlane(feature(topology, countries)), attribution},
      borders: {type: 'geojson', data: mesh(topology, countries, (one, other) => one !== other)},
      towns: {type: 'geojson', data: {type: 'FeatureCollection', features: []}},
    },
    layers: [
      {id: 'water', type: 'background', paint: {'background-color': colors.water}},
      {id: 'land', type: 'fill', source: 'land', paint: {'fill-color': colors.land}},
      {id: 'borders', type: 'line', source: 'borders', paint: {'line-color': colors.border, 'line-width': 1}},
      {
        id: 'towns', type: 'symbol', source: 'towns',
        layout: {
          'text-field': ['get', 'name'], 'text-font': ['sans-serif'], 'symbol-sort-key': ['get', 'order'],
          'text-size': ['interpolate', ['linear'], ['zoom'], 2, 11, 8, 14], 'text-padding': 6, 'text-max-width': 8,
        },
        // the smaller, the nearer one has to be
        filter: ['<', ['get', 'order'], ['step', ['zoom'], 40, 3, 150, 4, 400, 5, 1500, 6, 6000, 7, 50000]],
        paint: {'text-color': colors.text, 'text-halo-color': colors.halo, 'text-halo-width': 1.5},
      },
    ],
  };
}

// The countries are those of a globe: on a plane a ring goes on beyond 180°, and that around the
// south pole has an edge.
function onPlane(collection) {
  for (const {geometry: {type, coordinates}} of collection.features) {
    for (const polygon of type === 'Polygon' ? [coordinates] : coordinates) {
      polygon.forEach((ring, number) => polygon[number] = unrolled(ring));
    }
  }
  return collection;
}

function unrolled(ring) {
  let turn = 0;
  const made = ring.map(([longitude, latitude], number) => {
    const step = number ? longitude - ring[number - 1][0] : 0;
    if (Math.abs(step) > 180) turn -= 360 * Math.sign(step);
    return [longitude + turn, latitude];
  });
  return turn ? [...made, [made.at(-1)[0], -90], [made[0][0], -90], made[0]] : made;
}

export function recolor(map, dark) {
  const colors = dark ? DARK : LIGHT;
  map.setPaintProperty('water', 'background-color', colors.water);
  map.setPaintProperty('land', 'fill-color', colors.land);
  map.setPaintProperty('borders', 'line-color', colors.border);
  map.setPaintProperty('towns', 'text-color', colors.text);
  map.setPaintProperty('towns', 'text-halo-color', colors.halo);
}

export function points(features) {
  return {
    type: 'FeatureCollection',
    features: features.map(([longitude, latitude, properties]) => (
      {type: 'Feature', properties, geometry: {type: 'Point', coordinates: [longitude, latitude]}})),
  };
}
