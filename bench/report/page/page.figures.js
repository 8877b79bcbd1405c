// Figures: values of their marks read one by one, and files to take along.
// Joined with page.js, whose functions it uses; see there.

/** The figure as a file of its own, whatever is dimmed here. */
function standalone(svg) {
  const one = svg.cloneNode(true);
  const [, , width, height] = one.getAttribute("viewBox").split(" ").map(Number);
  for (const each of [one, ...$$("[style]", one)]) {
    each.setAttribute("style", each.getAttribute("style").replace(/;m(ax|in)-width:.*$/, ""));
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
    if (title) read(told.indexOf(title.textContent));
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
