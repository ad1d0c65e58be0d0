// What a photo looks like from far away, until its picture is there.

import {thumbHashToDataURL} from '../vendor/thumbhash/thumbhash.js';

// Behind the picture that is in an element, where the photo's blurred colours are known.
export function blur(element, {thumbhash}) {
  if (!thumbhash) return;
  const bytes = Uint8Array.from(atob(thumbhash), letter => letter.charCodeAt(0));
  element.style.background = `url("${thumbHashToDataURL(bytes)}") center / 100% 100%`;
}
