// What the report's page can do beyond being read. Without this script all of it is still there to
// read; whatever needs the script is put there by the script. Texts are only ever set as text.
// html.py puts the page.*.js before this one and all of them into one function.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const made = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const root = document.documentElement;
const said = $("#said");
const WIDE = "(min-width: 72rem)"; // as page.css has it
const names = new Map(); // a method's number → its name
root.classList.add("live");

/** A style sheet whose rules change: one rule reaches a thousand rows at once. */
function rules() {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return (text) => sheet.replaceSync(text);
}

let silence;
function say(text, toTheEye = true) {
  said.textContent = text;
  said.classList.toggle("unseen", !toTheEye);
  clearTimeout(silence);
  silence = setTimeout(() => { said.textContent = ""; }, 4000);
}

/** Make a row of buttons one tab stop, at first ``start``; arrow keys move within it. */
function roving(buttons, start = 0) {
  const stop = (chosen) => buttons.forEach((each) => { each.tabIndex = each === chosen ? 0 : -1; });
  for (const button of buttons) {
    button.addEventListener("focus", () => stop(button));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const seen = buttons.filter((each) => each.checkVisibility());
      const next = step && seen[seen.indexOf(button) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  }
  stop(buttons[start]);
}

// ---- taking things along -------------------------------------------------------------------

function save(content, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say(`Saved ${name}.`);
}

function copiedByHand(text) {
  const area = document.createElement("textarea");
  const before = document.activeElement;
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}

/** To the clipboard; a page opened from a disk may be denied it, and then gets a file. */
async function copy(text, what, name, type) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copiedByHand(text)) return save(text, name, type);
  }
  say(`Copied ${what}.`);
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

// ---- methods: a click on one dims the others -----------------------------------------------

const picked = new Set();
const paint = rules();

function showPicked() {
  const chosen = [...picked];
  const others = chosen.map((n) => `:not([data-method="${n}"])`).join("");
  const rows = chosen.map((n) => `tr[data-method="${n}"] > *`).join(", ");
  paint(picked.size ? `
    @media screen { figure svg [data-method]${others} { opacity: .12; } }
    ${rows} { background-color: var(--picked) !important; }` : "");
  for (const button of $$("button[data-pick]")) {
    const pressed = String(picked.has(button.dataset.pick));
    if (button.getAttribute("aria-pressed") !== pressed) {
      button.setAttribute("aria-pressed", pressed);
    }
  }
  const all = $(".all");
  all.disabled = !picked.size;
  $(".picked").textContent = picked.size ? ` (${picked.size} highlighted)` : "";
  const told = chosen.map((n) => encodeURIComponent(names.get(n))).join(",");
  if (told || location.hash.startsWith("#methods=")) {
    history.replaceState(null, "", told ? `#methods=${told}` : "#");
  }
}

function pick(number) {
  if (!picked.delete(number)) picked.add(number);
  showPicked();
  const told = [...picked].map((n) => names.get(n)).join(", ");
  say(told ? `Highlighted: ${told}.` : "No method is highlighted.", false);
}

function pickNone() {
  if (!picked.size) return;
  picked.clear();
  showPicked();
  say("No method is highlighted.", false);
}

/** Names of methods in tables become buttons; tabbing is left to the legend. */
function nameButton(span) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "method";
  button.dataset.pick = span.dataset.pick;
  button.setAttribute("aria-pressed", "false");
  button.tabIndex = -1;
  button.append(...span.childNodes);
  span.replaceWith(button);
}

function addLegend() {
  const legend = made("legend");
  const buttons = $$("button[data-pick]", legend);
  if (!buttons.length) return;
  for (const button of buttons) names.set(button.dataset.pick, button.textContent);
  // what the pointer rests on in a figure is called by its name, unless it states a value
  for (const own of $$("figure svg [data-method]:not(:has(> title))")) {
    const title = document.createElementNS(own.namespaceURI, "title");
    title.textContent = names.get(own.dataset.method) ?? "";
    own.prepend(title);
  }
  const find = $(".find", legend);
  find.hidden = buttons.length <= 8;
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const button of buttons) {
      button.parentElement.hidden = !button.textContent.toLowerCase().includes(wanted);
    }
  });
  $(".all", legend).addEventListener("click", pickNone);
  $(".side").append(legend);
  $$("span.method[data-pick]").forEach(nameButton);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-pick]");
    if (button) pick(button.dataset.pick);
  });
  if (location.hash.startsWith("#methods=")) {
    const wanted = new Set(location.hash.slice(9).split(",").map((name) => {
      try { return decodeURIComponent(name); } catch { return ""; }
    }));
    for (const [number, name] of names) if (wanted.has(name)) picked.add(number);
    showPicked();
  }
}

// ---- the page ------------------------------------------------------------------------------

function addTheme() {
  const button = made("theme");
  const themes = ["auto", "light", "dark"];
  let now = 0;
  const show = () => {
    root.dataset.theme = themes[now];
    button.textContent = `Colours: ${themes[now]}`;
  };
  button.addEventListener("click", () => { now = (now + 1) % 3; show(); });
  show();
  $(".side").append(button);
}

/** Beside the page contents and legend stay open; above it, on a phone, they fold away. */
function fold() {
  const wide = matchMedia(WIDE);
  const folds = $$(".fold");
  const apply = () => folds.forEach((each) => { each.open = wide.matches; });
  wide.addEventListener("change", apply);
  apply();
  document.addEventListener("click", (event) => {
    for (const each of wide.matches ? [] : folds) {
      if (!each.contains(event.target) || event.target.closest("a")) each.open = false;
    }
  });
}

function markPlace() {
  const links = new Map($$("nav a").map((a) => [a.hash.slice(1), a]));
  const seen = new Set();
  const watch = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting) seen.add(target); else seen.delete(target);
    }
    const sections = [...links.keys()].map((id) => document.getElementById(id));
    const here = sections.filter((section) => seen.has(section)).pop();
    for (const [id, link] of links) {
      if (here?.id === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const id of links.keys()) watch.observe(document.getElementById(id));
}

function printOpen() {
  let opened = [];
  let whole = () => {};
  addEventListener("beforeprint", () => {
    opened = $$("main details:not([open]):not(.log):not(.menu)");
    for (const each of opened) each.open = true;
    whole = inStrips();
  });
  addEventListener("afterprint", () => {
    whole();
    for (const each of opened) each.open = false;
  });
}

$$(".table").forEach(addTools);
$$("figure").forEach(savable);
// a box that all of its table fits into need not be reached
$$(".scroll").forEach((box) => {
  if (box.checkVisibility() && box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight) {
    box.removeAttribute("tabindex");
  }
});
$$(".command").forEach((box) => {
  const button = made("take");
  const text = $("pre", box).textContent;
  button.addEventListener("click", () => copy(text, "the command", "command.txt", "text/plain"));
  box.append(button);
});
addLegend();
addTheme();
fold();
markPlace();
printOpen();
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = closeMenus() ?? $(".side details:focus-within[open]");
  const folds = !matchMedia(WIDE).matches || menu?.matches(".menu");
  if (menu && folds) {
    menu.open = false;
    $("summary", menu).focus();
  } else if (!event.target.matches("input[type=search]") || !event.target.value) pickNone();
});
