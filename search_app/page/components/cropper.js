// A picture on which a rectangle can be drawn, and what can be done with the part inside.

const STEP = 2; // percent, by which a key moves an edge
const SMALLEST = 8; // CSS pixels: less is a click that slipped
const between = (low, value, high) => Math.min(Math.max(value, low), high);

class Cropper {
  constructor(root) {
    this.root = root;
    root.innerHTML = `
      <figure>
        <div class="stage" tabindex="0" role="group" data-takes-arrows>
          <img draggable="false">
          <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"></svg>
          <div class="clip"><div class="part" hidden></div></div>
        </div>
        <div class="actions">
          <button type="button" class="search" disabled></button>
          <button type="button" class="copy" disabled></button>
        </div>
        <p role="status"></p>
      </figure>`;
    for (const name of ['stage', 'part', 'search', 'copy']) {
      this[name] = root.querySelector(`.${name}`);
    }
    this.picture = root.querySelector('img');
    this.lines = root.querySelector('svg');
    this.status = root.querySelector('[role="status"]');
    this.stage.addEventListener('pointerdown', event => this.begin(event));
    this.stage.addEventListener('pointermove', event => this.draw(event));
    for (const name of ['pointerup', 'pointercancel']) {
      this.stage.addEventListener(name, () => this.end());
    }
    this.stage.addEventListener('keydown', event => this.onKey(event));
    this.search.addEventListener('click', () => this.trigger('search', this.edges()));
    this.copy.addEventListener('click', () => this.copyPart());
  }

  show(data, trigger) {
    this.trigger = trigger;
    const isOther = this.data?.id !== data.id;
    this.data = data;
    this.picture.alt = data.alt;
    this.stage.setAttribute('aria-label', data.labels.how);
    this.search.textContent = data.labels.search;
    this.copy.textContent = data.labels.copy;
    this.lines.replaceChildren(...data.lines.map(outline));
    if (isOther) {
      this.picture.src = data.src;
      this.status.textContent = '';
      this.choose(null);
    }
  }

  // {left, top, right, bottom} in percent of the picture, or null
  choose(part) {
    this.chosen = part;
    this.part.hidden = this.search.disabled = this.copy.disabled = !part;
    if (!part) return;
    Object.assign(this.part.style, {
      left: `${part.left}%`, top: `${part.top}%`,
      width: `${part.right - part.left}%`, height: `${part.bottom - part.top}%`,
    });
  }

  edges() {
    const {left, top, right, bottom} = this.chosen;
    return [left, top, right, bottom].map(edge => Number(edge.toFixed(2)));
  }

  at(event) {
    const box = this.picture.getBoundingClientRect();
    return {
      x: between(0, (event.clientX - box.left) / box.width * 100, 100),
      y: between(0, (event.clientY - box.top) / box.height * 100, 100),
    };
  }

  begin(event) {
    if (event.button) return;
    this.start = this.at(event);
    this.stage.setPointerCapture(event.pointerId);
    this.choose(null);
  }

  draw(event) {
    if (!this.start) return;
    const {x, y} = this.at(event);
    this.choose({
      left: Math.min(x, this.start.x), top: Math.min(y, this.start.y),
      right: Math.max(x, this.start.x), bottom: Math.max(y, this.start.y),
    });
  }

  end() {
    this.start = null;
    if (!this.chosen) return;
    const box = this.part.getBoundingClientRect();
    if (box.width < SMALLEST || box.height < SMALLEST) this.choose(null);
  }

  onKey(event) {
    if (!this.chosen && (event.key === 'Enter' || event.key === ' ')) {
      this.choose({left: 25, top: 25, right: 75, bottom: 75});
    } else if (this.chosen && (event.key === 'Delete' || event.key === 'Backspace')) {
      this.choose(null);
    } else if (this.chosen && event.key.startsWith('Arrow')) {
      this.move(event.key, event.shiftKey);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Arrows move the part; with Shift they move its right and lower edge.
  move(key, isResizing) {
    const dx = {ArrowLeft: -STEP, ArrowRight: STEP}[key] ?? 0;
    const dy = {ArrowUp: -STEP, ArrowDown: STEP}[key] ?? 0;
    let {left, top, right, bottom} = this.chosen;
    if (isResizing) {
      right = between(left + STEP, right + dx, 100);
      bottom = between(top + STEP, bottom + dy, 100);
    } else {
      const x = between(-left, dx, 100 - right), y = between(-top, dy, 100 - bottom);
      [left, right, top, bottom] = [left + x, right + x, top + y, bottom + y];
    }
    this.choose({left, top, right, bottom});
  }

  async copyPart() {
    const address = `${this.data.part}&part=${this.edges().join(',')}`;
    const png = fetch(address).then(answer => {
      if (!answer.ok) throw new Error(answer.statusText);
      return answer.blob();
    });
    try {
      await navigator.clipboard.write([new ClipboardItem({'image/png': png})]);
      this.status.textContent = this.data.labels.copied;
    } catch {
      this.status.textContent = this.data.labels.notCopied;
    }
  }
}

// Around a line of text; corners in percent of the picture
function outline({corners, isFound}) {
  const polygon = document.createElementNS('http://www.w3.org/2000/svg', 'polygon');
  polygon.setAttribute('points', corners.join(' '));
  polygon.classList.toggle('found', isFound);
  return polygon;
}

const croppers = new WeakMap();

// Streamlit calls this at every run of the page; the rectangle stays as it was.
export default function({parentElement, data, setTriggerValue}) {
  let cropper = croppers.get(parentElement);
  if (!cropper) {
    const root = document.createElement('div');
    parentElement.appendChild(root);
    cropper = new Cropper(root);
    croppers.set(parentElement, cropper);
  }
  cropper.show(data, setTriggerValue);
}
