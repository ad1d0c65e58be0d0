// The head of the page of an album or an event; a line, where something is searched for in it.

import {blur} from './blurred.js';
import {element} from './elements.js';

export class AlbumHead {
  constructor(wall, shelves) {
    this.wall = wall;
    this.shelves = shelves;
  }

  draw(album) {
    const head = element('header', 'wall-album');
    const text = element('div', 'wall-album-text');
    const above = text.appendChild(element('p', 'wall-album-kind'));
    above.append(this.shelves.link('', album.all), ` / ${album.kind}`);
    const title = text.appendChild(element('h2'));
    if (!album.cover) {
      title.append(this.shelves.link(album.query, album.title));
      head.classList.add('is-line');
      head.append(text);
      return [head];
    }
    title.textContent = album.title;
    text.append(element('p', 'wall-album-facts', {textContent: album.facts}));
    if (album.description) text.append(element('p', 'wall-album-description', {textContent: album.description}));
    if (album.links.length) text.append(this.links(album.links));
    const cover = element('img', 'wall-album-cover', {alt: '', src: new URL(album.cover, document.baseURI)});
    blur(cover, album);
    head.append(cover, text);
    if (album.spots.length) head.append(this.map(album));
    const shelves = [[album.peopleTitle, album.people], [album.albumsTitle, album.albums]];
    return [head, ...shelves.filter(([, items]) => items.length).map(([title, items]) => this.shelves.shelf({title, items}))];
  }

  links(links) {
    const list = element('ul', 'wall-album-links');
    list.append(...links.map(({text, query, href}) => {
      const item = element('li');
      item.append(query ? this.shelves.link(query, text)
        : element('a', '', {href, textContent: text, target: '_blank', rel: 'noreferrer'}));
      return item;
    }));
    return list;
  }

  // Where the photos were taken, at a glance; it leads to the map on which one can go nearer.
  map({spots, map}) {
    const place = element('div', 'wall-album-map');
    const link = this.shelves.link(map.query, map.text);
    place.append(link);
    this.gone = new AbortController();
    const {signal} = this.gone, {mapStyle} = this.wall.data;
    // The photos come first.
    setTimeout(() => !signal.aborted && import('./small_map.js')
      .then(({smallMap}) => smallMap(place, spots, mapStyle, signal)).catch(() => {}), 300);
    return place;
  }

  leave() {
    this.gone?.abort();
  }
}
