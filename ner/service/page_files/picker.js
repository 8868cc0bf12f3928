// Labels for words that are selected, in the field or in the result.

import { element, place, short, visible } from "./view.js";

const at = (id) => document.getElementById(id);

export class Picker {
  /**
   * `actions` are functions: `labels()`, `hue(label)` and `text()` say what there is, and
   * `choose(range, label)` takes what the user chooses; the label null means no entity.
   */
  constructor(actions) {
    Object.assign(this, { actions, range: null });
    this.box = at("picker");
    this.field = at("text");
    this.result = at("result");
    document.addEventListener("selectionchange", () => this.changed());
    this.field.addEventListener("select", () => this.changed());
    this.field.addEventListener("blur", () => setTimeout(() => this.changed()));
    document.addEventListener("keydown", (event) => this.pressed(event));
    // A click must not end the selection before it is read.
    this.box.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  changed() {
    if (this.box.contains(document.activeElement)) return;
    const found = this.selected();
    this.range = found?.range ?? null;
    if (found && this.actions.labels().length) this.show(found.rectangle);
    else this.box.hidden = true;
  }

  /** Return the selected range of the text, and where it is on the page; null for none. */
  selected() {
    const { field } = this;
    if (document.activeElement === field) {
      const range = { start: field.selectionStart, end: field.selectionEnd };
      const { left, bottom } = field.getBoundingClientRect();
      return this.some(range, { left: left + 12, top: bottom, bottom: bottom - 4 });
    }
    const selection = getSelection();
    if (selection.isCollapsed || !selection.rangeCount) return null;
    const chosen = selection.getRangeAt(0);
    if (!this.result.contains(chosen.commonAncestorContainer)) return null;
    const before = document.createRange();
    before.setStart(this.result, 0);
    before.setEnd(chosen.startContainer, chosen.startOffset);
    const start = before.toString().length;
    const range = { start, end: start + chosen.toString().length };
    return this.some(range, chosen.getBoundingClientRect());
  }

  some(range, rectangle) {
    const chosen = this.actions.text().slice(range.start, range.end);
    return chosen.trim() ? { range, rectangle } : null;
  }

  show(rectangle) {
    const { range, actions } = this;
    at("picker-text").textContent = short(actions.text().slice(range.start, range.end), 32);
    const choices = [...actions.labels(), null].map((label, i) => {
      const key = label === null ? 0 : i + 1;
      const name = label === null ? "no entity" : visible(label);
      const button = element("button", { type: "button" }, [
        element("span", label === null ? { text: name, class: "tag plain" } : this.tag(label, name)),
      ]);
      if (key < 10) {
        button.setAttribute("aria-keyshortcuts", `Alt+${key}`);
        button.append(element("kbd", { text: String(key), "aria-hidden": "true" }));
      }
      button.addEventListener("click", () => this.choose(label));
      return button;
    });
    at("picker-labels").replaceChildren(...choices);
    place(this.box, rectangle);
  }

  tag(label, name) {
    return { text: name, class: "tag", hue: this.actions.hue(label) };
  }

  pressed(event) {
    if (this.box.hidden) return;
    if (event.key === "Escape") {
      this.box.hidden = true;
      return;
    }
    const digit = event.altKey && /^Digit\d$/.test(event.code) ? Number(event.code.at(-1)) : null;
    if (digit === null) return;
    const label = digit === 0 ? null : this.actions.labels()[digit - 1];
    if (label === undefined) return;
    event.preventDefault();
    this.choose(label);
  }

  choose(label) {
    const { range } = this;
    this.box.hidden = true;
    const { field } = this;
    if (document.activeElement === field || this.box.contains(document.activeElement)) {
      field.focus();
      field.setSelectionRange(range.end, range.end);
    }
    getSelection().removeAllRanges();
    this.actions.choose(range, label);
  }
}
