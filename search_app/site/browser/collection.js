// The photos of the site, and what is found among them: what a server would know.

const WORD = /[\p{L}\p{N}]/u;
// Of scripts that put no spaces between words, any part of a text is looked for.
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/u;
const TEXT = 1, TAG = 3, TITLE = 4; // how much it tells that words are found there

const folded = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

export class Collection {
  // `base` is where the files lie, `told` are the columns of photos.json.
  constructor(base, told) {
    Object.assign(this, told, {base, count: told.ids.length, files: new Map()});
    this.ids = told.ids.map(String);
    this.placeOf = new Map(this.ids.map((id, place) => [id, place]));
    this.albumById = new Map(this.albums.map(album => [album.id, album]));
    this.facets = Object.fromEntries(Object.entries(told.facets).map(([name, {values, places}]) =>
      [name, new Map(values.map((value, at) => [value, absolute(places[at])]))]));
    // Events and years are of the albums.
    for (const name of ['event', 'year']) this.facets[name] = this.ofAlbums(name);
    this.firstAlbum = [];
    for (const [id, places] of this.facets.album) {
      for (const place of places) this.firstAlbum[place] ??= this.albumById.get(id);
    }
  }

  ofAlbums(name) {
    const places = new Map();
    for (const album of this.albums) {
      if (album[name] === null) continue;
      const value = String(album[name]), those = places.get(value) ?? new Set();
      this.facets.album.get(album.id).forEach(place => those.add(place));
      places.set(value, those);
    }
    return new Map([...places].map(([value, those]) => [value, [...those].sort((one, other) => one - other)]));
  }

  // A file of the site, asked for once.
  file(name) {
    if (!this.files.has(name)) {
      const asked = fetch(new URL(name, this.base)).then(answer => {
        if (!answer.ok) throw new Error(answer.statusText);
        return answer.json();
      });
      asked.catch(() => this.files.delete(name));
      this.files.set(name, asked);
    }
    return this.files.get(name);
  }

  // What a file of each so many photos tells of one of them.
  async of(folder, place) {
    const told = await this.file(`${folder}/${Math.floor(place / this.chunk)}.json`);
    return told[place % this.chunk];
  }

  // Which photos pass the filters of a query, all but those of a facet: a number for each, 1 or 0.
  mask(query, but) {
    const mask = new Uint8Array(this.count).fill(1);
    const keep = places => {
      const kept = new Uint8Array(this.count);
      for (const place of places) kept[place] = mask[place];
      mask.set(kept);
    };
    for (const [name, places] of Object.entries(this.facets)) {
      const wanted = query.getAll(name), of = value => places.get(value) ?? [];
      if (!wanted.length || (name === but && name !== 'person')) continue;
      if (name === 'person') wanted.forEach(value => keep(of(value))); // all of them on one photo
      else keep(wanted.flatMap(of));
    }
    const [from, to] = ['from', 'to'].map(name => query.get(name) && Date.parse(query.get(name)) / 864e5);
    if (from || to) keep([...this.days.keys()].filter(place => {
      const day = this.days[place];
      return day !== null && (!from || day >= from) && (!to || day <= to);
    }));
    return mask;
  }

  // The places of the photos that a query finds, in their order.
  async find(query) {
    const mask = this.mask(query), passes = place => mask[place];
    const like = this.placeOf.get(query.get('similar')), words = folded(query.get('q') ?? '').match(/\S+/gu);
    let found;
    if (like !== undefined) found = (await this.of('similar', like)).filter(passes);
    else if (words) found = (await this.withWords(words)).filter(passes);
    else found = [...Array(this.count).keys()].filter(passes);
    const sort = query.get('sort'), sign = {newest: -1, oldest: 1}[sort];
    const day = place => this.days[place] ?? Infinity * sign;
    return sign ? found.sort((one, other) => Math.sign(sign * (day(one) - day(other))) || one - other) : found;
  }

  // Those in which all words are found, where that tells most first.
  async withWords(words) {
    this.searched ??= this.file('texts.json').then(texts => this.foldedTexts(texts));
    this.searched.catch(() => delete this.searched);
    const searched = await this.searched;
    const scored = [];
    for (let place = 0; place < this.count; place++) {
      let score = 0;
      for (const word of words) {
        const found = searched.reduce((sum, [weight, texts]) => sum + (has(texts[place], word) ? weight : 0), 0);
        if (!found) { score = 0; break; }
        score += found;
      }
      if (score) scored.push([place, score]);
    }
    return scored.sort(([one, first], [other, second]) => second - first || one - other).map(([place]) => place);
  }

  foldedTexts(texts) {
    const tags = Array.from(this.titles, () => []);
    for (const name of ['tag', 'person', 'album']) {
      for (const [value, places] of this.facets[name]) {
        const text = name === 'album' ? this.albumById.get(value).title : value;
        for (const place of places) tags[place].push(text);
      }
    }
    return [[TITLE, this.titles.map(folded)], [TAG, tags.map(each => folded(each.join('\n')))],
      [TEXT, texts.map(folded)]];
  }

  // How many of the photos found have each value of a facet: [value, count], most first.
  async counts(name, query) {
    const others = new URLSearchParams(query);
    if (name !== 'person') others.delete(name);
    const found = new Uint8Array(this.count);
    for (const place of await this.find(others)) found[place] = 1;
    return [...this.facets[name]].map(([value, places]) =>
      [value, places.reduce((sum, place) => sum + found[place], 0)]);
  }
}

function absolute(distances) {
  let place = 0;
  return distances.map(distance => place += distance);
}

function has(text, word) {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!at || UNSPACED.test(word) || !WORD.test(text[at - 1])) return true;
  }
  return false;
}
