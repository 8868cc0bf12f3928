// The card of an entity: its score, other readings, and what can be said about it.

import { otherReadings } from "./spans.js";
import { percent, place, short, showOthers, visible } from "./view.js";

const OPEN_AFTER = 90; // milliseconds that the pointer rests on an entity
const CLOSE_AFTER = 250; // milliseconds to move from an entity to its card

const at = (id) => document.getElementById(id);

export class Card {
  /**
   * `actions` are functions: `readings(entity, signal)` returns readings of the text, `hue(label)`,
   * `kindOf(entity)`, and `keep`, `forbid`, `release` and `choose` do what the user asks for.
   */
  constructor(actions) {
    Object.assign(this, { actions, entity: null, mark: null, timer: null, stopper: null });
    this.box = at("card");
    this.result = at("result");
    this.listen();
  }

  listen() {
    const { result, box } = this;
    const markOf = (event) => event.target.closest?.("mark[data-at]");
    result.addEventListener("pointerover", (event) => {
      const mark = markOf(event);
      const isPressed = event.buttons || event.pointerType === "touch"; // a selection, or a tap
      if (mark && !isPressed) this.later(OPEN_AFTER, () => this.open(mark));
    });
    result.addEventListener("pointerout", () => this.later(CLOSE_AFTER, () => this.leave()));
    box.addEventListener("pointerover", () => clearTimeout(this.timer));
    box.addEventListener("pointerout", () => this.later(CLOSE_AFTER, () => this.leave()));
    result.addEventListener("focusin", (event) => {
      const mark = markOf(event);
      if (mark) this.open(mark);
    });
    result.addEventListener("click", (event) => {
      const mark = markOf(event);
      if (mark && getSelection().isCollapsed) this.open(mark);
    });
    result.addEventListener("keydown", (event) => {
      const mark = markOf(event);
      if (mark) this.pressed(event, mark);
    });
    for (const each of [result, box]) {
      each.addEventListener("focusout", (event) => {
        if (!this.has(event.relatedTarget)) this.later(CLOSE_AFTER, () => this.leave());
      });
    }
    document.addEventListener("pointerdown", (event) => {
      if (!this.has(event.target) && !markOf(event)) this.close();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || box.hidden) return;
      const back = box.contains(document.activeElement) ? this.mark : null;
      back?.focus();
      this.close();
    });
    for (const name of ["keep", "forbid", "release"]) {
      at(name).addEventListener("click", () => this.act(name));
    }
  }

  pressed(event, mark) {
    const marks = [...this.result.querySelectorAll("mark[data-at]")];
    const step = (by) => marks.at((marks.indexOf(mark) + by) % marks.length).focus();
    const keys = {
      Enter: () => this.enter(mark),
      " ": () => this.enter(mark),
      ArrowRight: () => step(1),
      ArrowLeft: () => step(-1),
      k: () => this.act(this.isKept() ? "release" : "keep"),
      Delete: () => this.act("forbid"),
      Backspace: () => this.act("forbid"),
    };
    const known = keys[event.key];
    if (!known || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.open(mark);
    known();
  }

  enter(mark) {
    this.open(mark);
    this.box.querySelector("button:not([hidden])").focus();
  }

  has(node) {
    return node instanceof Node && (this.box.contains(node) || (this.mark?.contains(node) ?? false));
  }

  later(milliseconds, action) {
    clearTimeout(this.timer);
    this.timer = setTimeout(action, milliseconds);
  }

  /** Close, unless the focus is on the entity or in the card. */
  leave() {
    if (!this.has(document.activeElement)) this.close();
  }

  open(mark) {
    clearTimeout(this.timer);
    if (mark === this.mark && !this.box.hidden) return;
    this.close();
    this.mark = mark;
    this.entity = this.entities[Number(mark.dataset.at)];
    mark.setAttribute("aria-expanded", "true");
    this.fill();
    this.place();
    this.findOthers();
  }

  isKept() {
    return this.actions.kindOf(this.entity) === "required";
  }

  fill() {
    const { entity, text } = this;
    const isKept = this.isKept();
    at("card-label").textContent = visible(entity.label);
    at("card-text").textContent = short(text.slice(entity.start, entity.end));
    this.box.style.setProperty("--hue", this.actions.hue(entity.label));
    at("card-meter").style.setProperty("--share", entity.score);
    at("card-score").textContent = percent(entity.score);
    at("card-note").hidden = !isKept;
    at("card-note").textContent = "You keep it, so its score is that of every reading which obeys you.";
    at("keep").hidden = isKept;
    at("release").hidden = !isKept;
    at("others").hidden = true;
  }

  place() {
    const rectangles = this.mark.getClientRects();
    place(this.box, rectangles[rectangles.length - 1]);
  }

  async findOthers() {
    const stopper = (this.stopper = new AbortController());
    const { entity, text } = this;
    try {
      const readings = await this.actions.readings(entity, stopper.signal);
      if (stopper !== this.stopper) return;
      const others = otherReadings(entity, readings);
      at("others").hidden = !others.length;
      const choose = (other) => this.act("choose", other);
      showOthers(at("other-list"), { text, others, hue: this.actions.hue, choose });
      this.place();
    } catch {
      // The card is whole without them, and the page tells of a server that does not answer.
    }
  }

  act(name, ...more) {
    const { entity, mark } = this;
    const wasInside = this.box.contains(document.activeElement);
    this.close();
    if (wasInside) mark.focus({ preventScroll: true });
    this.close(); // the focus has opened it again
    this.actions[name](entity, ...more);
  }

  close() {
    clearTimeout(this.timer);
    this.stopper?.abort();
    this.stopper = null;
    this.mark?.setAttribute("aria-expanded", "false");
    this.mark = this.entity = null;
    this.box.hidden = true;
  }

  /** Note what is shown now; an open card stays with its entity while that is there. */
  rendered(box, entities, text) {
    const old = this.entity;
    Object.assign(this, { entities, text });
    if (!old || this.box.contains(document.activeElement)) return;
    this.close();
  }
}
