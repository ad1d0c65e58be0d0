// Where each photo of the wall lies: rows of one width, in which nothing is cropped.

import justifiedLayout from '../vendor/justified-layout/index.js';

const SLICE = 500; // photos laid out at once: the library's work grows with their square
const HEADING = 52, GAP = 4; // CSS pixels

// `ratios` are widths in percent of heights; `sections` are [place of the first photo, heading,
// short heading]. Gives arrays by place, in CSS pixels, and where the headings are.
export function layOut(ratios, sections, width, rowHeight) {
  const boxes = {
    count: ratios.length, height: 0, headings: [],
    left: new Float32Array(ratios.length), top: new Float64Array(ratios.length),
    wide: new Float32Array(ratios.length), high: new Float32Array(ratios.length),
  };
  const parts = sections.length ? sections : [[0]];
  parts.forEach(([at, label, short], number) => {
    const end = parts[number + 1]?.[0] ?? ratios.length;
    if (label) {
      boxes.headings.push({at, end, label, short, top: boxes.height});
      boxes.height += HEADING;
    }
    place(boxes, ratios, at, end, width, rowHeight);
    if (label) boxes.headings.at(-1).bottom = boxes.height;
  });
  return boxes;
}

function place(boxes, ratios, at, end, width, rowHeight) {
  while (at < end) {
    const isLast = at + SLICE >= end;
    const laid = justifiedLayout(ratios.slice(at, Math.min(at + SLICE, end)).map(ratio => ratio / 100), {
      containerWidth: width, containerPadding: 0, boxSpacing: GAP, targetRowHeight: rowHeight,
      showWidows: isLast, // else the row goes on in the next slice
    });
    for (const box of laid.boxes) {
      boxes.left[at] = box.left;
      boxes.top[at] = boxes.height + box.top;
      boxes.wide[at] = box.width;
      boxes.high[at] = box.height;
      at++;
    }
    boxes.height += laid.containerHeight + (isLast ? 0 : GAP);
  }
}

// The places of the photos that lie between two heights.
export function between(boxes, top, bottom) {
  let first = firstBelow(boxes, top), last = first;
  while (last < boxes.count && boxes.top[last] < bottom) last++;
  return [first, last];
}

// The first photo whose lower edge is below a height; tops only grow.
function firstBelow(boxes, height) {
  let low = 0, high = boxes.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (boxes.top[middle] + boxes.high[middle] < height) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function headingAt(boxes, place) {
  return boxes.headings.findLast(({at}) => at <= place);
}
