// What can be copied, as text.

import { bioTags, inCodePoints } from "./spans.js";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

const escaped = (text) => String(text).replace(/[&<>"']/g, (character) => ESCAPES[character]);

/** Return the text as HTML; each span is what `mark` makes of its text, which is HTML already. */
function marked(text, spans, mark) {
  const pieces = [];
  let end = 0;
  for (const span of spans) {
    if (span.start < end) continue;
    const shown = escaped(text.slice(span.start, span.end));
    pieces.push(escaped(text.slice(end, span.start)), mark(span, shown));
    end = span.end;
  }
  return `<p>${pieces.join("")}${escaped(text.slice(end))}</p>\n`;
}

const title = ({ label, score }) => `title="${escaped(label)} ${score.toFixed(4)}"`;

const HTML = {
  ner: ({ text, entities }) =>
    marked(text, entities, (span, shown) => {
      return `<mark ${title(span)}>${shown}<sub>${escaped(span.label)}</sub></mark>`;
    }),
  tag: ({ text, labels }) =>
    marked(text, labels, (span, shown) => {
      return `<ruby ${title(span)}>${shown}<rt>${escaped(span.label)}</rt></ruby>`;
    }),
  classify: ({ text, labels, probabilities, attention }) => {
    const names = labels.map((label) => `<b>${escaped(label)}</b> ${probabilities[label].toFixed(4)}`);
    const shade = ({ weight }, shown) => `<span title="${weight.toFixed(4)}">${shown}</span>`;
    return `<p>${names.join(", ")}</p>\n${marked(text, attention, shade)}`;
  },
};

/** Return the text with its entities, labels or attention marked, as HTML. */
export const asHtml = (answer) => HTML[answer.task](answer);

/** Return a line for each token: the token, a tab, and its tag or label. */
export function asBio({ task, text, entities, labels, tokens }) {
  const places = task === "tag" ? labels : tokens;
  const tags = task === "tag" ? labels.map((each) => each.label) : bioTags(entities, tokens);
  return places.map(({ start, end }, i) => `${text.slice(start, end)}\t${tags[i]}\n`).join("");
}

/** Return the answer as JSON; offsets count code points, as in Python. */
export function asJson({ task, model, text, entities, labels, probabilities, attention }) {
  const results = {
    ner: () => ({ entities: inCodePoints(entities, text) }),
    tag: () => ({ labels: inCodePoints(labels, text) }),
    classify: () => ({ labels, probabilities, attention: inCodePoints(attention, text) }),
  };
  return `${JSON.stringify({ model, text, ...results[task]() }, null, 2)}\n`;
}

/** Copy a text; returns whether it worked. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyFromField(text); // the other way needs a secure connection
  }
}

function copyFromField(text) {
  const field = document.getElementById("clipboard");
  field.hidden = false;
  field.value = text;
  field.select();
  const copied = document.execCommand("copy");
  field.hidden = true;
  return copied;
}
