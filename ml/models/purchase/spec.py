"""What is special to the purchase model."""

from __future__ import annotations

from datetime import timedelta

from ml.models.purchase.label import LABEL, purchased_within
from ml.spec import Label, ModelSpec

SPEC = ModelSpec(
    name="purchase",
    title="Purchase within the horizon",
    description="The chance that a user buys within the horizon, from what the user did before.",
    intended_use="Ranking visitors of the shop for offers and for forecasts of demand. Not for "
    "decisions with legal or similar effects on a person, not for prices, not for users of other "
    "shops.",
    label=Label(LABEL, "the user buys within the horizon", timedelta(hours=24), purchased_within),
    default=True,
)
