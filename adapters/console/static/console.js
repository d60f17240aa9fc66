// What the console does beyond its pages: it stays live, and it listens to keys. Everything works without it.
"use strict";

const EVERY = 5000;
const said = document.getElementById("said");
const live = document.getElementById("live");

// -- live regions ----------------------------------------------------------------------------------------------------

const tags = new Map();

async function refresh(region) {
  const name = region.dataset.live;
  const headers = { "X-Fragment": name };
  if (tags.has(name)) headers["If-None-Match"] = tags.get(name);
  const answer = await fetch(location.href, { headers, credentials: "same-origin", redirect: "error" });
  if (answer.status === 304) return;
  if (answer.status === 401) throw new Error("You are signed out: load the page again.");
  if (!answer.ok) throw new Error("The page cannot be read at the moment.");
  tags.set(name, answer.headers.get("ETag"));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
  const before = region.querySelector("[data-says]")?.textContent;
  children(region, fresh);
  counted();
  const after = region.querySelector("[data-says]")?.textContent;
  if (after && after !== before) said.textContent = after;
}

let timer;

async function turn() {
  clearTimeout(timer);
  const regions = [...document.querySelectorAll("[data-live]")].filter((one) => !one.querySelector("[data-over]"));
  if (document.visibilityState === "visible" && regions.length) {
    try {
      for (const region of regions) await refresh(region);
      note("live");
    } catch (trouble) {
      note(trouble instanceof TypeError ? "tallyd does not answer; trying again." : trouble.message, true);
    }
  }
  clearTimeout(timer);
  timer = setTimeout(turn, EVERY);
}

// Whoever comes back to a page sees at once how things stand.
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && turn());

function note(text, bad = false) {
  live.hidden = false;
  live.classList.toggle("late", bad);
  if (live.textContent === text) return;
  live.textContent = text;
  if (bad) said.textContent = text;
}

// The tree is changed where it differs, so that focus, ticks, words half written and what is open stay.
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh.cloneNode(true));
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return undefined;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
  }
  return children(old, fresh);
}

// What the person at the page has changed is theirs.
function kept(node, name) {
  if (node.nodeName === "DETAILS") return name === "open";
  if (node.nodeName === "BUTTON") return name === "disabled"; // its form is on its way
  return node.nodeName === "INPUT" && name === "value" && node.type !== "hidden";
}

// What a node is known by among its siblings, wherever it stands.
function key(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return undefined;
  const named = node.nodeName === "SECTION" && node.getAttribute("aria-labelledby");
  return node.dataset.key || node.id || named || undefined;
}

// Blank text stands wherever a parser left it, and decides nothing about what is beside it.
function blank(node) {
  return node.nodeType === Node.TEXT_NODE && !node.data.trim();
}

function children(old, fresh) {
  const known = new Map([...old.childNodes].filter(key).map((node) => [key(node), node]));
  const wanted = new Set([...fresh.childNodes].map(key).filter(Boolean));
  const over = (node) => key(node) && !wanted.has(key(node));
  let at = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    while (at && (over(at) || (blank(at) && !blank(next)))) at = without(at);
    const beside = at && !key(at) && blank(at) === blank(next) ? at : undefined;
    const same = key(next) ? known.get(key(next)) : beside;
    if (!same) {
      const added = old.insertBefore(next.cloneNode(true), at);
      if (next.dataset?.key) added.classList.add("changed");
    } else {
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      morph(same, next);
    }
  }
  while (at) at = without(at);
}

function without(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

// -- ticking ---------------------------------------------------------------------------------------------------------

function ticks() {
  return [...document.querySelectorAll('input[name="id"][form="bulk"]')];
}

function counted() {
  const label = document.querySelector("[data-ticked]");
  if (!label) return;
  const all = ticks();
  const ticked = all.filter((one) => one.checked).length;
  label.textContent = ticked ? `Ticked (${ticked})` : "Ticked";
  const every = document.querySelector("[data-all]");
  if (every) {
    every.checked = ticked > 0 && ticked === all.length;
    every.indeterminate = ticked > 0 && ticked < all.length;
  }
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-all]")) for (const one of ticks()) one.checked = target.checked;
  if (target.matches("[data-deed]")) fitting(target);
  counted();
});

function fitting(select) {
  for (const field of select.form.querySelectorAll("[data-for]")) field.hidden = field.dataset.for !== select.value;
}

// A form is sent once: a second press waits for the first.
document.addEventListener("submit", ({ target }) => {
  setTimeout(() => {
    for (const button of target.querySelectorAll("button")) button.disabled = true;
  });
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});

// -- theme -----------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-choice]");
  if (!choice) return;
  event.preventDefault();
  const theme = choice.dataset.themeChoice;
  document.documentElement.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `tallyd_theme=${theme}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
  for (const one of document.querySelectorAll("[data-theme-choice]")) one.removeAttribute("aria-current");
  choice.setAttribute("aria-current", "true");
});

// -- keys ------------------------------------------------------------------------------------------------------------

let going = -Infinity; // when g was pressed

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const writing = event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea");
  if (event.key === "Escape" && writing) return writing.blur();
  if (writing) return;
  const act = event.timeStamp - going < 1500 ? goes(event.key) : KEYS[event.key];
  going = -Infinity;
  if (act && act(event) !== false) event.preventDefault();
});

function goes(letter) {
  const link = document.querySelector(`.menu a[data-keys="g ${CSS.escape(letter)}"]`);
  return link && (() => link.click());
}

const KEYS = {
  g: (event) => void (going = event.timeStamp),
  "/": () => document.getElementById("search").focus(),
  "?": () => document.querySelector('.menu a[data-keys="?"]').click(),
  j: () => step(1),
  k: () => step(-1),
  n: () => press('.pager a[rel="next"]'),
  p: () => press('.pager a[rel="prev"]'),
  x: () => here()?.querySelector("input[type=checkbox]")?.click() ?? false,
};

function press(selector) {
  return document.querySelector(selector)?.click() ?? false;
}

function here() {
  return document.activeElement?.closest("table[data-rows] tbody tr");
}

function step(by) {
  const links = [...document.querySelectorAll("table[data-rows] tbody tr a.open")];
  const at = links.indexOf(here()?.querySelector("a.open"));
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
  if (!next) return false;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

for (const select of document.querySelectorAll("[data-deed]")) fitting(select);
counted();
timer = setTimeout(turn, EVERY);
