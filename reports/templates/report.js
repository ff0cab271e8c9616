// Everything below adds to a page that can be read without it.
const checks = [...document.querySelectorAll("details.check")], search = document.querySelector("input[type=search]");
const keys = document.getElementById("keys"), picks = [...document.querySelectorAll("button[data-verdict], button[data-criterion]")];
const said = new Map(), chosen = { verdict: new Set(), criterion: new Set() };
const wordsOf = one => said.get(one) ?? said.set(one, one.textContent.toLowerCase()).get(one);

// Filters: by verdict and criterion (any of those picked), and by words (all of them).
function narrow() {
  const words = (search?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of checks) one.hidden = Object.entries(chosen).some(([by, names]) => names.size && !names.has(one.dataset[by]))
    || !words.every(word => wordsOf(one).includes(word));
  for (const part of document.querySelectorAll("section")) part.hidden = !part.querySelector("details.check:not([hidden])");
  const left = checks.filter(one => !one.hidden).length;
  document.getElementById("narrowed").textContent = left < checks.length ? `${left} of ${checks.length} checks shown` : "";
}
function showAll() {
  if (search) search.value = "";
  Object.values(chosen).forEach(names => names.clear());
  for (const button of picks) button.setAttribute("aria-pressed", false);
  if (checks.length) narrow();
}
search?.addEventListener("input", narrow);
for (const button of picks) button.addEventListener("click", () => {
  const by = button.dataset.verdict ? "verdict" : "criterion", name = button.dataset[by];
  chosen[by].has(name) ? chosen[by].delete(name) : chosen[by].add(name);
  button.setAttribute("aria-pressed", chosen[by].has(name)); narrow();
});

// A link to a check opens it, and shows it again when a filter hid it. Of a check with cases the first is meant.
function follow() {
  const name = decodeURIComponent(location.hash.slice(1));
  if (!name) return;
  const one = document.getElementById(name) ?? checks.find(check => check.id.startsWith(name + "["));
  if (!one?.matches("details.check")) return;
  if (one.hidden) showAll();
  one.open = true; one.scrollIntoView(); one.querySelector("summary").focus({ preventScroll: true });
}
addEventListener("hashchange", follow); follow();

// What is printed is what a reader has to act on, opened.
let before = [];
addEventListener("beforeprint", () => { before = checks.filter(one => one.open); for (const one of checks) one.open ||= !["pass", "not-applicable"].includes(one.dataset.verdict); });
addEventListener("afterprint", () => { for (const one of checks) one.open = before.includes(one); });

const openAll = document.getElementById("open");
openAll?.addEventListener("click", () => {
  const open = openAll.getAttribute("aria-pressed") !== "true";
  openAll.setAttribute("aria-pressed", open);
  for (const one of checks) if (!one.hidden) one.open = open;
});
function turn() {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
}
document.getElementById("theme").addEventListener("click", turn);
document.getElementById("help").addEventListener("click", () => keys.showModal());
for (const button of document.querySelectorAll(".command button")) button.addEventListener("click", () => {
  const text = button.previousElementSibling.textContent;
  (navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject()).then(() => { button.textContent = "copied"; },
    () => { getSelection().selectAllChildren(button.previousElementSibling); });
});

// Keys: the list stands in the dialog. The arrows move only between checks; elsewhere they scroll.
function step(by, wanted = () => true) {
  const shown = checks.filter(one => !one.hidden && wanted(one));
  const here = document.activeElement.closest?.("details.check");
  const after = checks.indexOf(here);
  const next = by > 0 ? shown.find(one => checks.indexOf(one) > after) : shown.findLast(one => here && checks.indexOf(one) < after);
  const summary = (next ?? here ?? shown[0])?.querySelector("summary");
  summary?.focus(); summary?.scrollIntoView({ block: "nearest" });
}
const does = {
  "/": () => { search?.focus(); search?.select(); }, "?": () => keys.showModal(), j: () => step(1), k: () => step(-1),
  n: () => step(1, one => !["pass", "not-applicable"].includes(one.dataset.verdict)), o: () => openAll?.click(), t: turn,
};
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
  if (event.key === "Escape") { showAll(); search?.blur(); return; }
  const arrow = document.activeElement.matches("details.check > summary") && { ArrowDown: "j", ArrowUp: "k" }[event.key];
  if (document.activeElement === search ? event.key === "Enter" : false) { step(1); event.preventDefault(); return; }
  if (document.activeElement.matches("input, textarea")) return;
  const act = does[arrow || event.key];
  if (act) { act(); event.preventDefault(); }
});
