// What stands above the photos: ways into the library, or of which album or event they are.

import {element} from './elements.js';
import {AlbumHead} from './album.js';
import {Shelves} from './shelves.js';

export class Intro {
  constructor(wall) {
    this.root = wall.root.appendChild(element('div', 'wall-intro'));
    this.shelves = new Shelves(wall);
    this.album = new AlbumHead(wall, this.shelves);
  }

  show({start, album}) {
    const told = JSON.stringify([start, album]);
    if (told === this.told) return;
    this.told = told;
    this.album.leave();
    this.root.replaceChildren(...(start ? this.shelves.draw(start) : album ? this.album.draw(album) : []));
  }
}
