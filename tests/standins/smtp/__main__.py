"""Runs the mail server by itself, and prints every mail that it takes as a line of JSON. Stop with Ctrl-C or SIGTERM."""

from __future__ import annotations

import json
import signal
import threading

from tests.standins.smtp.server import Mailed, SmtpStandin


def tell(mailed: Mailed) -> None:
    subject = str(mailed.mail["Subject"])
    print(json.dumps({"to": mailed.recipients, "subject": subject, "text": mailed.text}), flush=True)


def main() -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with SmtpStandin(heard=tell) as standin:
        print(f"listening 127.0.0.1:{standin.port}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
