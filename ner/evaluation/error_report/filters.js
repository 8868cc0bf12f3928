// Filters the list of errors. The address holds the filters, so that a view can be shared.
"use strict";
(() => {
  const form = document.getElementById("filters");
  if (!form) return;
  const list = document.getElementById("list");
  const count = document.getElementById("count");
  const items = Array.from(list.children, (element, place) => ({
    element,
    place,
    number: Number(element.dataset.number),
    class: element.dataset.class,
    types: JSON.parse(element.dataset.types),
    confusion: element.dataset.confusion,
    score: element.dataset.score === "" ? null : Number(element.dataset.score),
    text: element.textContent.toLowerCase(),
  }));
  const fields = Array.from(form.querySelectorAll("[name]"), (field) => field.name);
  let order = "";

  const fits = (item, wanted) =>
    (!wanted.class || item.class === wanted.class) &&
    (!wanted.type || item.types.includes(wanted.type)) &&
    (!wanted.confusion || item.confusion === wanted.confusion) &&
    (!Number(wanted.score) || (item.score !== null && item.score >= Number(wanted.score))) &&
    (!wanted.text || item.text.includes(wanted.text.toLowerCase()));

  const values = () => {
    const wanted = {};
    for (const name of fields) wanted[name] = form.elements[name].value;
    return wanted;
  };

  const show = () => {
    const wanted = values();
    let shown = 0;
    for (const item of items) {
      item.element.hidden = !fits(item, wanted);
      shown += !item.element.hidden;
    }
    if ((wanted.sort || "") !== order) {
      order = wanted.sort || "";
      const key = order === "place" ? "number" : "place";
      items.sort((one, other) => one[key] - other[key]);
      // Outside of the page, moving thousands of elements costs little.
      const { parentElement, nextSibling } = list;
      list.remove();
      list.append(...items.map((item) => item.element));
      parentElement.insertBefore(list, nextSibling);
    }
    count.textContent = `${shown} of ${items.length} errors`;
  };

  const write = () => {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(values())) if (value) parameters.set(name, value);
    // An address without a hash would have to be loaded again.
    history.replaceState(null, "", `#${parameters}`);
    show();
  };

  const read = () => {
    const hash = location.hash.slice(1);
    // A hash without a value is the name of a section.
    if (hash && !hash.includes("=")) return;
    const parameters = new URLSearchParams(hash);
    for (const name of fields) {
      const field = form.elements[name];
      field.value = parameters.get(name) ?? "";
      // A list that lacks the value would be blank.
      if (field.selectedIndex === -1) field.value = "";
    }
    show();
    if (hash) document.getElementById("errors").scrollIntoView();
  };

  form.addEventListener("input", write);
  form.addEventListener("reset", () => setTimeout(write));
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", read);
  form.hidden = false;
  read();
  show();
})();
