// What pages gain with scripts: a crosshair over charts, narrowing by dragging, rows as links, keys, blocks that come
// later, a pipeline that renews itself, and Live. Everything else is there without them.
"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const go = (set) => {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(set)) value === null ? url.searchParams.delete(name) : url.searchParams.set(name, value);
  location.assign(url);
};

// ===== theme: the server reads the cookie, so that no page flashes =====
document.querySelector("[data-theme-button]")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  const base = new URL(document.querySelector(".brand").href).pathname;
  document.cookie = `theme=${root.dataset.theme}; path=${base}; max-age=31536000; samesite=strict`;
});

// ===== the current page's name is brought into sight on narrow screens =====
function showCurrent() {
  const nav = document.querySelector(".nav");
  const here = nav?.querySelector("[aria-current]");
  if (here) nav.scrollLeft = here.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;
}
showCurrent();
addEventListener("load", showCurrent);

// ===== charts =====
const formats = {
  n: (v) => Math.round(v).toLocaleString("en"),
  pct: (v) => v.toFixed(2) + "\u202f%",
  ms: (v) => (v < 1000 ? Math.round(v) + "\u202fms" : (v / 1000).toFixed(2) + "\u202fs"),
};
const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 16);
let charts = [];
let bucket = -1;

function readCharts() {
  bucket = -1;
  charts = all(".chart").map((figure) => {
    const data = JSON.parse(figure.querySelector("script[type='application/json']")?.textContent || "{}");
    const series = Object.values(data.v || {});
    const plot = figure.querySelector(".plot");
    if (!series.length || !plot || !data.step) return null;
    const inner = plot.querySelector("svg");
    const big = figure.querySelector("[data-big]");
    const when = figure.querySelector("[data-when]");
    return {
      figure, data, plot, count: series[0].length, share: parseFloat(inner.getAttribute("width")) / 100,
      cross: plot.querySelector(".cross"), mark: plot.querySelector(".range-mark"), big, bigRest: big && [...big.childNodes].map((n) => n.cloneNode(true)), when, whenRest: when?.textContent,
      fields: all("[data-v]", figure).filter((n) => data.v[n.dataset.v]).map((node) => ({ node, rest: node.textContent, values: data.v[node.dataset.v] })), rest: all("[data-rest]", figure),
    };
  }).filter(Boolean);
}

function point(i, from) {
  bucket = i;
  for (const c of charts) {
    const off = i < 0 || i >= c.count || (from && c.data.t0 !== from.data.t0);
    c.cross.setAttribute("visibility", off ? "hidden" : "visible");
    for (const r of c.rest) r.hidden = !off;
    if (off) {
      for (const f of c.fields) f.node.textContent = f.rest;
      if (c.big) c.big.replaceChildren(...c.bigRest.map((n) => n.cloneNode(true)));
      if (c.when) c.when.textContent = c.whenRest;
      continue;
    }
    const x = (100 * c.share * (i + 0.5)) / c.count + "%";
    c.cross.setAttribute("x1", x);
    c.cross.setAttribute("x2", x);
    const say = formats[c.data.fmt];
    for (const f of c.fields) f.node.textContent = say(f.values[i]);
    if (c.big?.dataset.big) c.big.textContent = say(c.big.dataset.big.split("+").reduce((sum, k) => sum + (c.data.v[k]?.[i] || 0), 0));
    const t = c.data.t0 + i * c.data.step;
    if (c.when) c.when.textContent = `${clock(t)} – ${clock(t + c.data.step)} UTC`;
  }
}

const placeOf = (c, e) => {
  const box = c.plot.getBoundingClientRect();
  return Math.max(0, Math.min(c.count - 1, Math.floor(((e.clientX - box.left) / box.width / c.share) * c.count)));
};
const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(".000", "");
const narrow = (c, a, b) => {
  const [first, last] = a < b ? [a, b] : [b, a];
  go({ range: null, from: iso(c.data.t0 + first * c.data.step), to: iso(c.data.t0 + (last + 1) * c.data.step), before: null, after: null, block: null });
};
const showMark = (c, a, b) => {
  const [first, last] = a < b ? [a, b] : [b, a];
  const at = (i) => (100 * c.share * i) / c.count;
  c.mark.setAttribute("x", at(first) + "%");
  c.mark.setAttribute("width", at(last + 1) - at(first) + "%");
  c.mark.setAttribute("visibility", "visible");
};

function watchCharts() {
  readCharts();
  for (const c of charts) {
    if (c.figure.dataset.watched) continue;
    c.figure.dataset.watched = "1";
    const now = () => charts.find((o) => o.figure === c.figure);
    let from = -1;
    c.plot.addEventListener("pointerdown", (e) => {
      if (e.button || e.pointerType === "touch") return;
      from = placeOf(c, e);
      c.plot.setPointerCapture(e.pointerId);
    });
    c.plot.addEventListener("pointermove", (e) => {
      const i = placeOf(c, e);
      point(i, now());
      if (from >= 0 && i !== from) showMark(c, from, i);
    });
    c.plot.addEventListener("pointerup", (e) => {
      const to = placeOf(c, e);
      if (from >= 0 && to !== from) narrow(c, from, to);
      from = -1;
      c.mark.setAttribute("visibility", "hidden");
    });
    c.plot.addEventListener("pointerleave", () => point(-1));
    c.figure.addEventListener("blur", () => point(-1));
    let anchor = -1;
    c.figure.addEventListener("keydown", (e) => {
      if (e.altKey || e.ctrlKey || e.metaKey) return;
      if (e.key === "Enter" && anchor >= 0) return narrow(c, anchor, bucket);
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[e.key];
      if (step === undefined) return;
      e.preventDefault();
      const start = bucket < 0 ? c.count - 1 : bucket;
      anchor = e.shiftKey ? (anchor < 0 ? start : anchor) : -1;
      point(Math.max(0, Math.min(c.count - 1, start + step)), now());
      if (anchor >= 0) showMark(c, anchor, bucket);
      else c.mark.setAttribute("visibility", "hidden");
      tell(`${clock(c.data.t0 + bucket * c.data.step)}: ` + now().fields.map((f) => f.node.parentElement.textContent).join(", "));
    });
  }
}
function tell(text) {
  const node = document.querySelector("[data-say]");
  if (node) node.textContent = text;
}
watchCharts();

// ===== blocks that were not ready =====
async function fetchBlock(node) {
  try {
    const answer = await fetch(node.dataset.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok) throw new Error(answer.statusText);
    const place = node.closest("section.sec") || node.parentElement;
    place.replaceChildren(...page.body.childNodes);
    watchCharts();
  } catch {
    node.querySelector("h3").textContent = "It did not come. ";
    const link = document.createElement("a");
    link.href = node.dataset.href.replace(/([?&])block=[^&]*/, "$1wait=30s");
    link.textContent = "Load the page with it";
    node.querySelector("h3").append(link);
  }
}
for (const node of all("[data-block]")) fetchBlock(node);

// ===== pages that look again =====
const retry = document.querySelector("[data-retry]");
if (retry) setTimeout(() => location.reload(), 1000 * retry.dataset.retry);

async function renew() {
  const old = document.querySelector("[data-refresh]");
  if (!old || old.dataset.refresh === "0") return;
  const again = () => setTimeout(renew, 1000 * (document.querySelector("[data-refresh]")?.dataset.refresh || 5));
  if (document.hidden || getSelection().toString()) return again();
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.href, { headers: { Accept: "text/html" } })).text(), "text/html");
    const fresh = page.querySelector("[data-refresh]");
    if (fresh) {
      const links = (of) => all("a, button", of);
      const at = links(old).indexOf(document.activeElement);
      old.replaceWith(fresh);
      if (at >= 0) links(fresh)[at]?.focus({ preventScroll: true });
      const nav = page.querySelector(".nav");
      if (nav && !document.querySelector(".nav").contains(document.activeElement)) document.querySelector(".nav").replaceWith(nav);
      const stored = page.querySelector("[data-stored]");
      if (stored) document.querySelector("[data-stored]")?.replaceWith(stored);
    }
  } catch { /* the next look tells */ }
  again();
}
const refreshing = document.querySelector("[data-refresh]");
if (refreshing && refreshing.dataset.refresh !== "0") setTimeout(renew, 1000 * refreshing.dataset.refresh);

// ===== how many requests came since a page of Logs was loaded =====
const newer = document.querySelector("[data-newer]");
if (newer) {
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(newer.dataset.href, { headers: { Accept: "text/html" } });
        if (answer.ok) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const text = page.body.textContent.trim();
          if (text !== newer.textContent.trim() && !newer.contains(document.activeElement)) {
            newer.replaceChildren(...page.body.childNodes);
            tell(text);
          }
        }
      } catch { /* the next time tells */ }
    }
    setTimeout(look, 1000 * newer.dataset.newer);
  };
  setTimeout(look, 1000 * newer.dataset.newer);
}

// ===== rows, forms, copying =====
const wide = matchMedia("(min-width: 75.01rem)");
document.addEventListener("click", (e) => {
  const copied = e.target.closest("[data-copy], [data-copy-text]");
  if (copied && navigator.clipboard && !e.ctrlKey && !e.metaKey) {
    e.preventDefault();
    navigator.clipboard.writeText(copied.dataset.copyText || copied.href).then(() => {
      const text = copied.textContent;
      copied.textContent = "Copied";
      setTimeout(() => { copied.textContent = text; }, 1500);
    });
    return;
  }
  const link = e.target.closest("a[data-alone]");
  if (link && !wide.matches) link.href = link.dataset.alone;
  const row = e.target.closest("tr.link");
  if (row && !e.target.closest("a, button, input, select, label") && !getSelection().toString()) row.querySelector("a")?.click();
});
document.querySelector(".bar")?.addEventListener("change", (e) => {
  if (!e.target.matches("select")) return;
  const form = e.currentTarget;
  if (e.target.name === "range" && e.target.value !== "fixed") for (const n of all("input[name=from], input[name=to]", form)) n.disabled = true;
  for (const s of all("select", form)) if (s.value === "") s.disabled = true;
  form.requestSubmit();
});
document.querySelector(".fields form")?.addEventListener("submit", (e) => {
  const form = e.currentTarget;
  if (form.elements.range && form.elements.range.value !== "fixed") for (const n of all("input[name=from], input[name=to]", form)) n.disabled = true;
  for (const n of all("input[name], select", form)) if (n.value === "") n.disabled = true;
});
addEventListener("pageshow", () => { for (const n of all("form [disabled]")) n.disabled = false; });

// ===== keys: / searches, j and k walk, Enter opens, Escape closes =====
const rows = () => all(".records tbody tr");
document.addEventListener("keydown", (e) => {
  if (document.body.dataset.keys === "off" || e.altKey || e.ctrlKey || e.metaKey || e.target.closest("input, select, textarea")) return;
  if (e.key === "/") {
    const field = all("[role=search] input:not([type=hidden]):not([type=checkbox])").find((n) => n.offsetParent);
    if (field) { e.preventDefault(); field.focus(); }
  } else if (e.key === "Escape") {
    document.querySelector("[data-close]")?.click();
  } else if (e.key === "j" || e.key === "k") {
    const list = rows();
    let now = list.findIndex((r) => r.contains(document.activeElement));
    if (now < 0) now = list.findIndex((r) => r.classList.contains("chosen"));
    const next = list[now < 0 ? 0 : now + (e.key === "j" ? 1 : -1)];
    if (!next) return;
    for (const r of list) r.classList.toggle("chosen", r === next);
    next.querySelector("a")?.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
});
if (sessionStorage.getItem("console-row")) {
  const at = sessionStorage.getItem("console-row");
  sessionStorage.removeItem("console-row");
  if (!document.querySelector("[data-close]")) all("a[data-alone]").find((a) => a.dataset.alone === at)?.focus();
}
for (const a of all("[data-close]")) a.addEventListener("click", () => {
  const open = document.querySelector(".records tr.chosen a[data-alone]");
  if (open) sessionStorage.setItem("console-row", open.dataset.alone);
});

// ===== Live =====
const live = document.querySelector("[data-live]");
if (live && window.EventSource) {
  const body = live.tBodies[0];
  const state = document.querySelector("[data-live-state]");
  const holdButton = document.querySelector("[data-live-hold]");
  const clearButton = document.querySelector("[data-live-clear]");
  const keep = 500;
  let held = [], holding = false, missed = 0, sinceSaid = 0;
  holdButton.hidden = clearButton.hidden = false;
  const put = (list) => {
    body.prepend(...list);
    while (body.rows.length > keep) body.deleteRow(-1);
    document.querySelector("[data-live-none]")?.remove();
  };
  const say = () => {
    state.textContent = holding ? `Held. ${missed.toLocaleString("en")} newer requests` : "Following: new requests appear at the top.";
    holdButton.textContent = holding ? "Go on" : "Hold";
  };
  const hold = (on) => {
    if (holding === on) return;
    holding = on;
    if (!on) { put(held); held = []; missed = 0; scrollTo({ top: 0 }); }
    say();
  };
  const source = new EventSource(live.dataset.live);
  source.onopen = say;
  source.onerror = () => { state.textContent = source.readyState === 2 ? "Live ended: load the page again." : "Connecting again…"; };
  source.addEventListener("rows", (e) => {
    const [head, ...lines] = e.data.split("\n");
    const [shown, matching] = head.split(" ").map(Number);
    const box = document.createElement("template");
    box.innerHTML = `<table><tbody>${lines.join("")}</tbody></table>`;
    const list = [...box.content.querySelectorAll("tr")];
    sinceSaid += matching;
    if (holding) {
      held.unshift(...list);
      held.length = Math.min(held.length, keep);
      missed += matching;
      say();
    } else put(list);
    if (matching > shown) state.textContent += ` Showing ${shown} of ${matching.toLocaleString("en")} a second.`;
  });
  setInterval(() => { if (sinceSaid) tell(`${sinceSaid} new requests`); sinceSaid = 0; }, 10000);
  addEventListener("scroll", () => { if (scrollY > 120) hold(true); }, { passive: true });
  document.addEventListener("selectionchange", () => { if (getSelection().toString()) hold(true); });
  document.addEventListener("keydown", (e) => {
    if (e.key === " " && document.body.dataset.keys !== "off" && !e.target.closest("input, select, textarea, button, a")) { e.preventDefault(); hold(!holding); }
  });
  holdButton.addEventListener("click", () => hold(!holding));
  clearButton.addEventListener("click", () => { body.replaceChildren(); held = []; missed = 0; hold(false); });
}

// ===== a clock that is off =====
const ahead = (Date.now() - Number(document.body.dataset.now)) / 60000;
const shown = performance.getEntriesByType("navigation")[0];
if (Math.abs(ahead) > 1 && shown?.type === "navigate") {
  const strip = document.createElement("div");
  strip.className = "strip";
  strip.setAttribute("role", "status");
  strip.innerHTML = "<p></p>";
  strip.firstChild.textContent = `This computer’s clock is ${Math.abs(Math.round(ahead))} min ${ahead > 0 ? "ahead of" : "behind"} the server’s.`;
  document.querySelector("main").before(strip);
}
