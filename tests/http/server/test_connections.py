"""What is used of the server's own classes must be there, and a server says so at its start where it is not."""

from __future__ import annotations

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from laurels.errors import SettingsError
from laurels.http.server.connections import check_server


def test_the_locked_server_has_all_that_is_used() -> None:
    check_server()


def test_another_server_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def shorter(self: object) -> None:
        del self

    monkeypatch.delattr(HttpToolsProtocol, "on_headers_complete")
    monkeypatch.setattr(RequestResponseCycle, "__init__", shorter)
    with pytest.raises(SettingsError) as refused:
        check_server()
    for part in ("HttpToolsProtocol.on_headers_complete", "RequestResponseCycle.keep_alive", "uvicorn", "<0.55"):
        assert part in str(refused.value)
