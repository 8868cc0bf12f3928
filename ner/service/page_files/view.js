// What is shown. Texts and labels of others become text nodes and attributes, never HTML.

// Control characters and marks that change the direction of writing, as in ner/display.py.
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]|\p{Cs}/gu;

const escape = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Return a label or an excerpt whose unsafe characters are escapes. */
export const visible = (text) => String(text).replace(UNSAFE, escape);

/** Return an excerpt that fits on a line. */
export function short(text, most = 40) {
  const characters = [...visible(text).replace(/\s+/g, " ")];
  return characters.length <= most ? characters.join("") : `${characters.slice(0, most - 1).join("")}…`;
}

/** Return a probability in percent, as people read it. */
export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share < 1 && share > 0.999) return "> 99.9 %";
  return `${(100 * share).toFixed(share < 0.1 || share > 0.99 ? 1 : 0).replace(/\.0$/, "")} %`;
}

/** Return a new element with its own text, attributes and children. */
export function element(name, { text, hue, share, ...attributes } = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (hue !== undefined) made.style.setProperty("--hue", hue);
  if (share !== undefined) made.style.setProperty("--share", share);
  made.append(...children);
  return made;
}

// How a mark is said by screen readers, after its score.
const SAID = { required: ", kept by you", changed: ", changed" };

/**
 * Show the text with its entities as marks that can be focused.
 *
 * Entities below the lowest score are only underlined. A mark has the attributes `data-at`, its place
 * in the list, and `data-start`.
 */
export function showEntities(box, { text, entities, least, hue, kindOf }) {
  fill(box, text, entities, (span, shown, i) => {
    if (span.score < least) return element("span", { text: shown, class: "faint" });
    const kind = kindOf(span);
    const label = visible(span.label);
    return element("mark", {
      text: shown,
      hue: hue(span.label),
      share: span.score,
      role: "button",
      tabindex: 0,
      class: kind,
      "aria-haspopup": "dialog",
      "aria-label": `${visible(shown)}: ${label}, ${percent(span.score)}${SAID[kind] ?? ""}`,
      "data-at": i,
      "data-start": span.start,
      "data-label": label,
    });
  });
}

/** Show the text with the label of each token below it. */
export function showTokenLabels(box, { text, labels, hue }) {
  fill(box, text, labels, (span, shown) => {
    const label = visible(span.label);
    const below = element("rt", { text: label, hue: hue(span.label), share: span.score });
    return element("ruby", { text: shown, title: `${label} ${percent(span.score)}` }, [below]);
  });
}

/** Show the text with a shade behind each token, relative to the largest weight. */
export function showAttention(box, { text, attention }) {
  const most = Math.max(...attention.map(({ weight }) => weight), Number.MIN_VALUE);
  fill(box, text, attention, ({ weight }, shown) => {
    return element("i", { text: shown, share: weight / most, title: percent(weight) });
  });
}

function fill(box, text, spans, make) {
  const pieces = [];
  let end = 0;
  spans.forEach((span, i) => {
    if (span.start < end) return;
    pieces.push(text.slice(end, span.start), make(span, text.slice(span.start, span.end), i));
    end = span.end;
  });
  box.replaceChildren(...pieces, text.slice(end));
}

/** Show the probabilities of classes as bars, the largest first. */
export function showClasses(list, { labels, probabilities, hue }) {
  const sorted = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const items = sorted.map(([label, share]) => {
    const name = element("span", { text: visible(label), class: "class" });
    const bar = element("span", { class: "bar", share, hue: hue(label) });
    const chosen = labels.includes(label) ? { "aria-current": "true" } : {};
    return element("li", chosen, [name, bar, element("span", { text: percent(share), class: "value" })]);
  });
  list.replaceChildren(...items);
}

/** Show the labels of the model with their colours, and how often each is in the text. */
export function showLegend(list, { labels, found, hue }) {
  const items = labels.map((label) => {
    const count = found.filter((each) => each.label === label).length;
    const parts = [element("span", { text: visible(label), class: "tag", hue: hue(label) })];
    if (count) parts.push(element("span", { text: `× ${count}`, class: "value" }));
    return element("li", count ? {} : { class: "none" }, parts);
  });
  list.replaceChildren(...items);
}

/** Show what the user has said, each with a button that removes it. */
export function showChips(list, { text, said, hue, remove }) {
  const items = said.map((each) => {
    const excerpt = short(text.slice(each.start, each.end));
    const [first] = each.labels;
    const label = each.labels.length > 1 ? "an entity" : visible(first);
    const verb = each.kind === "required" ? "is" : "is not";
    const button = element("button", {
      type: "button",
      text: "×",
      "aria-label": `Remove: ${excerpt} ${verb} ${label}`,
    });
    button.addEventListener("click", () => remove(each));
    const tag = each.labels.length > 1 ? { class: "tag plain" } : { class: "tag", hue: hue(first) };
    const parts = [element("bdi", { text: excerpt }), element("span", { text: ` ${verb} ` })];
    return element("li", { class: each.kind }, [...parts, element("span", { text: label, ...tag }), button]);
  });
  list.replaceChildren(...items);
}

/** Show what other readings see in the place of an entity, each with a button that chooses it. */
export function showOthers(list, { text, others, hue, choose }) {
  const items = others.map((other) => {
    const shown = other.entities.flatMap(({ start, end, label }) => [
      element("span", { text: visible(label), class: "tag", hue: hue(label) }),
      element("bdi", { text: short(text.slice(start, end), 28) }),
    ]);
    const parts = shown.length ? shown : [element("span", { text: "no entity", class: "tag plain" })];
    const button = element("button", { type: "button" }, [
      element("span", { class: "reading" }, parts),
      element("span", { text: percent(other.probability), class: "value" }),
    ]);
    button.addEventListener("click", () => choose(other));
    return element("li", {}, [button]);
  });
  list.replaceChildren(...items);
}

/** Put a floating box below what it belongs to, or above it, inside of the window. */
export function place(box, rectangle) {
  const gap = 8;
  box.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = box;
  const left = Math.min(Math.max(gap, rectangle.left), document.documentElement.clientWidth - width - gap);
  const below = rectangle.bottom + gap;
  const fits = below + height < window.innerHeight || rectangle.top < height + gap;
  const top = fits ? below : rectangle.top - height - gap;
  box.style.setProperty("left", `${left + window.scrollX}px`);
  box.style.setProperty("top", `${top + window.scrollY}px`);
  // On a phone the box is at the bottom of the window instead.
  const covered = rectangle.bottom + gap - box.getBoundingClientRect().top;
  if (getComputedStyle(box).position === "fixed" && covered > 0) window.scrollBy(0, covered);
}
