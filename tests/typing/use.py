"""A script as users write it, for type checkers: every public call, and what comes of it."""

import multiprocessing

import ner

sentences: list[ner.Sentence] = ner.read_sentences("sample:train")
tokens: int = sum(len(sentence) for sentence in sentences)
words: list[str] = [token for sentence in sentences for token in sentence.tokens]
for gold in sentences[0].entities:
    print(gold.text.upper(), gold.label, gold.start + 1, gold.end)


def stop_when_good(event: ner.Step | ner.Epoch) -> bool:
    return not isinstance(event, ner.Epoch) or event.metrics["f1"] < 0.9


model, report = ner.train(
    "config.toml",
    train="sample:train",
    dev=sentences[:10],
    out="runs/mine",
    encoder={"size": 100},
    seed=2,
    callbacks=[stop_when_good],
)
print(report, report.score + 0.5, report.f1, report.metric.upper())
if isinstance(report, ner.SpanReport):
    print(report.micro.precision, report.strict.f1)
else:
    print(report.accuracy, report.per_label["NOUN"].f1, report.ece)

model = ner.load("runs/mine/model", runtime="onnx", precision="int8", device="cpu", threads=2)
doc = model.tag("Ada Lovelace met Charles Babbage in London.", split=ner.SentenceSplitter("en"))
for entity in doc.entities:
    print(entity.text.upper(), entity.label, entity.start, entity.score + 0.5)
print(doc.entities[0].score + 0.5, doc.prediction.scores[0] + 0.5)

doc = model.tag("Jordan won.", required=[(0, 6, "PER")], forbidden=doc.entities)
doc = model.tag_tokens(["Ada", "won"], required=[(0, 1, "PER")], forbidden=[(1, 2, "LOC")])
best: list[ner.PredictedSentence] = model.nbest("Jordan won.", k=3)
if best[0].prediction.probability is not None:
    print(best[0].prediction.probability + 0.5)
tags: list[str] = doc.tags("BIOES") + sentences[0].tags()
record: dict[str, object] = doc.to_dict()
copied: ner.PredictedSentence = ner.PredictedSentence.from_dict(record)
copy: ner.Sentence = ner.Sentence.from_dict(sentences[0].to_dict())
prediction: ner.Prediction = ner.Prediction.from_dict(doc.prediction.to_dict())
found_entity: ner.PredictedEntity = ner.PredictedEntity.from_dict(doc.entities[0].to_dict())
distinct: set[ner.Sentence] = {doc, copied, copy}
with multiprocessing.Pool(2) as pool:
    mapped: list[ner.PredictedSentence] = pool.map(model.tag, ["Ada won.", "Nobody won."])
streamed: list[float] = [e.score for doc in model.pipe(["Ada won."]) for e in doc.entities]
tagged: list[ner.PredictedSentence] = model.tag_sentences(sentences, batch_tokens=4096)

answer: ner.Classification = model.classify("Which river flows through Geneva ?")
answer = model.classify_tokens(["Which", "river", "?"])
print((answer.label or "").upper(), answer.labels[0].upper(), answer.probabilities["LOC"] + 0.5)
print([(weight.text.upper(), weight.weight + 0.5) for weight in answer.attention])
print(model.labels[0].upper(), model.column.upper())

tagger: ner.Tagger = ner.Tagger.load("runs/mine/model")
print(tagger.tag("Ada won.").entities[0].score + 0.5)
one: ner.PredictedSentence = tagger("Ada won.")
several: list[ner.PredictedSentence] = tagger(["Ada won.", "Bob left."])
page: str = one.at_least(0.5).to_html()
shapes: list[dict[str, object]] = one.entities_as("gliner")
token_tagger: ner.TokenTagger = ner.TokenTagger.load("runs/pos/model", runtime="torch")
labels: tuple[str, ...] = token_tagger.tag("Ada won.").column(token_tagger.column)
classifier: ner.TextClassifier = ner.TextClassifier.load("runs/questions/model")
print(classifier.classify("Who won ?").probabilities)
models: list[ner.Predictor] = [model, tagger, token_tagger, classifier]

found: ner.SpanReport | ner.LabelReport = ner.evaluate(tagger, "sample:test", name="test")
found = ner.evaluate(tagger, tagged)
pairs = [(["Ada", "won"], ["B-PER", "O"]), (["Nobody", "won"], ["O", "O"])]
found = ner.evaluate(tagger, pairs)
found = ner.evaluate(tagger, (pair for pair in pairs))
found = ner.SpanReport.from_dict(found.to_dict())
texts = [("Nice film.", "pos"), ("Not so nice.", "neg")]
records = [{"tokens": ["Ada", "won"], "ner_tags": ["B-PER", "O"]}]
model, report = ner.train(train=pairs, dev=iter(pairs), test=records)
model, report = ner.train(train=texts, task="classify")
read: list[ner.Sentence] = ner.read_sentences(pairs)
ner.rename("runs/mine/model", {"PER": "PERSON"}, "runs/mine/renamed")
with open("tagged.conll", "rb") as lines:
    print(ner.score_predictions(lines, "tagged.conll").f1 + 0.5)
cost = ner.export("runs/mine/model", int8=True, dev="sample:dev")
if cost.int8 is not None:
    print(cost.int8.changed + 0.5, cost.int8.batch_dependent + 0.5)
small = ner.export("runs/mine/model", compact=True, out="runs/mine/small").compact
if small is not None:
    print(small.bytes_after + 1, small.words_left_out + 1)

try:
    _ = model.nbest("Ada won.", 2)
except ner.TaskError as error:
    print(error)
except ner.NerError as error:
    print("error", error)
