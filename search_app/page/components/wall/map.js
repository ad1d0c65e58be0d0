// All photos that were found, where they were taken: clusters that open, and photos.

import {LngLat, Marker, NavigationControl} from '../vendor/maplibre/maplibre-gl.mjs';
import {element, button} from './elements.js';
import {addTowns, begin, isDark, mapStyle, points, recolor} from './map_style.js';

const RADIUS = 70; // CSS pixels within which photos are one cluster
const NEAREST = 17; // zoom at which there are clusters: what still lies together there was taken at one spot
const AROUND = 0.001; // degrees around such a spot, 100 m or less
const FIRST_ZOOM = 9; // at the most
const NEAR = 11; // zoom, for the place of one photo
const NOBODY = {count: 0, at: [], latitudes: [], longitudes: [], towns: []};

export class PhotoMap {
  constructor(wall) {
    this.wall = wall;
    this.root = element('div', 'wall-map');
    wall.toolbar.root.after(this.root);
    const bar = this.root.appendChild(element('div', 'wall-map-bar'));
    this.text = bar.appendChild(element('p', '', {role: 'status'}));
    this.others = bar.appendChild(button('', '', () => this.search({placeless: true}, 'grid')));
    this.here = bar.appendChild(button('', '', () => this.searchHere()));
    this.canvas = this.root.appendChild(element('div', 'wall-map-canvas'));
    this.list = this.root.appendChild(element('details'));
    this.markers = new Map();
    this.tiles = new Map();
    this.isPossible = Boolean(document.createElement('canvas').getContext('webgl2'));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => setTimeout(() => this.recolor(), 100));
  }

  async show(data) {
    this.root.hidden = data.view !== 'map';
    if (this.root.hidden) return;
    this.map?.resize();
    this.recolor();
    if (this.results !== data.results) await this.take(data);
    const center = this.wall.mapAt;
    if (!this.map || !center) return;
    this.wall.mapAt = null;
    this.map.jumpTo({center, zoom: NEAR});
  }

  async take(data) {
    this.results = data.results;
    const places = await this.wall.photos.fetch('places').catch(() => NOBODY);
    if (this.results !== data.results) return;
    this.places = places;
    this.tell(data.labels.map, data.language);
    if (!this.isPossible || !places.at.length) return;
    try {
      this.map ??= await this.begin(data);
    } catch {
      this.text.textContent = data.labels.map.notThere;
      this.list.open = true;
      return;
    }
    this.draw();
  }

  tell(labels, language) {
    const {places, isPossible} = this, count = places.at.length;
    const number = value => value.toLocaleString(language);
    const placed = labels.placed.replace('{count}', number(count)).replace('{all}', number(places.count));
    this.text.textContent = [count ? placed : labels.none, isPossible ? '' : labels.cannot].filter(Boolean).join(' · ');
    this.others.textContent = labels.placeless;
    this.others.hidden = count === places.count;
    this.here.textContent = labels.here;
    this.here.hidden = this.canvas.hidden = !isPossible || !count;
    this.list.hidden = !places.towns.length;
    this.list.open = !isPossible;
    const towns = element('ul');
    towns.append(...places.towns.map(([name, photos, town]) => {
      const item = element('li');
      item.append(button(`${name} (${number(photos)})`, '', () => this.search({town}, 'grid')));
      return item;
    }));
    this.list.replaceChildren(element('summary', '', {textContent: labels.list}), towns);
  }

  async begin({mapStyle: style, labels, language}) {
    this.hasOwnStyle = !style;
    const map = await begin({
      container: this.canvas, style: style ?? await mapStyle(isDark(this.root)), locale: labels.map.texts,
      cooperativeGestures: true, dragRotate: false, pitchWithRotate: false, touchPitch: false,
      maxZoom: NEAREST + 0.9, attributionControl: {compact: true}, bounds: this.bounds(), fitBoundsOptions: this.fit(),
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.addControl(new NavigationControl({showCompass: false}), 'top-right');
    map.addSource('photos', {
      type: 'geojson', data: points([]), cluster: true, clusterRadius: RADIUS, clusterMaxZoom: NEAREST,
      clusterProperties: {first: ['min', ['get', 'at']]}, // the picture of a cluster is that of its best
    });
    // a source that no layer shows is not loaded; the dots are there until the pictures are
    map.addLayer({id: 'photos', type: 'circle', source: 'photos', paint: {'circle-color': '#b3261e', 'circle-radius': 5}});
    map.on('render', () => map.isSourceLoaded('photos') && this.mark());
    if (this.hasOwnStyle) addTowns(map, this.wall.address('towns.json'));
    this.isNew = true;
    return map;
  }

  draw() {
    const {at, latitudes, longitudes} = this.places;
    for (const {marker} of this.markers.values()) marker.remove();
    this.markers.clear();
    this.tiles.clear();
    this.map.getSource('photos').setData(points(at.map((place, number) =>
      [longitudes[number], latitudes[number], {at: place}])));
    if (!this.isNew && !this.stays) this.map.fitBounds(this.bounds(), this.fit());
    this.isNew = this.stays = false;
  }

  fit() {
    return {padding: 60, maxZoom: FIRST_ZOOM, animate: false};
  }

  // West, south, east, north of all photos: across the meridian of 180° if that is nearer.
  bounds() {
    const {latitudes, longitudes} = this.places;
    const around = [...longitudes].sort((one, other) => one - other);
    let west = around[0], east = around.at(-1), widest = 360 - (east - west);
    for (let number = 1; number < around.length; number++) {
      const gap = around[number] - around[number - 1];
      if (gap > widest) [widest, west, east] = [gap, around[number], around[number - 1] + 360];
    }
    const edge = (best, start) => latitudes.reduce((one, other) => best(one, other), start);
    return [west, edge(Math.min, 90), east, edge(Math.max, -90)];
  }

  // A picture for each cluster and photo in sight, and none for others.
  mark() {
    const {map, markers} = this, sight = map.getBounds(), seen = new Set();
    for (const {properties, geometry: {coordinates}} of map.querySourceFeatures('photos')) {
      const at = properties.cluster ? properties.first : properties.at;
      const key = properties.cluster ? `cluster ${properties.cluster_id}` : `photo ${at} ${coordinates}`;
      if (seen.has(key) || !sight.contains(coordinates)) continue;
      seen.add(key);
      if (!markers.has(key)) markers.set(key, this.add(at, coordinates, properties));
    }
    for (const [key, {marker}] of markers) {
      if (seen.has(key)) continue;
      marker.remove();
      markers.delete(key);
    }
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.dress(), 50);
  }

  add(at, coordinates, {cluster_id: cluster, point_count: count}) {
    const made = button('', 'wall-map-photo', () => {
      this.last = made;
      if (cluster === undefined) this.wall.viewer.open(at);
      else this.open(cluster, coordinates);
    });
    if (count) {
      const {labels: {map}, data: {language}} = this.wall;
      made.classList.add('is-many');
      made.setAttribute('aria-label', map.cluster.replace('{count}', count.toLocaleString(language)));
      made.append(element('span', '', {textContent: count.toLocaleString(language), ariaHidden: true}));
    }
    else made.setAttribute('aria-label', this.wall.labels.untitled); // until more is known
    return {at, isPhoto: !count, made, marker: new Marker({element: made}).setLngLat(coordinates).addTo(this.map)};
  }

  // The pictures of what is in sight, asked for together.
  async dress() {
    const missing = [...this.markers.values()].map(({at}) => at).filter(at => !this.tiles.has(at));
    if (missing.length) {
      const asked = [...new Set(missing)].sort((one, other) => one - other), {results} = this;
      for (const at of asked) this.tiles.set(at, null);
      const tiles = await this.wall.photos.fetch('tiles', {places: asked.join(',')}).catch(() => []);
      if (results !== this.results) return;
      tiles.forEach((tile, number) => this.tiles.set(asked[number], tile));
    }
    for (const {at, made, isPhoto} of this.markers.values()) {
      const tile = this.tiles.get(at);
      if (!tile || made.style.backgroundImage) continue;
      made.style.backgroundImage = `url("${new URL(tile.src, document.baseURI)}")`;
      if (isPhoto) made.setAttribute('aria-label', tile.title || this.wall.labels.untitled);
    }
  }

  async open(cluster, [longitude, latitude]) {
    const zoom = await this.map.getSource('photos').getClusterExpansionZoom(cluster);
    if (zoom <= NEAREST) return this.map.easeTo({center: [longitude, latitude], zoom});
    this.search({area: area(latitude - AROUND, longitude - AROUND, latitude + AROUND, longitude + AROUND)}, 'grid');
  }

  searchHere() {
    const sight = this.map.getBounds();
    const isWhole = sight.getEast() - sight.getWest() >= 360;
    const west = isWhole ? -180 : sight.getWest(), east = isWhole ? 180 : sight.getEast();
    this.stays = true;
    this.search({area: area(sight.getSouth(), west, sight.getNorth(), east)}, 'map');
  }

  search(where, view) {
    this.wall.trigger('where', {...where, view});
  }

  recolor() {
    const dark = isDark(this.root);
    this.root.classList.toggle('is-dark', dark);
    if (this.map && this.hasOwnStyle) recolor(this.map, dark);
  }

  // To what was opened last.
  focus() {
    (this.last?.isConnected ? this.last : this.map?.getCanvas())?.focus({preventScroll: true});
  }
}

function area(south, west, north, east) {
  const wrapped = longitude => (Math.abs(longitude) <= 180 ? longitude : new LngLat(longitude, 0).wrap().lng);
  return [Math.max(south, -90), wrapped(west), Math.min(north, 90), wrapped(east)].map(each => each.toFixed(4)).join(',');
}
