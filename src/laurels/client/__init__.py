"""The client of the HTTP service: the library's verbs, answers and errors over the network, and a queue on disk.

    from laurels.client import Client

    with Client("https://laurels.example", token="lrl_...", storage="/var/lib/platform/laurels") as laurels:
        laurels.track("ada", "code_run", language="python", code_length=240)
        print(laurels.dashboard("ada").user.total_points)

Needs `pip install 'laurels[client]'`.
"""

try:
    from laurels.client.clients import AsyncClient, Client
except ModuleNotFoundError as error:
    if error.name != "httpx2":
        raise
    raise ModuleNotFoundError(
        "The client needs a package that is not installed: pip install 'laurels[client]'.", name=error.name
    ) from error
from laurels.client.errors import NotStored, RequestRefused, ServiceUnreachable

__all__ = ["AsyncClient", "Client", "NotStored", "RequestRefused", "ServiceUnreachable"]
