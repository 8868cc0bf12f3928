// The hue of each label: the same as on pages that `ner tag --output html` writes.

const USUAL = { PER: 210, PERSON: 210, ORG: 30, LOC: 150, GPE: 150, MISC: 270 };
const STEP = 150;
const COUNT = 12;

// Source: the polynomial of zlib, bits reversed.
const POLYNOMIAL = 0xedb88320;

function crc32(text) {
  let sum = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    sum ^= byte;
    for (let i = 0; i < 8; i++) sum = (sum >>> 1) ^ (sum & 1 ? POLYNOMIAL : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/** Return a function that says the hue of a label in degrees; labels of a list compete for hues. */
export function huesOf(labels) {
  const known = new Map();
  const hue = (label) => {
    if (!known.has(label)) {
      const taken = new Set(known.values());
      let found = Object.hasOwn(USUAL, label) ? USUAL[label] : ((crc32(label) % COUNT) * 360) / COUNT;
      for (let i = 0; i < COUNT && taken.has(found); i++) found = (found + STEP) % 360;
      known.set(label, found);
    }
    return known.get(label);
  };
  labels.forEach(hue);
  return hue;
}
