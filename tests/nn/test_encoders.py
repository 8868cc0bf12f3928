"""What holds for encoders of every kind, as a configuration asks for them."""

import itertools
from typing import get_args

import pytest
import torch
from jaxtyping import TypeCheckError
from torch import nn

import ner
from ner.config import EncoderConfig
from ner.config.loading import Config, parse_config
from ner.errors import ConfigError
from ner.nn.encoders import (
    DilatedCNN,
    EncoderStack,
    LayeredEncoder,
    MinimalRNN,
    RecurrentEncoder,
    SelfAttention,
    build_encoder,
)
from tests.tolerance import additions, float32_bound

INPUT, SIZE = 3, 4
LENGTHS = torch.tensor([5, 1, 7, 7, 2])
FIELDS = EncoderConfig.model_fields
CELLS = get_args(FIELDS["cell"].annotation)


def variants():
    """List every kind, and each option where it has a use."""
    found = [{"cell": cell, "layers": layers} for cell in CELLS for layers in (1, 3)]
    found += [{"cell": cell, "bidirectional": False} for cell in CELLS]
    found += [{"kind": "idcnn", "layers": k, "iterations": n} for k, n in ((1, 1), (2, 4))]
    several = [{"cell": cell, "layers": 2} for cell in CELLS] + [{"kind": "idcnn"}]
    options = [{"layer_norm": True}, {"residual": True}, {"attention_heads": 2}]
    found += [base | option for base, option in itertools.product(several, options)]
    found += [{"projection": 3, "layers": 2, **more} for more in ({}, {"bidirectional": False})]
    found += [{"cell": cell, "weight_drop": 0.3} for cell in ("lstm", "gru")]
    return found


EVERY = pytest.mark.parametrize(
    "settings", variants(), ids=lambda s: "-".join(f"{k}={v}" for k, v in s.items())
)


def settings_of(changes):
    """Give a whole section, as a model folder keeps it."""
    section = {"size": SIZE, "dropout": 0.0} | changes
    return parse_config({"encoder": section}).encoder.model_dump(mode="json")


def make_encoder(changes, **more):
    """Make an encoder in float64, its biases not zero."""
    torch.manual_seed(1)
    encoder = build_encoder(INPUT, settings_of(changes | more)).double()
    for name, parameter in encoder.named_parameters():
        if "bias" in name:
            nn.init.normal_(parameter, std=0.1)
    return encoder.eval()


def make_input(lengths=LENGTHS, seed=2):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), int(max(lengths)), INPUT)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def inside(hidden, lengths=LENGTHS):
    """Give the states of all tokens, end to end."""
    return torch.cat([row[:n] for row, n in zip(hidden, lengths.tolist(), strict=True)])


def test_every_setting_is_tried():
    tried = {name for settings in variants() for name in settings}
    assert tried | {"size", "dropout"} == set(FIELDS)
    assert {s.get("kind", "rnn") for s in variants()} == {*get_args(FIELDS["kind"].annotation)}


@EVERY
def test_states_have_the_width_that_the_encoder_says(settings):
    encoder = make_encoder(settings)
    assert encoder(make_input(), LENGTHS).shape == (5, 7, encoder.size)


@pytest.mark.numeric
@EVERY
def test_a_sentence_has_the_same_states_alone_and_in_any_company(settings):
    encoder, x = make_encoder(settings).float(), make_input().float()
    together = encoder(x, LENGTHS)
    crowd = torch.cat([x, torch.randn(5, 200, INPUT)], dim=1)
    lengths = torch.cat([LENGTHS, torch.tensor([207])])
    crowd = torch.cat([crowd, torch.randn(1, 207, INPUT)])
    beside = encoder(crowd, lengths)
    for b, length in enumerate(LENGTHS.tolist()):
        alone = encoder(x[b : b + 1, :length], LENGTHS[b : b + 1])[0]
        for found in (together, beside):
            # Recurrences pass on what each token adds.
            bound = float32_bound(alone, additions(encoder) * length)
            torch.testing.assert_close(found[b, :length], alone, rtol=0, atol=bound)


@EVERY
def test_what_stands_behind_a_sentence_changes_nothing_and_learns_nothing(settings):
    encoder, x = make_encoder(settings), make_input()
    behind = torch.arange(x.shape[1]) >= LENGTHS[:, None]
    other = x.masked_fill(behind[:, :, None], torch.nan)
    assert torch.equal(inside(encoder(x, LENGTHS)), inside(encoder(other, LENGTHS)))
    x.requires_grad_()
    inside(encoder(x, LENGTHS)).square().sum().backward()
    assert x.grad is not None
    assert not x.grad[behind].any()
    assert x.grad[~behind].all()


@EVERY
def test_every_weight_learns(settings):
    encoder = make_encoder(settings).train()
    inside(encoder(make_input(), LENGTHS)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


@EVERY
def test_dropout_comes_in_training_only_and_is_the_same_at_every_token(settings):
    if "weight_drop" in settings:
        settings = {**settings, "weight_drop": 0.0}
    encoder, x = make_encoder(settings, dropout=0.5), make_input()
    plain = make_encoder(settings)
    assert torch.equal(encoder(x, LENGTHS), plain(x, LENGTHS))
    encoder.train()
    torch.manual_seed(4)
    once, again = inside(encoder(x, LENGTHS)), inside(encoder(x, LENGTHS))
    assert not torch.equal(once, again)
    assert torch.equal(inside(plain.train()(x, LENGTHS)), inside(plain.eval()(x, LENGTHS)))
    if isinstance(encoder, LayeredEncoder) and settings.get("kind") != "idcnn":
        # A dropped feature is zero at every token of a sentence.
        hidden = encoder(x, LENGTHS)[2]
        dropped = hidden == 0
        assert dropped.any()
        assert torch.equal(dropped, dropped[:1].expand_as(dropped))


def test_dropout_comes_between_the_layers_too():
    encoder, x = make_encoder({"layers": 2}, dropout=0.5).train(), make_input()
    plain = make_encoder({"layers": 2})
    torch.manual_seed(4)
    once = encoder(x, LENGTHS)
    kept = (once != 0) & (torch.arange(7) < LENGTHS[:, None])[:, :, None]
    # What was kept differs from the plain states, because the layer below dropped some too.
    assert not torch.isclose(once, 2 * plain(x, LENGTHS))[kept].any()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        pytest.param({}, RecurrentEncoder, id="default"),
        pytest.param({"cell": "gru"}, RecurrentEncoder, id="gru"),
        pytest.param({"cell": "mingru"}, MinimalRNN, id="mingru"),
        pytest.param({"cell": "minlstm"}, MinimalRNN, id="minlstm"),
        pytest.param({"kind": "idcnn", "cell": "gru"}, DilatedCNN, id="idcnn"),
    ],
)
def test_the_section_says_which_encoder_is_built(settings, kind):
    assert type(make_encoder(settings)) is kind
    attentive = make_encoder(settings, attention_heads=2, dropout=0.25)
    assert isinstance(attentive, EncoderStack)
    assert [type(each) for each in attentive.encoders] == [kind, SelfAttention]
    assert [each.dropout.rate for each in attentive.encoders] == [0.25, 0.25]
    assert attentive.size == attentive.encoders[0].size


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_section_of_an_older_version_builds_what_it_did(cell):
    old = {"cell": cell, "size": SIZE, "layers": 2, "dropout": 0.5}
    encoder = build_encoder(INPUT, old)
    assert isinstance(encoder, RecurrentEncoder)
    assert encoder.size == 2 * SIZE
    assert encoder.dropout.rate == 0.5
    assert list(encoder.state_dict()) == [
        f"{direction}.{layer}.{name}_l0"
        for direction in ("forwards", "backwards")
        for layer in (0, 1)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"kind": "idcnn", "bidirectional": False},
            "bidirectional: must be true where the kind is",
            id="idcnn of one direction",
        ),
        pytest.param(
            {"projection": 5, "cell": "gru"},
            "projection: must be 0 where the cell is gru. Got 5.",
            id="gru with projection",
        ),
        pytest.param(
            {"projection": 5, "kind": "idcnn"},
            "projection: must be 0 where the kind is idcnn.",
            id="idcnn with projection",
        ),
        pytest.param(
            {"projection": 8, "size": 8},
            "projection: must be less than the size, 8. Got 8.",
            id="a projection as wide as the states",
        ),
        pytest.param(
            {"weight_drop": 0.5, "cell": "mingru"},
            "weight_drop: must be 0 where the cell is mingru.",
            id="mingru with weight drop",
        ),
        pytest.param(
            {"weight_drop": 0.5, "kind": "idcnn"},
            "weight_drop: must be 0 where the kind is idcnn.",
            id="idcnn with weight drop",
        ),
        pytest.param(
            {"residual": True},
            "residual: must be false where there is one layer. Got True.",
            id="residual of one layer",
        ),
        pytest.param(
            {"attention_heads": 3, "size": 8},
            "attention_heads: must divide the width of the states, 16. Got 3.",
            id="3 heads for 16",
        ),
        pytest.param(
            {"attention_heads": 4, "size": 8, "projection": 3},
            "attention_heads: must divide the width of the states, 6. Got 4.",
            id="4 heads for 6 projected",
        ),
        pytest.param(
            {"attention_heads": 4, "kind": "idcnn", "size": 6},
            "attention_heads: must divide the width of the states, 6. Got 4.",
            id="4 heads for 6 filters",
        ),
    ],
)
def test_settings_without_a_use_are_refused(settings, message):
    with pytest.raises(ConfigError) as error:
        parse_config({"encoder": settings})
    assert str(error.value).startswith(f"encoder.{message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"kind": "idcnn", "residual": True, "attention_heads": 4}, id="idcnn"),
        pytest.param(
            {"attention_heads": 8, "bidirectional": False, "size": 8},
            id="attention of one direction",
        ),
        pytest.param(
            {"projection": 4, "weight_drop": 0.2, "layers": 2, "residual": True}, id="projection"
        ),
    ],
)
def test_settings_with_a_use_are_taken(settings):
    encoder = Config().updated({f"encoder.{k}": v for k, v in settings.items()}).encoder
    assert encoder.model_dump(include={*settings}) == settings


def test_shapes_are_checked_in_every_test():
    with pytest.raises(TypeCheckError):
        make_encoder({})(make_input(), LENGTHS[:-1])


def test_encoders_can_be_built_without_a_section():
    encoder = ner.nn.encoders.DilatedCNN(INPUT, SIZE)
    assert encoder.size == SIZE
