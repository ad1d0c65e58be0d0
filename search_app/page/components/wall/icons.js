// What buttons do, drawn as strokes on a square of 24.

const STROKES = {
  favourite: 'M12 20S4 14.5 4 9a4 4 0 0 1 8-1 4 4 0 0 1 8 1c0 5.5-8 11-8 11z',
  similar: 'M10 17a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM15.5 15.5 21 21',
  crop: 'M6 2v16h16M2 6h16v16',
  play: 'M7 4l12 8-12 8z',
  download: 'M12 4v11m-5-4 5 5 5-5M5 20h14',
  info: 'M12 11v6m0-10v.5M12 2a10 10 0 1 1 0 20 10 10 0 0 1 0-20z',
  all: 'M3 3h18v18H3zM7.5 12l3 3 6-6.5',
  table: 'M3 4h18v16H3zM3 10h18M3 15h18M9 4v16',
  links: 'M10 14a4 4 0 0 0 6 0l4-4a4 4 0 0 0-6-6l-1.5 1.5M14 10a4 4 0 0 0-6 0l-4 4a4 4 0 0 0 6 6l1.5-1.5',
  tag: 'M3 3h9l9 9-9 9-9-9zM8 8v.01',
  hide: 'M4 4l16 16M9.5 5.5A10 10 0 0 1 22 12a14 14 0 0 1-3 4M6 7.5A13 13 0 0 0 2 12a11 11 0 0 0 14 6M10 10a3 3 0 0 0 4 4',
  show: 'M2 12a11 11 0 0 1 20 0 11 11 0 0 1-20 0zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z',
  save: 'M6 3h12v18l-6-5-6 5z',
  close: 'M5 5l14 14M19 5 5 19',
  grid: 'M3 4h9v7H3zM16 4h5v7h-5zM3 15h5v5H3zM12 15h9v5h-9z',
  map: 'M12 21s-7-6.5-7-11.5a7 7 0 0 1 14 0C19 14.5 12 21 12 21zM12 7a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z',
  small: 'M3 3h18v18H3zM9 3v18M15 3v18M3 9h18M3 15h18',
  medium: 'M3 3h18v18H3zM12 3v18M3 12h18',
  large: 'M3 3h18v18H3z',
};

// For whoever draws the square.
export const strokes = name => STROKES[name];

export function icon(name) {
  const drawn = document.createElement('template');
  drawn.innerHTML = '<svg class="wall-icon" viewBox="0 0 24 24" aria-hidden="true">'
    + `<path class="wall-stroke" d="${STROKES[name]}"/></svg>`;
  return drawn.content.firstChild;
}
