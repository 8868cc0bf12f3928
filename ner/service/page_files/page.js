// The page: what was typed goes to the service, and what it finds is shown.

import { ask, Problem, useKey } from "./api.js";
import { Card } from "./card.js";
import { huesOf } from "./colours.js";
import { asBio, asHtml, asJson, copyText } from "./copying.js";
import { EXAMPLES } from "./examples.js";
import { Picker } from "./picker.js";
import { inUnits, movedSpans, sameSpan, wholeTokens } from "./spans.js";
import * as view from "./view.js";

const WAIT = 120; // milliseconds without a key before the text is sent
const READINGS = 64; // how many of the best readings are asked for, to find alternatives
const READING_TOKENS = 50000; // tokens of all these readings together, at most

// What each kind of model is about.
const LEADS = {
  ner: "Click what is wrong: the most probable reading of the rest follows.",
  tag: "Every token has a label, and the labels fit each other.",
  classify: "The stronger the shade of a word, the more it counted.",
};

// What the service says to programs, for people.
const KINDLY = {
  invalid_spans: "No reading of this text is as you said. Remove one of your choices.",
  too_many_tokens: "This text is too long for the server. Shorten it.",
  body_too_large: "This text is too long for the server. Shorten it.",
  queue_full: "The server is busy. Change the text, and it is asked again.",
  unauthorized: "This server needs a key.",
};

const at = (id) => document.getElementById(id);

const state = {
  models: [],
  model: null, // the chosen one of them
  text: "",
  answer: null, // what the model found, in the current text
  isFresh: false, // whether the answer is about the current text and constraints
  said: [], // constraints: kind, start, end, labels
  before: null, // the entities as they were before the last constraint
  least: 0,
  hue: huesOf([]),
};

let timer = null;
let running = null; // stops the request that is on its way

const card = new Card({
  readings,
  hue: (label) => state.hue(label),
  kindOf,
  keep: (entity) => say("required", entity, [entity.label]),
  forbid: (entity) => say("forbidden", entity, [entity.label]),
  release: (entity) => unsay(requirementOf(entity)),
  choose: (entity, other) => chooseReading(entity, other),
});

const picker = new Picker({
  labels: () => (state.model?.task === "ner" ? state.model.labels : []),
  hue: (label) => state.hue(label),
  text: () => state.text,
  choose: (range, label) => pick(range, label),
});

// Requests

function requestBody() {
  const of = (kind) =>
    state.said
      .filter((each) => each.kind === kind)
      .flatMap(({ start, end, labels }) => labels.map((label) => ({ start, end, label })));
  const common = { texts: [state.text.toWellFormed?.() ?? state.text], model: state.model.name };
  if (state.model.task === "classify") return common;
  const body = { ...common, offsets: "utf16" };
  if (state.model.task === "ner") {
    Object.assign(body, { tokens: true, required: [of("required")], forbidden: [of("forbidden")] });
  }
  return body;
}

function schedule(wait = WAIT) {
  clearTimeout(timer);
  setFresh(false);
  timer = setTimeout(update, wait);
}

function setFresh(isFresh) {
  state.isFresh = isFresh;
  at("result").setAttribute("aria-busy", String(!isFresh));
}

async function update() {
  running?.abort();
  running = null;
  if (!state.model) return;
  if (!state.text.trim()) {
    state.answer = null;
    tell("");
    complain(null);
    render();
    setFresh(true);
    return;
  }
  const stopper = (running = new AbortController());
  const began = performance.now();
  try {
    const result = await send(requestBody(), stopper.signal);
    if (running !== stopper) return; // something newer is on its way
    state.answer = result;
    complain(null);
    render();
    tell(summary(performance.now() - began));
    setFresh(true);
  } catch (error) {
    if (running === stopper) complain(error);
  }
}

async function send(body, signal) {
  const path = state.model.task === "classify" ? "v1/classify" : "v1/tag";
  const onWait = (problem) => tell(`${problem.message} Trying again …`);
  const { results } = await ask(path, { body, signal, onWait });
  const [result] = results;
  if (result.attention) result.attention = inUnits(result.attention, body.texts[0]);
  return result;
}

/**
 * Find the best readings in which all but an entity and its neighbours is as it is now.
 *
 * The best readings of a long text differ in its most doubtful entities alone.
 */
async function readings(entity, signal) {
  if (!state.isFresh || !state.answer) return [];
  const { entities, tokens } = state.answer;
  const place = entities.indexOf(entity);
  const fixed = entities.filter((each, i) => Math.abs(i - place) > 1 && each !== entity && !requirementOf(each));
  const body = requestBody();
  body.required[0].push(...fixed.map(({ start, end, label }) => ({ start, end, label })));
  const nbest = Math.max(1, Math.min(READINGS, Math.floor(READING_TOKENS / tokens.length)));
  const result = await send({ ...body, tokens: false, nbest }, signal);
  return result.nbest ?? [];
}

// What the user says

/** Return how an entity is shown: kept by the user, changed by what the user said, or just found. */
function kindOf(entity) {
  if (requirementOf(entity)) return "required";
  const isNew = state.before && !state.before.some((each) => sameSpan(each, entity));
  return isNew ? "changed" : "found";
}

function requirementOf(entity) {
  return state.said.find((each) => {
    return each.kind === "required" && sameSpan(entity, { ...each, label: each.labels[0] });
  });
}

/** Add a constraint; those that contradict it are gone. */
function say(kind, { start, end }, labels) {
  const touches = (each) => each.start < end && start < each.end;
  const contradicts = (each) => {
    if (!touches(each)) return false;
    const shared = each.labels.some((label) => labels.includes(label));
    if (kind === "required") return each.kind === "required" || shared;
    return shared && (each.kind === "required" || (each.start === start && each.end === end));
  };
  state.said = [...state.said.filter((each) => !contradicts(each)), { kind, start, end, labels }];
  state.said.sort((a, b) => a.start - b.start);
  saidChanged();
}

function unsay(constraint) {
  state.said = state.said.filter((each) => each !== constraint);
  saidChanged();
}

function saidChanged() {
  state.before = state.answer?.entities ?? null;
  renderSaid();
  schedule(0);
}

function chooseReading(entity, { entities }) {
  if (!entities.length) say("forbidden", entity, state.model.labels);
  for (const each of entities) say("required", each, [each.label]);
}

/** Say what a selected range is: an entity of a label, or none where the label is null. */
function pick(range, label) {
  const whole = state.isFresh && wholeTokens(range, state.answer?.tokens ?? []);
  if (!whole) return;
  if (label === null) say("forbidden", whole, state.model.labels);
  else say("required", whole, [label]);
}

// What is shown

function kept() {
  return (state.answer?.entities ?? []).filter((entity) => entity.score >= state.least);
}

function summary(milliseconds) {
  const task = state.model.task;
  const time = `${Math.max(1, Math.round(milliseconds))} ms`;
  if (task === "classify") return `${state.answer.labels.map(view.visible).join(", ") || "no label"} · ${time}`;
  const [count, one, many] =
    task === "ner" ? [kept().length, "entity", "entities"] : [state.answer.labels.length, "token", "tokens"];
  return `${count} ${count === 1 ? one : many} · ${time}`;
}

function render() {
  const { text, answer, model, hue, least } = state;
  const box = at("result");
  const focused = box.contains(document.activeElement) ? Number(document.activeElement.dataset.start) : null;
  at("classes").hidden = !answer || model.task !== "classify";
  if (!answer) box.replaceChildren(text);
  else if (model.task === "ner") view.showEntities(box, { text, entities: answer.entities, least, hue, kindOf });
  else if (model.task === "tag") view.showTokenLabels(box, { text, labels: answer.labels, hue });
  else {
    view.showAttention(box, { text, attention: answer.attention });
    view.showClasses(at("classes"), { ...answer, hue });
  }
  if (focused !== null) focusNear(box, focused);
  card.rendered(box, answer?.entities ?? [], text);
  renderLegend();
  renderSaid();
}

/** Focus the first mark from a place on, or else the last one. */
function focusNear(box, start) {
  const marks = [...box.querySelectorAll("mark")];
  const mark = marks.find((each) => Number(each.dataset.start) >= start) ?? marks.at(-1) ?? box;
  mark.focus({ preventScroll: true });
}

function renderLegend() {
  const { model, answer, hue } = state;
  at("legend").hidden = !model || model.task === "classify";
  const found = model?.task === "tag" ? (answer?.labels ?? []) : kept();
  view.showLegend(at("legend"), { labels: model?.labels ?? [], found, hue });
}

function renderSaid() {
  at("constraints").hidden = !state.said.length;
  view.showChips(at("chips"), { ...state, remove: unsay });
}

function tell(message) {
  at("status").textContent = message;
}

function complain(error) {
  const isKnown = error instanceof Problem;
  if (error && !isKnown) console.error(error);
  const message = isKnown ? (KINDLY[error.code] ?? error.message) : "The page failed. Reload it.";
  at("problem").hidden = !error;
  at("problem").textContent = error ? view.visible(message) : "";
  at("key-form").hidden = error?.status !== 401;
  if (error) tell("");
}

// What the user does

function typed() {
  const text = at("text").value;
  const { answer } = state;
  state.said = movedSpans(state.said, state.text, text);
  for (const name of ["entities", "tokens", "attention"]) {
    if (answer?.[name]) answer[name] = movedSpans(answer[name], state.text, text);
  }
  if (answer && state.model.task === "tag") answer.labels = movedSpans(answer.labels, state.text, text);
  state.text = text;
  state.before = null;
  render();
  schedule();
}

function setText(text) {
  at("text").value = text;
  state.said = [];
  state.answer = null;
  typed();
}

function chooseModel(name) {
  state.model = state.models.find((each) => each.name === name) ?? state.models[0];
  const { labels, task } = state.model;
  state.hue = huesOf(labels);
  state.answer = null;
  state.said = [];
  card.close();
  at("threshold").hidden = at("write-hint").hidden = task !== "ner";
  document.querySelector("[data-format=bio]").hidden = task === "classify";
  at("lead").textContent = LEADS[task] ?? "";
  at("about").textContent = `${labels.length} labels · ${view.visible(state.model.digest).slice(0, 8)}`;
  const buttons = (EXAMPLES[task] ?? []).map(([title, text]) => {
    const button = view.element("button", { type: "button", text: title });
    button.addEventListener("click", () => setText(text));
    return button;
  });
  at("examples").replaceChildren(...buttons);
}

/** The address names the model and the lowest score, and nothing of the text. */
function writeAddress() {
  const facts = new URLSearchParams();
  if (state.model !== state.models[0]) facts.set("model", state.model.name);
  if (state.least) facts.set("least", state.least);
  history.replaceState(null, "", `${location.pathname}${facts.size ? `#${facts}` : ""}`);
}

function setLeast(value) {
  state.least = Math.min(Math.max(Number(value) || 0, 0), 1);
  at("least").value = state.least;
  at("least-value").textContent = state.least.toFixed(2);
  if (state.answer) tell(`${kept().length} of ${state.answer.entities.length} entities`);
  render();
}

async function copy(button) {
  if (!state.isFresh || !state.answer) return;
  const answer = { ...state.answer, task: state.model.task, model: state.model.name, text: state.text };
  if (state.model.task === "ner") answer.entities = kept();
  const write = { json: asJson, bio: asBio, html: asHtml }[button.dataset.format];
  const copied = await copyText(write(answer));
  button.focus();
  button.classList.toggle("done", copied);
  setTimeout(() => button.classList.remove("done"), 1500);
  tell(copied ? `Copied as ${button.textContent}.` : "The browser does not let this page copy.");
}

async function begin() {
  try {
    const { models } = await ask("v1/models", { onWait: (problem) => tell(problem.message) });
    state.models = models.sort((a, b) => b.default - a.default);
  } catch (error) {
    complain(error);
    return;
  }
  complain(null);
  const options = state.models.map(({ name }) => view.element("option", { value: name, text: view.visible(name) }));
  at("model").replaceChildren(...options);
  const facts = new URLSearchParams(location.hash.slice(1));
  chooseModel(facts.get("model"));
  at("model").value = state.model.name;
  setLeast(facts.get("least"));
  const text = at("text").value || EXAMPLES[state.model.task]?.[0][1] || "";
  setText(text);
}

at("text").addEventListener("input", typed);
at("clear").addEventListener("click", () => {
  setText("");
  at("text").focus();
});
at("release-all").addEventListener("click", () => {
  state.said = [];
  saidChanged();
});
at("model").addEventListener("change", () => {
  const old = state.model.task;
  chooseModel(at("model").value);
  writeAddress();
  setText(old === state.model.task ? state.text : (EXAMPLES[state.model.task]?.[0][1] ?? state.text));
});
at("least").addEventListener("input", () => setLeast(at("least").value));
at("least").addEventListener("change", writeAddress);
at("copy").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) copy(button);
});
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(at("key").value);
  begin();
});
begin();
