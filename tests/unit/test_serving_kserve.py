"""Manifests hold to KServe's schema of an InferenceService.

``SCHEMA`` says, in our words, the names and types of the fields that we write, as KServe's custom
resource definition (serving.kserve.io_inferenceservices, v1beta1) has them, and allows nothing
else. Where ``WEIR_KSERVE_CRD`` names the published file, each manifest is held to the whole of it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ml.serving.kserve import KServeError, manifest

PUBLISHED = os.environ.get("WEIR_KSERVE_CRD", "")
TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}


def closed(required: str = "", **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def listed(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


TEXTS = {"type": "object", "additionalProperties": TEXT}
PROBE = closed(httpGet=closed("port", path=TEXT, port={"type": ["integer", "string"]}))
CONTAINER = closed(
    "name image",
    name={"const": "kserve-container"},
    image=TEXT,
    command=listed(TEXT),
    args=listed(TEXT),
    env=listed(closed("name", name=TEXT, value=TEXT)),
    envFrom=listed(closed(secretRef=closed("name", name=TEXT))),
    ports=listed(closed("containerPort", containerPort=WHOLE, protocol=TEXT)),
    readinessProbe=PROBE,
    livenessProbe=PROBE,
    resources=closed(requests=TEXTS, limits=TEXTS),
)
PREDICTOR = closed(
    "containers",
    minReplicas=WHOLE,
    canaryTrafficPercent={"type": "integer", "minimum": 0, "maximum": 100},
    containers=listed(CONTAINER),
)
SCHEMA = closed(
    "apiVersion kind metadata spec",
    apiVersion={"const": "serving.kserve.io/v1beta1"},
    kind={"const": "InferenceService"},
    metadata=closed("name", name=TEXT, labels=TEXTS, annotations=TEXTS),
    spec=closed("predictor", predictor=PREDICTOR),
)


def problems(document: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]


@cache
def published() -> Draft202012Validator:
    """The schema of the published file; fields that it does not know are refused."""
    definition = yaml.load(Path(PUBLISHED).read_bytes(), yaml.CSafeLoader)
    (version,) = [one for one in definition["spec"]["versions"] if one["name"] == "v1beta1"]
    return Draft202012Validator(shut(version["schema"]["openAPIV3Schema"]))


def shut(schema: Any) -> Any:
    """The same schema, in which an object takes no field beyond those that it names."""
    if isinstance(schema, list):
        return [shut(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: shut(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


CASES = [manifest("purchase", 3), manifest("purchase", 3, 7, 0.05, storage="s3://models/weir/")]


@pytest.mark.parametrize("document", CASES, ids=["champion", "challenger"])
def test_a_manifest_has_the_shape_that_kserve_knows(document: dict[str, Any]) -> None:
    assert problems(document) == []


@pytest.mark.skipif(not PUBLISHED, reason="WEIR_KSERVE_CRD names no published definition")
@pytest.mark.parametrize("document", CASES, ids=["champion", "challenger"])
def test_a_manifest_holds_to_the_published_definition(document: dict[str, Any]) -> None:
    assert [error.message for error in published().iter_errors(document)] == []
    # The check can fail.
    document["spec"]["predictor"]["canaryTrafficPerCent"] = "5"
    assert list(published().iter_errors(document))
    del document["spec"]["predictor"]["canaryTrafficPerCent"]


def test_the_check_refuses_what_kserve_does_not_know() -> None:
    document = manifest("purchase", 3, 7, 0.05)
    document["spec"]["predictor"]["canaryTrafficPercent"] = "5"
    assert problems(document)
    document = manifest("purchase", 3)
    document["spec"]["predictor"]["canary"] = 5
    assert problems(document)


def test_a_trial_is_the_challenger_with_its_share() -> None:
    champion, trial = manifest("m", 3), manifest("m", 3, 7, 0.05)
    assert "canaryTrafficPercent" not in champion["spec"]["predictor"]
    assert trial["spec"]["predictor"]["canaryTrafficPercent"] == 5
    uri = {
        document["spec"]["predictor"]["containers"][0]["env"][0]["value"]
        for document in (champion, trial)
    }
    assert uri == {"pvc://weir-models/m/3", "pvc://weir-models/m/7"}
    assert champion["metadata"]["name"] == trial["metadata"]["name"]


@given(st.integers(0, 100))
def test_every_whole_per_cent_can_be_written(percent: int) -> None:
    predictor = manifest("m", 1, 2, percent / 100)["spec"]["predictor"]
    assert predictor["canaryTrafficPercent"] == percent


@pytest.mark.parametrize("share", [0.005, 1.01, -0.01])
def test_another_share_is_refused(share: float) -> None:
    with pytest.raises(KServeError, match="whole per cent"):
        manifest("m", 1, 2, share)


@pytest.mark.parametrize("name", ["", "Purchase", "a_b", "-a", "a" * 41, "a/b"])
def test_a_name_that_kubernetes_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(KServeError, match="not a valid service name"):
        manifest(name, 1)
