"""Use a model that labels every token: text in, a column of labels out."""

from collections.abc import Sequence

from ner.data.sentence import Sentence
from ner.data.sentence_splitter import FindStarts, cut_sentence, join_predictions
from ner.inference.predictor import Predictor
from ner.tasks import TokenTask


class TokenTagger(Predictor[TokenTask]):
    """A model that labels every token, such as with its part of speech.

    The labels are the column `column` of a sentence (`Sentence.column`); the probability of each
    is its exact posterior under the model.
    """

    task_class = TokenTask

    @property
    def column(self) -> str:
        """The name of the labels."""
        return self.task.column

    def tag(self, text: str, *, split: FindStarts | None = None) -> Sentence:
        """Label the tokens of a raw text of any length.

        Args:
            text: What to label.
            split: Finds the sentences of the text, such as a `ner.SentenceSplitter`: each is tagged
                by itself. By default the text is tagged as one.
        """
        sentence = self.read(text)
        if split is None:
            return self.tag_sentences([sentence])[0]
        return join_predictions(sentence, self.tag_sentences(cut_sentence(sentence, split(text))))

    def tag_tokens(self, tokens: Sequence[str]) -> Sentence:
        """Label tokens; offsets are those in the tokens joined by blanks."""
        return self.tag_sentences([self.check_tokens(tokens)])[0]
