"""What is special to the churn model."""

from __future__ import annotations

from datetime import timedelta

from ml.models.churn.label import LABEL, absent_within
from ml.spec import Label, ModelSpec

SPEC = ModelSpec(
    name="churn",
    title="No visit within two weeks",
    description="The chance that a user who was active lately does not visit the shop again within "
    "the horizon, from what the user did before.",
    intended_use="Choosing whom to invite back, and forecasts of active users. Not for decisions "
    "with legal or similar effects on a person, not for prices, not for users of other shops.",
    label=Label(
        LABEL, "the user does not visit within the horizon", timedelta(days=14), absent_within
    ),
    # Candidates are compared on the later half, by rows whose two weeks were over before it.
    days=42,
    limits=(
        (
            "Its labels are two weeks old when they are known: a change of habits shows in its F1 "
            "two weeks later. Drift of the features shows at once."
        ),
        "It knows users with an event in the last seven days; whoever left before is not scored.",
    ),
)
