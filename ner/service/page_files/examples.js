// Texts to begin with, for each kind of model.

export const EXAMPLES = {
  ner: [
    [
      "Letters",
      "Ada Lovelace wrote to Charles Babbage from Ockham Park in July 1843. Her notes on the " +
        "Analytical Engine were printed in London, and the Royal Society kept a copy.",
    ],
    [
      "Borders",
      "Lord Mayor of London Peter Ashdown thanked Real Madrid in Santa Cruz de Tenerife, and Lady " +
        "Margaret Hall watched.",
    ],
    [
      "News",
      "Maria Gomez of the Lisbon Observer reports that Nordwind Energy will build a wind farm near " +
        "Aberdeen. The Bank of Scotland lends the money; Nordwind expects the first power in 2031.",
    ],
  ],
  tag: [
    ["Clock", "The old clock in the hall strikes thirteen, and nobody minds."],
    ["Harbour", "Slowly the ferry turns, its lamps lit, towards a harbour that few maps show."],
  ],
  classify: [
    ["Inventor", "Who invented the zip fastener?"],
    ["Distance", "How far is the Moon from the Earth?"],
    ["Place", "Where did the first tram run?"],
  ],
};
