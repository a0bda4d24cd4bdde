"use strict";
// The chooser of images and the legend of the curves. The image shown is kept in the address (#image=3), so that a link
// to the page keeps the view.
(() => {
  const $ = (id) => document.getElementById(id);

  const plots = $("curves");
  if (plots) {
    let held = null;
    const lift = (place) => {
      plots.classList.toggle("lifted", place !== null);
      for (const curve of plots.querySelectorAll(".curve")) curve.classList.toggle("on", curve.dataset.variant === place);
    };
    const keys = plots.querySelectorAll(".key");
    for (const key of keys) {
      const own = key.dataset.variant;
      key.addEventListener("mouseenter", () => lift(own));
      key.addEventListener("mouseleave", () => lift(held));
      key.addEventListener("click", () => {
        held = held === own ? null : own;
        for (const other of keys) other.setAttribute("aria-pressed", other.dataset.variant === held);
        lift(held);
      });
    }
  }

  const views = $("views");
  if (!views) return;
  const shown = Array.from(views.children), frames = Array.from($("film").children), filter = $("category");
  let now = 0;

  const fitting = () => frames.flatMap((frame, place) => (frame.hidden ? [] : [place]));

  function show(place, told = true) {
    now = place;
    shown.forEach((view, i) => { view.hidden = i !== place; });
    frames.forEach((frame, i) => {
      if (i === place) frame.setAttribute("aria-current", "true");
      else frame.removeAttribute("aria-current");
    });
    const all = fitting(), strip = $("film"), frame = frames[place];
    strip.scrollLeft = frame.offsetLeft - strip.offsetLeft - (strip.clientWidth - frame.offsetWidth) / 2;
    $("place").textContent = `${all.indexOf(place) + 1} of ${all.length}`;
    $("before").disabled = all[0] === place;
    $("after").disabled = all[all.length - 1] === place;
    if (!told) return;
    try {
      history.replaceState(null, "", `#image=${place + 1}`);
    } catch { /* some browsers keep a file's address as it is */ }
  }

  function step(by) {
    const all = fitting(), next = all[all.indexOf(now) + by];
    if (next !== undefined) show(next);
  }

  function choose() {
    for (const frame of frames) frame.hidden = Boolean(filter?.value) && frame.dataset.category !== filter.value;
    const all = fitting();
    show(all.includes(now) ? now : all[0]);
  }

  function fromAddress() {
    const given = Number(new URLSearchParams(location.hash.slice(1)).get("image")) - 1;
    if (!(given in shown)) return false;
    if (filter && frames[given].hidden) {
      filter.value = "";
      choose();
    }
    show(given);
    return true;
  }

  for (const view of shown) { // pictures and maps of an image are of one shape, but not of one size
    const photo = view.querySelector("img");
    const fit = () => { if (photo.naturalHeight) view.style.setProperty("--a", photo.naturalWidth / photo.naturalHeight); };
    photo.addEventListener("load", fit);
    fit();
  }
  frames.forEach((frame, place) => frame.addEventListener("click", () => show(place)));
  $("before").addEventListener("click", () => step(-1));
  $("after").addEventListener("click", () => step(1));
  filter?.addEventListener("change", choose);
  for (const [id, name] of [["over", "over"], ["outline", "outlined"]]) {
    const box = $(id);
    if (!box) continue;
    const set = () => views.classList.toggle(name, box.checked);
    box.addEventListener("change", set);
    set();
  }
  $("chooser").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", fromAddress);
  addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // these have a use of their own for the arrow keys
    if (event.target.closest?.("select, input[type=radio], .wide")) return;
    event.preventDefault();
    step(by);
  });
  for (const element of document.querySelectorAll(".needs-script")) element.hidden = false;
  if (!fromAddress()) show(0, false);
})();
