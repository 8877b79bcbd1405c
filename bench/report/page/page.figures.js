// Figures: values of their marks read one by one, and files to take along.
// Joined with page.js, whose functions it uses; see there.

/** The figure as a file of its own, whatever is dimmed here. */
function standalone(svg) {
  const one = svg.cloneNode(true);
  const [, , width, height] = one.getAttribute("viewBox").split(" ").map(Number);
  for (const each of [one, ...$$("[style]", one)]) {
    each.setAttribute("style", each.getAttribute("style").replace(/;--wide:.*$/, ""));
  }
  const title = document.createElementNS(one.namespaceURI, "title");
  title.textContent = one.getAttribute("aria-label");
  const sheet = document.createElementNS(one.namespaceURI, "rect");
  sheet.setAttribute("width", "100%");
  sheet.setAttribute("height", "100%");
  sheet.setAttribute("fill", "#ffffff");
  one.prepend(title, sheet);
  one.setAttribute("width", `${width}pt`);
  one.setAttribute("height", `${height}pt`);
  return { text: new XMLSerializer().serializeToString(one), width, height };
}

async function asPng(picture) {
  const image = new Image();
  const scale = (96 / 72) * 2;
  let [width, height] = [picture.naturalWidth, picture.naturalHeight];
  if (width) {
    image.src = picture.src;
  } else {
    const alone = standalone(picture);
    [width, height] = [Math.round(alone.width * scale), Math.round(alone.height * scale)];
    image.src = `data:image/svg+xml,${encodeURIComponent(alone.text)}`;
  }
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(image, 0, 0, width, height);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}

/** Values that the marks of a figure state, one by one: by keys, and by touch. */
function readable(figure, button) {
  const marks = new Map($$("svg title", figure).map((title) => [title.textContent, title.parentElement]));
  const told = [...marks.keys()];
  if (!told.length) return button.remove();
  let now = -1;
  const read = (place) => {
    marks.get(told[now])?.classList.remove("read");
    now = (place + told.length) % told.length;
    marks.get(told[now]).classList.add("read");
    say(told[now]);
  };
  button.setAttribute("aria-label", `Read the values of ${figure.dataset.name}`);
  button.addEventListener("click", () => read(now + 1));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    read(now < 0 ? 0 : now + step);
  });
  button.addEventListener("blur", () => marks.get(told[now])?.classList.remove("read"));
  $("svg", figure).addEventListener("click", (event) => {
    const title = $(":scope > title", event.target.closest("[data-method]") ?? button);
    // the title of a mark without a value is only a name
    const place = told.indexOf(title?.textContent);
    if (place >= 0) read(place);
  });
}

function savable(figure) {
  const buttons = made("save");
  const picture = $("svg, img", figure);
  const name = figure.dataset.name;
  readable(figure, $(".values", buttons));
  if (picture.localName === "img") $('[data-as="svg"]', buttons).remove();
  for (const button of $$("[data-as]", buttons)) {
    const form = button.dataset.as;
    button.setAttribute("aria-label", `Save ${name} as ${form.toUpperCase()}`);
    button.addEventListener("click", async () => {
      if (form === "png") save(await asPng(picture), `${name}.png`, "image/png");
      else save(standalone(picture).text, `${name}.svg`, "image/svg+xml");
    });
  }
  roving([...buttons.children]);
  figure.append(buttons);
}

// ---- on paper: a figure taller than a page becomes strips ------------------------------------

const SHEET = 0.63; // height of a figure ÷ its width, on a landscape page beside its caption

const EDGE = 1.5; // units of a figure that may be cut off on each side

/** Heights at which a figure is cut into strips of ``most`` or less: in the widest gaps, the lowest
 * of equal ones, so that headings stay with their panels. None where there are too few gaps. */
function cuts(svg, most) {
  const box = svg.getBoundingClientRect();
  const { height } = svg.viewBox.baseVal;
  const down = (y) => ((y - box.top) / box.height) * height;
  // what is taller belongs to several rows, as axes drawn in one path do; cells of a map touch
  const spans = $$("text, image, use, path", svg)
    .map((each) => each.getBoundingClientRect())
    .filter((each) => each.height)
    .map((each) => [down(each.top) + EDGE, down(each.bottom) - EDGE])
    .filter(([top, bottom]) => bottom - top < most / 2)
    .sort(([a], [b]) => a - b);
  const gaps = [];
  let reached = 0;
  for (const [top, bottom] of spans) {
    if (top > reached) gaps.push([(top + reached) / 2, Math.round(top - reached)]);
    reached = Math.max(reached, bottom);
  }
  const found = [0];
  while (height - found.at(-1) > most) {
    const start = found.at(-1);
    const within = gaps.filter(([y]) => y > start + most / 4 && y <= start + most);
    if (!within.length) return [];
    const widest = Math.max(...within.map(([, size]) => size));
    found.push(within.findLast(([, size]) => size === widest)[0]);
  }
  return [...found, height];
}

/** Cut figures that are too tall; return a function that makes them whole again. */
function inStrips() {
  const undo = [];
  for (const svg of $$("figure svg")) {
    const { width, height } = svg.viewBox.baseVal;
    const ends = svg.checkVisibility() && height > SHEET * width ? cuts(svg, SHEET * width) : [];
    if (ends.length < 3) continue;
    const whole = svg.getAttribute("viewBox");
    const parts = [svg, ...ends.slice(2).map(() => svg.cloneNode(true))];
    svg.after(...parts.slice(1));
    parts.forEach((part, i) => {
      part.classList.add("strip");
      part.setAttribute("viewBox", `0 ${ends[i]} ${width} ${ends[i + 1] - ends[i]}`);
    });
    undo.push(() => {
      svg.classList.remove("strip");
      svg.setAttribute("viewBox", whole);
      parts.slice(1).forEach((part) => part.remove());
    });
  }
  return () => undo.forEach((each) => each());
}
