// Where the photo in the viewer was taken: a map that stands still, and leads to the map of all.

import {button, element} from './elements.js';
import {addTowns, begin, mapStyle} from './map_style.js';

const COUNTRY = 5, STREETS = 13; // zoom, by what the map is drawn with

let map; // one, for whichever photo is looked at
const canvas = element('div', 'wall-still-canvas');

export async function drawStill(wall, holder, [latitude, longitude]) {
  const {data: {mapStyle: style}, labels} = wall, center = [longitude, latitude];
  const lead = button('', '', () => wall.showMap(center), labels.map.open);
  lead.title = labels.map.open;
  holder.append(canvas, lead);
  try {
    map ??= await begin({
      container: canvas, style: style ?? await mapStyle(true), locale: labels.map.texts, interactive: false,
      attributionControl: {compact: true}, center, zoom: style ? STREETS : COUNTRY,
    });
  } catch {
    return holder.remove(); // the place is told in words, too
  }
  if (!style) addTowns(map, wall.address('towns.json'));
  map.jumpTo({center});
}
