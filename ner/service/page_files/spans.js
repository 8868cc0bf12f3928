// Spans of a text: half open, in UTF-16 units, as JavaScript counts.

const overlaps = (a, b) => a.start < b.end && b.start < a.end;

export const sameSpan = (a, b) => a.start === b.start && a.end === b.end && a.label === b.label;

/** Move spans along when a text is edited; those that the edit touches are gone. */
export function movedSpans(spans, before, after) {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const shift = after.length - before.length;
  const moved = [];
  for (const span of spans) {
    if (span.end <= head) moved.push(span);
    else if (span.start >= before.length - tail) {
      moved.push({ ...span, start: span.start + shift, end: span.end + shift });
    }
  }
  return moved;
}

/** Widen a range to whole tokens; null where it touches none. */
export function wholeTokens(range, tokens) {
  const touched = tokens.filter((token) => overlaps(token, range));
  return touched.length ? { start: touched[0].start, end: touched.at(-1).end } : null;
}

/**
 * Find what other readings see in the place of an entity.
 *
 * Returns the most probable ones: the entities there, none or several, and the probability of all
 * readings that see just these, among the `readings`.
 */
export function otherReadings(entity, readings, most = 4) {
  const found = new Map();
  for (const { probability, entities } of readings) {
    const there = entities.filter((each) => overlaps(each, entity));
    if (there.length === 1 && sameSpan(there[0], entity)) continue;
    const key = JSON.stringify(there.map(({ start, end, label }) => [start, end, label]));
    const known = found.get(key) ?? { entities: there, probability: 0 };
    known.probability += probability;
    found.set(key, known);
  }
  return [...found.values()].sort((a, b) => b.probability - a.probability).slice(0, most);
}

/** Return the BIO tag of each token. */
export function bioTags(entities, tokens) {
  return tokens.map((token) => {
    const entity = entities.find((each) => overlaps(each, token));
    if (!entity) return "O";
    return `${token.start <= entity.start ? "B" : "I"}-${entity.label}`;
  });
}

const replaced = (spans, place) => spans.map((each) => ({ ...each, start: place(each.start), end: place(each.end) }));

/** Return spans whose offsets count code points, as in Python. */
export const inCodePoints = (spans, text) => replaced(spans, (offset) => [...text.slice(0, offset)].length);

/** Return spans whose offsets count UTF-16 units, from those that count code points. */
export function inUnits(spans, text) {
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  return replaced(spans, (offset) => units[offset]);
}
