// What a page can do beside what the server wrote: count down, keep itself up to date, and be used by keys.
// Without it everything is there all the same, but for that. It asks nobody but the board that it came from.

const minus = "\u2212";
const body = document.body;
document.documentElement.classList.add("has-script");

// --- time ---------------------------------------------------------------------------------------------------------

// The server's clock, not this machine's: a browser whose clock is wrong must not show another time left.
let ahead = Number(body.dataset.now) - Date.now();
const units = [["d", 86400000], ["h", 3600000], ["m", 60000], ["s", 1000]];

function span(ms) {
  let left = Math.abs(ms);
  const parts = [];
  for (const [name, size] of units) {
    const number = Math.floor(left / size);
    left -= number * size;
    if (number || parts.length || name === "s") parts.push(body.dataset["unit" + name.toUpperCase()].replace("{n}", number));
    if (parts.length === 2) break;
  }
  return (ms < 0 ? minus : "") + parts.join(" ");
}

function urgency(ms) {
  return ms < 0 ? "over" : ms < 4 * 3600000 ? "now" : ms < 86400000 ? "today" : "later";
}

function tick() {
  const now = Date.now() + ahead;
  for (const time of document.querySelectorAll("time[data-due]")) {
    const left = Number(time.dataset.due) - now;
    const text = span(left);
    if (time.textContent !== text) time.textContent = text;
    const row = time.closest("tr, .headline");
    if (row && !row.classList.contains("over") && !row.classList.contains(urgency(left))) {
      row.classList.remove("now", "today", "later");
      row.classList.add(urgency(left));
    }
  }
  for (const bar of document.querySelectorAll("rect[data-from]")) {
    const from = Number(bar.dataset.from), to = Number(bar.dataset.to);
    bar.setAttribute("width", Math.round(1000 * Math.min(1, Math.max(0, (now - from) / (to - from)))));
  }
}

setInterval(tick, 1000);

// --- live ---------------------------------------------------------------------------------------------------------

// The page asks for itself again and takes over what differs, piece by piece, so that focus, scroll and what is being
// chosen stay where they are. Pieces are known by data-key.
function take(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return old;
  }
  if (old.isEqualNode(fresh) || (old === document.activeElement && /^(SELECT|INPUT)$/.test(old.nodeName))) return old;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  takeChildren(old, fresh);
  return old;
}

const keyOf = (node) => (node.dataset && node.dataset.key) || "";

function takeChildren(old, fresh) {
  const wanted = [...fresh.childNodes];
  const keys = new Set(wanted.map(keyOf));
  const known = new Map();
  const plain = [];
  for (const child of [...old.childNodes]) {
    if (!keyOf(child)) plain.push(child);
    else if (keys.has(keyOf(child))) known.set(keyOf(child), child);
    else child.remove();
  }
  let last = null;
  for (const one of wanted) {
    const there = keyOf(one) ? known.get(keyOf(one)) : plain.shift();
    let node = one;
    if (there) {
      const state = there.dataset && there.dataset.state;
      node = take(there, one);
      if (state && node.dataset.state !== state) node.classList.add("is-new");
    } else if (keyOf(one)) {
      node.classList.add("is-new");
    }
    const next = last ? last.nextSibling : old.firstChild;
    if (next !== node) old.insertBefore(node, next);
    last = node;
  }
  while (last ? last.nextSibling : old.firstChild) (last ? last.nextSibling : old.firstChild).remove();
}

let asking = null;
let again = false;

async function refresh() {
  if (document.hidden) {
    again = true;
    return undefined;
  }
  if (asking) {
    again = true;
    return asking;
  }
  asking = (async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok || answer.redirected) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    ahead = Number(page.body.dataset.now) - Date.now();
    document.title = page.title;
    const focused = document.activeElement;
    takeChildren(document.querySelector("main"), page.querySelector("main"));
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    tick();
    waitForStory();
  })().catch(() => say(false)).finally(() => {
    asking = null;
    if (again) {
      again = false;
      refresh();
    }
  });
  return asking;
}

// What changed while nobody looked is asked for once, when somebody does.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && again) {
    again = false;
    refresh();
  }
});

function say(isLive) {
  const place = document.querySelector("[data-live-state]");
  if (!place) return;
  place.hidden = false;
  place.classList.toggle("lost", !isLive);
  const words = isLive ? body.dataset.wordsLive : body.dataset.wordsLost;
  if (place.textContent !== words) place.textContent = words;
}

if (body.dataset.live) {
  const source = new EventSource(body.dataset.live);
  let wasLost = false;
  source.addEventListener("hello", () => {
    say(true);
    if (wasLost) refresh();
    wasLost = false;
  });
  source.addEventListener("changed", refresh);
  source.addEventListener("error", () => {
    wasLost = true;
    say(false);
  });
  addEventListener("pagehide", () => source.close());
}

// --- a story that is being read --------------------------------------------------------------------------------------

let storyTimer = 0;

function waitForStory() {
  clearTimeout(storyTimer);
  if (document.querySelector("[data-again]")) storyTimer = setTimeout(refresh, 700);
}

waitForStory();

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-story]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  link.setAttribute("aria-busy", "true");
  refresh();
});
addEventListener("popstate", refresh);

// --- choices ---------------------------------------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form && event.target.matches("select")) {
    for (const field of form.querySelectorAll("select")) if (!field.value && form.method === "get") field.disabled = true;
    form.requestSubmit();
  }
});

// The first visit: times in the browser's own zone, if it is one of ours.
if (!/(^|; )zone=/.test(document.cookie)) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const choice = [...document.querySelectorAll("select[name=zone] option")].find((one) => one.textContent === own);
  if (choice && !choice.selected) {
    document.cookie = `zone=${own}; max-age=31536000; path=/; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
    choice.selected = true;
    refresh();
  }
}

// --- keys ------------------------------------------------------------------------------------------------------------

let wentG = 0;
const places = { q: "/", d: "/day", a: "/accounts" };

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey) return;
  const field = event.target.closest("input, select, textarea");
  if (field) {
    if (event.key === "Escape") field.blur();
    return;
  }
  if (event.key === "/") {
    const search = document.querySelector("[data-keys='/']");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  } else if (event.key === "g") {
    wentG = Date.now();
  } else if (places[event.key] && Date.now() - wentG < 1500) {
    location.href = places[event.key];
  } else if (event.key === "j" || event.key === "k") {
    const links = [...document.querySelectorAll("[data-row]")];
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? (event.key === "j" ? 0 : links.length - 1) : at + (event.key === "j" ? 1 : -1)];
    if (next) {
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    }
  }
});
