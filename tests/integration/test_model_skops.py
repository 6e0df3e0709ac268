"""skops files: known types only, and the same bytes for the same model. (Imports scikit-learn.)"""

from __future__ import annotations

import os

import numpy as np
import pytest

from ml.store.artefact import (
    ArtefactError,
    Field,
    Signature,
    load_skops,
    open_artefact,
    seal,
    write_skops,
)

KEY = b"k" * 64
SIGNATURE = Signature((Field("x", "double"),), (Field("score", "double"),))


def test_skops_loads_known_types_only_and_the_same_model_has_the_same_bytes(tmp_path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import FunctionTransformer

    x = np.arange(20.0).reshape(10, 2)
    y = np.array([0, 1] * 5)
    for number in (1, 2):
        write_skops(LogisticRegression().fit(x, y), tmp_path / f"{number}.skops")
    assert (tmp_path / "1.skops").read_bytes() == (tmp_path / "2.skops").read_bytes()
    write_skops(FunctionTransformer(func=os.path.join), tmp_path / "3.skops")
    seal(tmp_path, "skops", SIGNATURE, {}, KEY)
    artefact = open_artefact(tmp_path, KEY)
    assert load_skops(artefact, "1.skops").predict(x).shape == (10,)
    with pytest.raises(ArtefactError, match=r"posixpath\.join"):
        load_skops(artefact, "3.skops")
    assert load_skops(artefact, "3.skops", trusted=["posixpath.join"]).func is os.path.join
