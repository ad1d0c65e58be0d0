// What is known of the photos of one search, asked for in pages when they come near the window.

const PAGE = 60;
const MOST_PAGES = 100; // kept; those that were looked at longest ago go first

export class Photos {
  // `fetch(name, query)` asks; `first` are the first photos, `less` the less likely.
  constructor({count, first, less}, fetch, loaded) {
    Object.assign(this, {count, less, fetch, loaded});
    this.pages = new Map([[0, first]]);
    this.asked = new Set();
  }

  at(place) {
    if (place >= this.count) return this.less[place - this.count];
    return this.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
  }

  want(from, to) {
    for (let page = Math.floor(from / PAGE); page * PAGE < Math.min(to, this.count); page++) {
      const known = this.pages.get(page);
      const isWhole = known?.length === Math.min(PAGE, this.count - page * PAGE);
      if (isWhole) {
        this.pages.delete(page);
        this.pages.set(page, known);
      } else if (!this.asked.has(page)) this.ask(page);
    }
    for (const page of this.pages.keys()) {
      if (this.pages.size <= MOST_PAGES) break;
      this.pages.delete(page);
    }
  }

  async ask(page) {
    this.asked.add(page);
    const tiles = await this.fetch('tiles', {first: page * PAGE, count: PAGE}).catch(() => null);
    this.asked.delete(page);
    if (!tiles) return;
    this.pages.set(page, tiles);
    this.loaded(page * PAGE, page * PAGE + tiles.length);
  }

  // Once the photo at a place is known.
  async whenKnown(place) {
    if (!this.at(place)) await this.ask(Math.floor(place / PAGE));
    return this.at(place);
  }

  // The ids of all photos, or of those from one place to before another.
  async ids(from = 0, to = this.count + this.less.length) {
    const likely = from < this.count
      ? await this.fetch('ids', {first: from, count: Math.min(to, this.count) - from}) : [];
    const less = this.less.slice(Math.max(0, from - this.count), Math.max(0, to - this.count));
    return [...likely, ...less.map(({id}) => id)];
  }

  async placeOf(id) {
    for (const [page, tiles] of this.pages) {
      const at = tiles.findIndex(tile => tile.id === id);
      if (at >= 0) return page * PAGE + at;
    }
    const less = this.less.findIndex(tile => tile.id === id);
    return less >= 0 ? this.count + less : await this.fetch('place', {id}).catch(() => null);
  }
}
