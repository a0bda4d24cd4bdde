"use strict";
// The report's slider, filters and order. What is shown is kept in the address (#t=0.7&verdict=defect), so that a
// link to the page keeps the view.
(() => {
  const $ = (id) => document.getElementById(id);
  const list = $("cards");
  if (!list) return;
  const data = JSON.parse(document.body.dataset.report);
  const slider = $("t"), form = $("filters"), orderBox = $("order"), search = $("q");
  const selects = { phrase: $("phrase"), product: $("product") };
  const cut = document.querySelector("#cut-live feFuncA");
  const number = new Intl.NumberFormat("en");
  const start = { t: null, verdict: "", phrase: "", product: "", q: "", order: "score" };
  const inRun = { defect: $("count-defect").textContent, ok: $("count-ok").textContent };
  const startValue = slider.value, startWords = $("t-now").textContent;
  let state = { ...start }, sorted = "score", waiting = 0, speaking = 0, first = true;

  const cards = Array.from(list.children, (item, place) => ({
    item, place, badge: item.querySelector(".badge"), was: item.querySelector(".was"),
    score: Number(item.dataset.s), ran: item.dataset.v, verdict: item.dataset.v,
    own: Number(item.dataset.t ?? data.threshold ?? 0.5), phrases: item.dataset.f.split(" "), product: item.dataset.g,
    name: item.querySelector("h3").textContent, key: item.querySelector("h3").textContent.toLowerCase(),
  }));

  // scores and masks are float32: compared as the run compares them
  const judged = (card) => (state.t === null ? card.ran : card.score >= Math.fround(state.t) ? "defect" : "ok");

  function fits(card) {
    return (!state.verdict || card.verdict === state.verdict) && (!state.phrase || card.phrases.includes(state.phrase)) &&
      (!state.product || card.product === state.product) && (!state.q || card.key.includes(state.q.toLowerCase()));
  }

  function sort() {
    if (state.order === sorted && state.order !== "near") return;
    sorted = state.order;
    const far = (card) => Math.abs(card.score - (state.t ?? card.own));
    const by = {
      score: (a, b) => a.place - b.place,
      near: (a, b) => far(a) - far(b) || a.place - b.place,
      name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || a.place - b.place,
    }[sorted];
    list.append(...[...cards].sort(by).map((card) => card.item));
  }

  function judge() {
    for (const card of cards) {
      const verdict = judged(card);
      if (verdict !== card.verdict) {
        card.item.classList.replace(card.verdict, verdict);
        card.badge.textContent = card.verdict = verdict;
        card.was.hidden = verdict === card.ran;
      }
    }
  }

  // as thumbnails are drawn: grey 20 to 200 for scores to 1, up to 255 above; less 2, as JPEG blunts peaks
  const grey = (t) => Math.max(10, 20 + 180 * Math.min(t, 1) + 55 * (1 - 1 / Math.max(t, 1)) - 2);

  function moveThreshold() {
    const moved = state.t !== null, t = moved ? state.t : data.threshold;
    list.classList.toggle("moved", moved);
    if (moved) cut.setAttribute("intercept", (0.5 - (Number(cut.getAttribute("slope")) * grey(t)) / 255).toFixed(4));
    const place = t === null ? 100 : Math.min(100, (100 * t) / data.most), line = $("threshold-line");
    line.setAttribute("x1", place);
    line.setAttribute("x2", place);
    line.style.display = t === null ? "none" : "";
    $("over-box").setAttribute("x", place);
    slider.value = moved ? t : startValue;
    $("t-now").textContent = moved ? t.toFixed(2) : startWords;
    slider.setAttribute("aria-valuetext", $("t-now").textContent);
    $("as-run").disabled = !moved;
    $("apply").hidden = !moved;
    $("t-apply").textContent = moved ? t.toFixed(2) : "";
    let above = 0, all = 0;
    for (const [hundredth, images] of Object.entries(data.bins)) {
      all += images;
      if (moved && Number(hundredth) >= Math.round(100 * t)) above += images;
    }
    $("count-defect").textContent = moved ? number.format(above) : inRun.defect;
    $("count-ok").textContent = moved ? number.format(all - above) : inRun.ok;
  }

  function filter() {
    const seen = { defect: 0, ok: 0 };
    for (const card of cards) {
      const fit = fits(card);
      card.item.hidden = !fit;
      if (fit) seen[card.verdict] += 1;
    }
    const shown = seen.defect + seen.ok;
    $("none").hidden = shown > 0;
    const words = `${number.format(shown)} of ${number.format(cards.length)} images shown: ` +
      `${number.format(seen.defect)} defect, ${number.format(seen.ok)} ok`;
    clearTimeout(speaking); // a screen reader hears where the slider stops, not each step
    speaking = setTimeout(() => { $("shown").textContent = words; }, first ? 0 : 200);
    first = false;
  }

  function show() {
    moveThreshold();
    judge();
    sort();
    filter();
  }

  function later() {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(show);
  }

  function chosen(select, value) {
    return Array.from(select?.options ?? []).find((option) => option.value && option.text === value)?.value ?? "";
  }

  function fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1)), t = Number.parseFloat(given.get("t"));
    state = { ...start };
    if (t > 0) state.t = Math.min(data.most, Math.max(0.01, Math.round(100 * t) / 100));
    if (["defect", "ok"].includes(given.get("verdict"))) state.verdict = given.get("verdict");
    if (["near", "name"].includes(given.get("order"))) state.order = given.get("order");
    state.q = given.get("q") ?? "";
    for (const key of Object.keys(selects)) {
      state[key] = chosen(selects[key], given.get(key));
      if (selects[key]) selects[key].value = state[key];
    }
    search.value = state.q;
    orderBox.value = state.order;
    form.elements.verdict.value = state.verdict;
  }

  function toAddress() {
    const told = new URLSearchParams();
    for (const key of ["t", "verdict", "q", "order"]) {
      if (state[key] !== start[key]) told.set(key, key === "t" ? state.t.toFixed(2) : state[key]);
    }
    for (const [key, select] of Object.entries(selects)) if (state[key]) told.set(key, select.selectedOptions[0].text);
    try {
      history.replaceState(null, "", `#${told}`);
    } catch { /* some browsers keep a file's address as it is */ }
  }

  function changed() {
    state.verdict = form.elements.verdict.value;
    state.q = search.value.trim();
    state.order = orderBox.value;
    for (const [key, select] of Object.entries(selects)) state[key] = select?.value ?? "";
    later();
  }

  form.addEventListener("input", changed);
  form.addEventListener("change", toAddress);
  search.addEventListener("input", toAddress);
  slider.addEventListener("input", () => { state.t = Number(slider.value); later(); });
  slider.addEventListener("change", toAddress);
  $("as-run").addEventListener("click", () => { state.t = null; slider.focus(); later(); toAddress(); });
  for (const box of [form, $("threshold")]) box.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => {
    if (location.hash.length > 1 && !location.hash.includes("=")) return; // a place on the page
    fromAddress();
    later();
  });
  for (const element of document.querySelectorAll(".needs-script")) element.hidden = false;
  fromAddress();
  show();
})();
