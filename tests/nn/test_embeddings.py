import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ner.nn.embeddings import (
    AffixEmbedding,
    BigramEmbedding,
    CharacterCNN,
    CharacterLSTM,
    ColumnEmbedding,
    Embedder,
    ShapeEmbedding,
    WordEmbedding,
    uniform_rows,
)
from ner.nn.tensors import reverse

# Words of 3 to 6 characters, edges included; 0 is padding.
WORDS = [[2, 5, 3], [2, 9, 4, 9, 6, 3], [2, 7, 7, 3]]
NUM_ROWS = 10


def padded(words, extra=0):
    width = max(map(len, words)) + extra
    return {"characters": torch.tensor([word + [0] * (width - len(word)) for word in words])}


def make(kind, *sizes):
    torch.manual_seed(1)
    return kind(NUM_ROWS, *sizes).double()


@pytest.mark.parametrize("width", [1, 3, 5, 7])
def test_a_character_cnn_takes_the_maximum_over_the_windows_of_a_word(width):
    cnn = make(CharacterCNN, 4, 6, width)
    found = cnn(padded(WORDS)).detach().numpy()
    table = cnn.table.weight.detach().numpy()
    filters, bias = (p.detach().numpy() for p in cnn.convolution.parameters())
    for word, vector in zip(WORDS, found, strict=True):
        zeros = np.zeros((width // 2, 4))
        letters = np.concatenate([zeros, table[word], zeros])
        # Axes of a filter: (filter, size of a character, place in the window).
        windows = [
            np.einsum("ksw,ws->k", filters, letters[i : i + width]) + bias for i in range(len(word))
        ]
        np.testing.assert_allclose(vector, np.maximum(np.max(windows, axis=0), 0), atol=1e-12)


def test_a_character_lstm_gives_the_last_states_of_both_directions():
    lstm = make(CharacterLSTM, 4, 6)
    reference = nn.LSTM(4, 3, batch_first=True, bidirectional=True).double()
    ahead, back = lstm.forwards.state_dict(), lstm.backwards.state_dict()
    reference.load_state_dict(ahead | {f"{name}_reverse": p for name, p in back.items()})
    found = lstm(padded(WORDS))
    for word, vector in zip(WORDS, found, strict=True):
        _, (last, _) = reference(lstm.table(torch.tensor([word])))
        torch.testing.assert_close(vector, last.flatten(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [CharacterCNN, CharacterLSTM])
def test_padding_and_other_words_change_no_word(kind):
    part = make(kind, 4, 6)
    alone = torch.cat([part(padded([word])) for word in WORDS])
    torch.testing.assert_close(part(padded(WORDS, extra=50)), alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [CharacterCNN, CharacterLSTM])
def test_padding_stays_zero_in_training(kind):
    part = make(kind, 4, 6)
    part(padded(WORDS, extra=2)).square().sum().backward()
    assert not part.table.weight[0].any()
    assert not part.table.weight.grad[0].any()
    assert part.table.weight.grad[[2, 3, 4, 5, 6, 7, 9]].any(dim=1).all()


def test_a_word_without_a_row_has_the_vector_that_it_brings():
    part = WordEmbedding(5, 2)
    batch = {"words": torch.tensor([3, -1, 0]), "vectors": torch.tensor([[0.0, 0], [7, 8], [0, 0]])}
    found = part(batch)
    table = part.table.weight
    assert torch.equal(found, torch.stack([table[3], torch.tensor([7.0, 8.0]), table[0]]))
    # The unknown word does not learn from a word that has its own vector.
    found[1].sum().backward()
    assert not table.grad.any()


def test_without_vectors_all_words_have_rows():
    part = WordEmbedding(5, 2)
    assert torch.equal(part({"words": torch.tensor([4, 0])}), part.table.weight[[4, 0]])


def test_affixes_stand_side_by_side():
    part = AffixEmbedding(9, 2, 3)
    found = part({"affixes": torch.tensor([[1, 8, 1]])})
    assert part.size == 6
    assert torch.equal(found, part.table.weight[[1, 8, 1]].reshape(1, 6))


def test_columns_stand_side_by_side_each_with_its_own_table():
    part = ColumnEmbedding([3, 5], 2)
    found = part({"columns": torch.tensor([[[2, 4], [0, 0]]])})
    first, second = part.tables
    assert part.size == 4
    assert torch.equal(found[0, 0], torch.cat([first.weight[2], second.weight[4]]))
    assert torch.equal(found[0, 1], torch.cat([first.weight[0], second.weight[0]]))


def test_the_pairs_of_a_token_stand_side_by_side_and_share_a_table():
    part = BigramEmbedding(6, 3)
    found = part({"bigrams": torch.tensor([[[0, 5], [5, 1]]])})
    assert part.size == 6
    assert torch.equal(found, part.table.weight[[0, 5, 5, 1]].reshape(1, 2, 6))


def test_training_shows_a_share_of_the_pairs_as_unknown():
    part = BigramEmbedding(3, 2, dropout=0.3)
    batch = {"bigrams": torch.tensor([1, 2]).expand(1, 5000, 2)}
    unknown, first, second = part.table.weight.detach()
    torch.manual_seed(7)
    sides = part.train()(batch).detach()[0].split(2, dim=1)
    hidden = [(side == unknown).all(dim=1) for side in sides]
    for each, side, known in zip(hidden, sides, (first, second), strict=True):
        assert each.float().mean().item() == pytest.approx(0.3, abs=0.03)
        assert torch.equal(side[~each], known.expand_as(side[~each]))
    # Each pair by itself.
    assert (hidden[0] & hidden[1]).float().mean().item() == pytest.approx(0.09, abs=0.02)
    assert torch.equal(part.eval()(batch)[0, 7], torch.cat([first, second]))


def test_a_token_has_the_parts_of_its_word_and_its_columns():
    word_parts = {"words": WordEmbedding(5, 3), "shapes": ShapeEmbedding(4, 2)}
    columns = ColumnEmbedding([3], 2)
    embedder = Embedder(word_parts, {"columns": columns}).eval()
    batch = {
        "tokens": torch.tensor([[1, 0], [0, 0]]),
        "words": torch.tensor([4, 2]),
        "shapes": torch.tensor([3, 1]),
        "columns": torch.tensor([[[2], [1]], [[0], [0]]]),
    }
    embedded = embedder(batch)
    assert embedder.size == 7
    words, shapes = word_parts["words"].table.weight, word_parts["shapes"].table.weight
    expected = torch.cat([words[2], shapes[1], columns.tables[0].weight[2]])
    assert torch.equal(embedded[0, 0], expected)
    assert torch.equal(
        embedded[1, 1], torch.cat([words[4], shapes[3], columns.tables[0].weight[0]])
    )


def test_dropout_hides_features_of_a_sentence_and_whole_tokens_in_training_only():
    embedder = Embedder({"words": WordEmbedding(2, 400)}, {}, dropout=0.5, word_dropout=0.3)
    batch = {"tokens": torch.zeros(1, 200, dtype=torch.int64), "words": torch.tensor([1])}
    assert torch.equal(embedder.eval()(batch)[0, 7], embedder.word_parts["words"].table.weight[1])
    torch.manual_seed(5)
    (embedded,) = embedder.train()(batch)
    hidden = (embedded == 0).all(dim=1)
    assert 30 < hidden.sum() < 90
    kept = embedded[~hidden]
    assert torch.equal(kept, kept[:1].expand_as(kept))
    assert 150 < (kept[0] == 0).sum() < 250


@pytest.mark.parametrize("padding", [None, 0])
def test_tables_start_uniform_with_variance_of_one_over_the_width(padding):
    torch.manual_seed(6)
    table = nn.Embedding(4000, 25, padding_idx=padding)
    uniform_rows(table)
    assert table.weight.var().item() == pytest.approx(1 / 25, rel=0.02)
    assert table.weight.abs().max() <= (3 / 25) ** 0.5
    assert table.weight[0].any() == (padding is None)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=4), st.integers(0, 3))
def test_each_sequence_is_reversed_within_its_own_length(lengths, extra):
    shape = (len(lengths), max(lengths) + extra, 2)
    x = torch.arange(np.prod(shape)).reshape(shape).float()
    turned = reverse(x, torch.tensor(lengths))
    for row, before, length in zip(turned.tolist(), x.tolist(), lengths, strict=True):
        assert row == before[:length][::-1] + before[length:]
