"""Who answers a request, and what goes on record about it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml.canary.share import Arm
from ml.serving.checks import Value
from ml.serving.log import Prediction
from ml.serving.runtime import Model, ModelError
from ml.serving.state import Service

Values = Sequence[Value]


@dataclass(frozen=True, slots=True)
class Request:
    """One row to be scored: id of the answer, key, checked values."""

    id: str
    key: str
    values: Values


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets.

    Attributes:
        returned: the prediction that is the answer; failed where no model gave one.
        records: every prediction to be recorded before the answer goes out.
        shadow: the challenger must still score this request, after the answer went out.
        error: what went wrong, where the answer is a failure.
    """

    returned: Prediction
    records: tuple[Prediction, ...]
    shadow: bool = False
    error: ModelError | None = None


def answer(service: Service, request: Request) -> Answer:
    """Score one request.

    A challenger that fails is on record as failed, and the champion's answer is returned; that
    row is part of no trial, for its key is not one of the champion's.
    """
    if service.split is None or service.challenger is None:
        found, error = _score(service, service.champion, Arm.CHAMPION, request)
        return Answer(found, (found,), error=error)
    route = service.split.route(request.key)
    if route.answers is Arm.CHAMPION:
        found, error = _score(service, service.champion, Arm.CHAMPION, request)
        return Answer(found, (found,), shadow=route.shadow is not None, error=error)
    found, error = _score(service, service.challenger, Arm.CHALLENGER, request)
    if error is None:
        return Answer(found, (found,))
    stands_in, error = _score(service, service.champion, Arm.CHAMPION, request, trial="")
    return Answer(stands_in, (found, stands_in), error=error)


def shadow(service: Service, request: Request) -> Prediction:
    """The challenger's score of a request that the champion answered."""
    assert service.challenger is not None, "only a trial has a shadow"  # noqa: S101
    found, _ = _score(service, service.challenger, Arm.CHALLENGER, request, in_shadow=True)
    return found


def answers(service: Service, requests: Sequence[Request]) -> list[Answer]:
    """Score a batch.

    Without a trial in one run of the model, each row with its part of the time. In a trial row by
    row: arms of different sizes would else not be comparable in latency.
    """
    if service.split is None and len(requests) > 1:
        at, began = datetime.now(UTC), time.perf_counter()
        try:
            scores = service.champion.scores([request.values for request in requests])
        except ModelError:
            # Row by row, so that one row does not fail the others.
            return [answer(service, request) for request in requests]
        each = (time.perf_counter() - began) / len(requests)
        found = [
            _prediction(service, service.champion, Arm.CHAMPION, request, at, each, score)
            for request, score in zip(requests, scores, strict=True)
        ]
        return [Answer(prediction, (prediction,)) for prediction in found]
    return [answer(service, request) for request in requests]


def _score(
    service: Service,
    model: Model,
    arm: Arm,
    request: Request,
    *,
    trial: str | None = None,
    in_shadow: bool = False,
) -> tuple[Prediction, ModelError | None]:
    at, began = datetime.now(UTC), time.perf_counter()
    score: float | None = None
    error: ModelError | None = None
    try:
        (score,) = model.scores([request.values])
    except ModelError as raised:
        error = raised
    seconds = time.perf_counter() - began
    made = _prediction(service, model, arm, request, at, seconds, score, trial, in_shadow)
    return made, error


def _prediction(
    service: Service,
    model: Model,
    arm: Arm,
    request: Request,
    at: datetime,
    seconds: float,
    score: float | None,
    trial: str | None = None,
    in_shadow: bool = False,
) -> Prediction:
    if trial is None:
        trial = service.split.trial if service.split else ""
    return Prediction(
        id=request.id,
        model=model.name,
        version=model.version,
        arm=arm.value,
        trial=trial,
        key=request.key,
        at=at,
        seconds=seconds,
        failed=score is None,
        score=score,
        label=None if score is None else model.label(score),
        shadow=in_shadow,
    )
