"""CPU of reading an order's document, for the ERP and for a judge, beside parsing its JSON alone.

    python -m benchmarks.documents

Prints milliseconds of CPU and the ratio to the JSON parser, for documents of 3 and of 500 lines.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import partial
from time import process_time

from pydantic import SecretStr

from orders_sync.sandbox import Box, SandboxAdapter
from orders_sync.vtex.client import Credentials, VtexClient
from orders_sync.vtex.documents import parse_json
from orders_sync.vtex.fulfilment import fulfilment
from orders_sync.vtex.translate import order
from orders_sync.vtex.transport import RequestsTransport

ACCOUNT = "mystore"
LINES = (3, 500)
SECONDS = 2.0


def main() -> None:
    """Measure each reading for some seconds."""
    for lines in LINES:
        document = document_of(lines)
        parsing = milliseconds(partial(parse_json, document))
        print(f"{lines} lines, {len(document)} bytes: JSON alone {parsing:.2f} ms")
        readings: dict[str, Callable[[bytes], object]] = {
            "the ERP's order": partial(order, ACCOUNT),
            "the judges' view": fulfilment,
        }
        for name, read in readings.items():
            took = milliseconds(partial(read, document))
            print(f"  {name}: {took:.2f} ms, {took / parsing:.1f} times the JSON")


def document_of(lines: int) -> bytes:
    """Return a document of the sandbox with so many lines, which add up."""
    box = Box(ACCOUNT, seed=1)
    [order_id] = box.create_orders(1)
    transport = RequestsTransport("http://vtex", adapter=SandboxAdapter(box))
    key = Credentials(SecretStr("key"), SecretStr("token"))
    data = json.loads(VtexClient(ACCOUNT, transport, key).get_order(order_id))
    item = data["items"][0]
    item |= {"quantity": 1, "price": 100, "sellingPrice": 100, "tax": 0, "priceTags": []}
    item |= {"priceDefinition": None, "bundleItems": [], "unitMultiplier": 1}
    data["items"] = [{**copy.deepcopy(item), "uniqueId": f"U{at}"} for at in range(lines)]
    data["totals"] = [{"id": "Items", "name": "Items", "value": 100 * lines}]
    data["value"] = 100 * lines
    return json.dumps(data).encode()


def milliseconds(work: Callable[[], object]) -> float:
    """Return the CPU time of one call, in the mean over some seconds."""
    started, calls = process_time(), 0
    while process_time() - started < SECONDS:
        work()
        calls += 1
    return (process_time() - started) / calls * 1000


if __name__ == "__main__":
    main()
