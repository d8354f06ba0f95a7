"""Accepting that the list of accounts shrinks: what the consumers answer is what is told."""

from __future__ import annotations

import argparse
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connector.commands import accept_directory
from connector.commands.accept_directory import Loss
from connector.commands.partition_words import Answers
from connector.runtime.lifecycle import ExitCode

LOSS = Loss("moodle", 40, 50)


@pytest.mark.parametrize(
    ("answers", "code"),
    [(Answers(4, {}), ExitCode.OK), (Answers(1, {"unknown_kind": 3}), ExitCode.HALTED)],
)
def test_a_refusal_is_told(
    answers: Answers, code: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A consumer of another release may refuse: then it is not accepted, and the command says so."""
    found, plain = run(answers, monkeypatch, capsys, as_json=True)
    _, text = run(answers, monkeypatch, capsys, as_json=False)

    assert (code, {"accepted": 40, "refused": answers.refused}) == (found, json.loads(plain))
    assert f"{answers.followed} partitions let the next reading of all accounts lose 40 students." in text
    assert ("3 refuse it: unknown_kind" in text) is bool(answers.refused)


def run(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> tuple[ExitCode, str]:
    monkeypatch.setattr(accept_directory, "base_for_command", lambda _: None)
    monkeypatch.setattr(accept_directory, "awaited", lambda *_: LOSS)
    monkeypatch.setattr(accept_directory, "say", lambda *_: answers)
    settings = SimpleNamespace(sink=lambda name: (name, None), kafka=SimpleNamespace(partitions=4))
    arguments = argparse.Namespace(sink="moodle", hash=LOSS.mark, json=as_json)
    code = accept_directory.run(arguments, cast("Any", settings))
    return code, capsys.readouterr().out
