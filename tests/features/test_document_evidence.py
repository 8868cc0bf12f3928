import numpy as np

from ner.features.document_evidence import (
    GROUPS,
    OTHERS_FLOOR,
    DocumentNetwork,
    Evidence,
    collect_evidence,
    input_size,
)

SENTENCES = [["Ada", "won"], ["ada", "lost"], ["Ada", "won"]]
POSTERIORS = np.array([[0.9, 0.1], [0.0, 1.0], [0.5, 0.5], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])


def test_evidence_is_the_mean_over_the_same_word_in_other_sentences_of_the_document() -> None:
    found = collect_evidence(SENTENCES, [0, 0, 0], POSTERIORS)
    assert found.inputs.shape == (6, input_size(2))
    assert found.is_known.tolist() == [True, True, True, False, True, True]
    # Own posteriors (2) and spelling (4) come first; then the word as it is written.
    expected = np.log(np.array([0.3, 0.7]) + OTHERS_FLOOR)
    np.testing.assert_allclose(found.inputs[0, 6:8], expected, rtol=1e-6)
    # The last group, in lower case, also has the second sentence.
    start = 6 + (GROUPS - 1) * 4
    expected = np.log(np.array([0.4, 0.6]) + OTHERS_FLOOR)
    np.testing.assert_allclose(found.inputs[0, start : start + 2], expected, rtol=1e-6)
    assert found.inputs[0, start + 2] == np.float32(np.log(3))


def test_other_documents_are_no_evidence_and_do_not_change_any() -> None:
    alone = collect_evidence(SENTENCES[:2], [0, 0], POSTERIORS[:4])
    together = collect_evidence(SENTENCES, [0, 0, 1], POSTERIORS)
    np.testing.assert_array_equal(together.inputs[:4], alone.inputs)
    assert not together.is_known[4:].any()


def test_a_token_without_evidence_has_no_correction() -> None:
    inputs = np.ones((2, input_size(2)), dtype=np.float32)
    size = inputs.shape[1]
    network = DocumentNetwork(
        np.zeros(size, np.float32),
        np.ones(size, np.float32),
        np.ones((1, size), np.float32),
        np.ones(1, np.float32),
        np.array([[1], [-1]], np.float32),
        np.zeros(2, np.float32),
    )
    found = network(Evidence(inputs, np.array([True, False])))
    assert found.tolist() == [[size + 1, -size - 1], [0, 0]]


def test_a_mean_of_networks_has_the_mean_of_their_corrections() -> None:
    random = np.random.default_rng(1)
    size, hidden, tags = input_size(3), 4, 3
    mean = random.normal(size=size).astype(np.float32)
    scale, temperature = np.full(size, 2, np.float32), np.array(1.5, np.float32)
    networks = [
        DocumentNetwork(
            mean,
            scale,
            *(
                random.normal(size=shape).astype(np.float32)
                for shape in ((hidden, size), (hidden,), (tags, hidden), (tags,))
            ),
            temperature,
        )
        for _ in range(3)
    ]
    evidence = Evidence(
        random.normal(size=(5, size)).astype(np.float32), np.array([True, True, False, True, True])
    )
    merged = DocumentNetwork.mean_of(networks)
    expected = np.mean([network(evidence) for network in networks], axis=0)
    np.testing.assert_allclose(merged(evidence), expected, rtol=1e-5, atol=1e-5)
    assert DocumentNetwork.from_arrays(merged.to_arrays(), tags).temperature == np.float32(1.5)
