"use strict";
// What a page does when it is clicked. Names reach it as text and attributes of elements, and leave it as text alone.

const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

// Tables: a click on a title sorts by the values of cells, or by their text; typing leaves the rows with all the words.
function sortRows(table, header) {
  const column = Array.from(header.parentNode.children).indexOf(header);
  const descending = header.getAttribute("aria-sort") === "ascending" ||
    (!header.hasAttribute("aria-sort") && header.classList.contains("figure"));
  const rising = header.getAttribute("aria-sort") === "descending" ? true : !descending;
  all("th", header.parentNode).forEach((other) => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const value = (row) => row.children[column].dataset.value;
  const compare = (a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === undefined && right === undefined) {
      return (rising ? 1 : -1) * a.children[column].textContent.localeCompare(b.children[column].textContent, undefined, { numeric: true });
    }
    if (left === undefined || right === undefined) return left === undefined ? 1 : -1;  // no figure comes last, either way
    return (rising ? 1 : -1) * (Number(left) - Number(right));
  };
  table.tBodies[0].append(...all("tr", table.tBodies[0]).sort(compare));
}

const hasWords = (element, typed) => {
  const text = element.textContent.toLowerCase();
  return typed.toLowerCase().split(/\s+/).every((word) => text.includes(word));
};

for (const block of all(".table")) {
  const table = block.querySelector("table");
  for (const header of all("thead th", table)) {
    header.firstElementChild.addEventListener("click", () => sortRows(table, header));
  }
  block.querySelector("input")?.addEventListener("input", (event) => {
    for (const row of table.tBodies[0].rows) row.hidden = !hasWords(row, event.target.value);
  });
}

// The search of a site: of what has all the words, the first are shown.
const siteSearch = document.getElementById("site-search"), hits = all("#hits li"), MOST = 20;
siteSearch?.addEventListener("input", () => {
  const words = siteSearch.value.trim(), matching = new Set(words ? hits.filter((hit) => hasWords(hit, words)) : []);
  const first = new Set([...matching].slice(0, MOST));
  for (const hit of hits) hit.hidden = !first.has(hit);
  document.getElementById("hits-shown").textContent = words && `${first.size} of ${matching.size} shown`;
});

// Charts: tabs, and points that are pointed at, touched, or reached by arrow keys.
for (const group of all(".charts")) {
  const tabs = all("[role=tab]", group), panels = all(".panel", group);
  const choose = (chosen) => tabs.forEach((tab, index) => {
    tab.setAttribute("aria-selected", String(index === chosen));
    tab.tabIndex = index === chosen ? 0 : -1;
    panels[index].hidden = index !== chosen;
  });
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => choose(index));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (index + step + tabs.length) % tabs.length;
      choose(next);
      tabs[next].focus();
    });
  });
  if (tabs.length) choose(0);
}

const tip = document.getElementById("tip");
function showTip(point) {
  tip.textContent = point.getAttribute("aria-label");
  tip.hidden = false;
  const box = point.getBoundingClientRect(), own = tip.getBoundingClientRect();
  const left = Math.min(Math.max(box.left + box.width / 2 - own.width / 2, 8), document.documentElement.clientWidth - own.width - 8);
  tip.style.left = `${left}px`;
  tip.style.top = `${box.top - own.height - 6 < 0 ? box.bottom + 6 : box.top - own.height - 6}px`;
}
const hideTip = () => { tip.hidden = true; };

for (const drawing of all(".chart")) {
  const points = all("circle", drawing);
  if (points.length) points[0].tabIndex = 0;
  points.forEach((point, index) => {
    point.addEventListener("pointerenter", () => showTip(point));
    point.addEventListener("pointerleave", hideTip);
    point.addEventListener("focus", () => showTip(point));
    point.addEventListener("blur", hideTip);
    point.addEventListener("click", () => { point.focus(); showTip(point); });
    point.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (event.key === "Escape") hideTip();
      if (!step) return;
      event.preventDefault();
      const next = points[(index + step + points.length) % points.length];
      point.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  });
}
addEventListener("scroll", () => {
  const point = document.activeElement;  // which the browser scrolls to when it is reached by a key
  if (point.matches(".chart circle")) showTip(point); else hideTip();
}, { passive: true });

// Clips: a cell of the confusion matrix opens those behind it.
const clips = all(".clip"), cells = all(".confusion button"), shown = document.getElementById("clips-shown");
const clipFilter = document.getElementById("clip-filter"), allClips = document.getElementById("all-clips");
const FIRST = 12;  // more would push what follows out of sight, on a phone by dozens of screens
let cell = null, everyClip = false;
function showClips() {
  const wanted = clips.filter((clip) => hasWords(clip, clipFilter.value) && (cell
    ? clip.dataset.true === cell.dataset.true && clip.dataset.predicted === cell.dataset.predicted
    : !clip.classList.contains("right")));
  const whole = cell || clipFilter.value || everyClip ? wanted : wanted.slice(0, FIRST);
  for (const clip of clips) clip.hidden = !whole.includes(clip);
  for (const other of cells) other.setAttribute("aria-pressed", String(other === cell));
  allClips.hidden = !cell && whole.length === wanted.length;
  shown.textContent = cell ? `${whole.length} shown of ${cell.getAttribute("aria-label")}` : `${whole.length} of ${wanted.length} shown`;
}
if (clipFilter) {
  for (const one of cells) {
    one.addEventListener("click", () => {
      cell = one === cell ? null : one;
      showClips();
      if (cell) {
        shown.focus({ preventScroll: true });
        shown.scrollIntoView({ block: "start" });
      }
    });
  }
  allClips.addEventListener("click", () => { cell = null; everyClip = true; showClips(); shown.focus({ preventScroll: true }); });
  clipFilter.addEventListener("input", showClips);
  showClips();
}

// Sounds: one plays at a time. Each is in the page once, and the buttons of a clip play the same.
let stop = () => {};
for (const button of all(".play")) {
  const audio = document.getElementById(`${button.dataset.sound}-audio`);
  const picture = button.closest(".player").querySelector(".picture"), cursor = picture.querySelector(".cursor");
  const draw = () => {
    const x = audio.duration ? 128 * audio.currentTime / audio.duration : -1;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    if (button.classList.contains("playing")) requestAnimationFrame(draw);
  };
  const end = () => { button.classList.remove("playing"); audio.pause(); };
  const play = async (from) => {
    stop();
    if (from !== undefined && audio.duration) audio.currentTime = from * audio.duration;
    button.classList.add("playing");
    stop = end;
    try {
      await audio.play();
      button.dataset.played = "yes";
      draw();
    } catch (error) {
      end();
      button.title = `cannot be played: ${error.message}`;
    }
  };
  audio.addEventListener("ended", () => { if (button.classList.contains("playing")) { end(); draw(); } });
  button.addEventListener("click", () => button.classList.contains("playing") ? end() : play());
  button.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 0.1, ArrowLeft: -0.1 }[event.key];
    if (step && audio.duration) { audio.currentTime = Math.max(0, audio.currentTime + step * audio.duration); draw(); }
  });
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    play((event.clientX - box.left) / box.width);
  });
}
