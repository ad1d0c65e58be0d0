// What the site says of its photos: tiles, headings, pages of albums, facets and their values.

const DAY = 864e5; // ms
const MOST = 200; // values of a facet at once; others are found by what they are called
const SHELF = 24;
const PANELS = [['event'], ['year'], ['album'], ['person'], ['country', 'town'], ['camera'], ['lens'], ['tag']];

export class Telling {
  // `words` are in the language of the browser.
  constructor(collection, words) {
    Object.assign(this, {collection, words});
    this.plurals = new Intl.PluralRules(words.locale);
    this.names = new Intl.Collator(words.locale);
  }

  picture(place, size) {
    return `pictures/${size}/${this.collection.ids[place]}.jpg`;
  }

  tile(place) {
    const {ids, titles, firstAlbum, thumbhashes} = this.collection;
    return {
      id: ids[place], title: titles[place], album: firstAlbum[place]?.title,
      src: this.picture(place, 'small'), large: this.picture(place, 'large'), thumbhash: thumbhashes[place],
    };
  }

  async about(place) {
    const {ids, ratios, thumbhashes} = this.collection;
    const told = await this.collection.of(`${this.words.language}/about`, place);
    return {
      ...told, id: ids[place], src: this.picture(place, 'small'), large: this.picture(place, 'large'),
      ratio: ratios[place] / 100, thumbhash: thumbhashes[place], faces: [], lines: [],
    };
  }

  counted(forms, count) {
    const form = forms[this.plurals.select(count)] ?? Object.values(forms).at(-1);
    return form.replace('{count}', count.toLocaleString(this.words.locale));
  }

  heading(query, found) {
    const {collection, words} = this, like = collection.placeOf.get(query.get('similar'));
    if (like === undefined) return this.counted(words.photoCount, found.length);
    return words.similarTo.replace('{title}', collection.titles[like] || words.labels.untitled);
  }

  sorts(query) {
    const {sorts} = this.words, isSearch = query.has('q') || query.has('similar');
    return [['relevance', isSearch ? sorts.best : sorts.relevance], ['newest', sorts.newest], ['oldest', sorts.oldest]];
  }

  // Where another album begins, or another month of photos that are sorted by time.
  sections(query, found) {
    const isByTime = query.has('sort');
    if (!isByTime && (query.has('q') || query.has('similar') || query.has('album'))) return [];
    const {days, firstAlbum} = this.collection;
    const month = new Intl.DateTimeFormat(this.words.locale, {year: 'numeric', month: 'long', timeZone: 'UTC'});
    const sections = [];
    let before;
    found.forEach((place, at) => {
      const day = days[place], date = day === null ? null : new Date(day * DAY);
      const of = isByTime ? date?.toISOString().slice(0, 7) ?? null : firstAlbum[place];
      if (at && of === before) return;
      before = of;
      if (!isByTime) sections.push([at, of?.title ?? '', null]);
      else sections.push(date ? [at, month.format(date), String(date.getUTCFullYear())] : [at, this.words.unknownDate, '?']);
    });
    return sections;
  }

  // Ways into the photos, before anything is looked for.
  start() {
    const {collection, words} = this, {facets, albums} = collection;
    const text = [this.counted(words.photoCount, collection.count), this.counted(words.albumCount, albums.length)];
    const word = key => ([value, places]) => ({
      text: this.label(key, value), note: places.length.toLocaleString(words.locale), query: query(key, value),
    });
    const most = name => [...facets[name]].sort(([, one], [, other]) => other.length - one.length).slice(0, SHELF);
    const shelves = [
      {title: words.albums, items: albums.slice(0, SHELF).map(album => this.albumCard(album))},
      {title: words.people, rows: [{items: most('person').map(word('person'))}]},
      {title: words.places, rows: [{items: most('town').map(word('town'))}]},
    ];
    return {
      library: {text: text.join(' · '), href: location.pathname},
      shelves: shelves.filter(({items, rows}) => (items ?? rows[0].items).length),
    };
  }

  albumCard(album) {
    const places = this.collection.facets.album.get(album.id);
    return {
      text: album.title, note: this.counted(this.words.photoCount, places.length),
      src: this.picture(places[0], 'small'), thumbhash: this.collection.thumbhashes[places[0]],
      query: query('album', album.id),
    };
  }

  // The head of the page of one album, or of one event; a line where only some of its photos are shown.
  album(asked, found) {
    const {collection, words} = this, names = [...asked.keys()].filter(name => name !== 'sort');
    const [id] = asked.getAll('album'), [event] = asked.getAll('event');
    const isAlbum = asked.getAll('album').length === 1, isEvent = !isAlbum && asked.getAll('event').length === 1;
    const album = collection.albumById.get(id);
    if (!found.length || !(isAlbum && album || isEvent)) return null;
    const years = isEvent ? asked.getAll('year') : [];
    const own = isAlbum ? query('album', id) : new URLSearchParams([['event', event], ...years.map(each => ['year', each])]).toString();
    const head = {
      kind: words.names[isAlbum ? 'album' : 'event'], title: isAlbum ? album.title : [event, ...years].join(' '),
      query: own, all: words.all,
    };
    if (names.some(name => !(isAlbum ? ['album'] : ['event', 'year']).includes(name))) return head;
    const albums = isAlbum ? [] : collection.albums.filter(each => each.event === event
      && (!years.length || years.includes(String(each.year))));
    return {
      ...head, cover: this.picture(found[0], 'large'), thumbhash: collection.thumbhashes[found[0]],
      facts: [this.period(found), this.counted(words.photoCount, found.length)].filter(Boolean).join(' · '),
      description: isAlbum ? album.description : '',
      links: isAlbum ? this.linksOf(album) : [],
      people: [], albums: albums.length > 1 ? albums.map(each => this.albumCard(each)) : [],
      peopleTitle: words.people, albumsTitle: words.albums, spots: [],
    };
  }

  linksOf({event, year, title, url}) {
    const links = event && event !== title ? [{text: event, query: query('event', event)}] : [];
    return url ? [...links, {text: this.words.onFlickr, href: url}] : links;
  }

  period(found) {
    const days = found.map(place => this.collection.days[place]).filter(day => day !== null);
    if (!days.length) return '';
    const [first, last] = [days.reduce((one, other) => Math.min(one, other)), days.reduce((one, other) => Math.max(one, other))];
    return new Intl.DateTimeFormat(this.words.locale, {dateStyle: 'long', timeZone: 'UTC'})
      .formatRange(new Date(first * DAY), new Date(last * DAY));
  }

  label(name, value) {
    if (name === 'album') return this.collection.albumById.get(value)?.title ?? value;
    return this.words.values[name]?.[value] ?? value;
  }

  // What photos can be filtered by, for the row of facets.
  facets(asked) {
    const {collection, words} = this, {names} = words;
    const panels = PANELS.map(keys => keys.filter(key => collection.facets[key].size)).filter(keys => keys.length)
      .map(keys => ({
        label: keys.length > 1 ? words.place : names[keys[0]],
        groups: keys.map(key => ({key, facet: key, label: names[key], kind: 'values'})),
      }));
    const days = collection.days.filter(day => day !== null);
    if (days.length) {
      const ends = [Math.min, Math.max].map(end => new Date(days.reduce((one, other) => end(one, other)) * DAY));
      panels.push({
        label: words.date, days: ends.map(each => each.toISOString().slice(0, 10)),
        groups: ['from', 'to'].map(key => ({key, label: names[key], kind: 'day'})),
      });
    }
    const chosen = Object.keys(collection.facets).map(key =>
      [key, Object.fromEntries(asked.getAll(key).map(value => [value, this.label(key, value)]))]);
    return {
      facets: panels, names: Object.fromEntries(chosen), labels: words.filters, words: words.choices,
      language: words.language, locale: words.locale,
    };
  }

  // The values of facets with the number of photos of each, those that are called by what was typed.
  values(asked, facets, typed) {
    const wanted = typed.toLowerCase();
    return Promise.all(facets.map(async name => {
      const chosen = asked.getAll(name), counts = await this.collection.counts(name, asked);
      const values = counts.map(([value, count]) => [value, this.label(name, value), count])
        .filter(([value, label, count]) => (count || chosen.includes(value)) && label.toLowerCase().includes(wanted));
      values.sort(([one, first, many], [other, second, more]) =>
        chosen.includes(other) - chosen.includes(one) || (name === 'year' ? other - one : more - many)
        || this.names.compare(first, second));
      return {values: values.slice(0, MOST), total: values.length};
    }));
  }
}

const query = (name, value) => new URLSearchParams({[name]: value}).toString();
