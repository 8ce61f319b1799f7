"""An ERP for the adapter `webhook`: ERP_SECRET=whsec_... uvicorn receiver:app --port 9000."""

import os
import sqlite3
from contextlib import closing

from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse

SQL = """CREATE TABLE IF NOT EXISTS orders (account, id, state, version, body, UNIQUE(account, id));
CREATE TABLE IF NOT EXISTS outcomes (account, key, outcome, reason, UNIQUE(account, key))"""
PLACE = """INSERT INTO orders VALUES (?, ?, 'new', 1, ?)
ON CONFLICT DO UPDATE SET body = coalesce(body, excluded.body)"""
BURY = "INSERT OR IGNORE INTO orders VALUES (?, ?, 'cancelled', 1, NULL)"
CHANGE = """UPDATE orders SET body = ?1, version = ?2
WHERE account = ?3 AND id = ?4 AND state = 'new' AND version < ?2"""
STOP = "UPDATE orders SET state = ? WHERE account = ? AND id = ? AND state IN ('new', 'cancelling')"
LOOK = "SELECT rowid, state LIKE 'cancel%', version FROM orders WHERE account = ? AND id = ?"
TELL = """INSERT INTO outcomes VALUES (:account, :key, :outcome, :reason) ON CONFLICT DO UPDATE
SET outcome = excluded.outcome, reason = excluded.reason WHERE outcome <> 'done'"""


def answer(erp, verb, data, body):  # Each statement does it once, however often it comes.
    key, revision = (data["account"], data.get("order_id")), data.get("changes", {}).get("revision")
    if verb == "erp.place":
        erp.execute(PLACE, (*key, body))  # One that was cancelled before it came stays so.
    elif verb == "erp.changed":
        erp.execute(CHANGE, (body, revision, *key))
    elif verb == "erp.cancel" and erp.execute(BURY, key).rowcount:
        return {"answer": "unknown"}
    elif verb in ("erp.cancel", "erp.consider"):
        erp.execute(STOP, ("cancelled" if verb == "erp.cancel" else "cancelling", *key))
    elif verb == "erp.outcome":
        erp.executemany(TELL, data["outcomes"])
    number, is_stopped, version = erp.execute(LOOK, key).fetchone() or (0, False, 0)
    is_late = "ignored" if is_stopped else "too_late"
    replies = {
        "erp.place": {"reference": f"SO-{number}"},
        "erp.changed": {"answer": "taken" if version >= (revision or 0) else is_late},
        "erp.cancel": {"answer": "cancelled" if is_stopped else "too_late"},
        "erp.consider": {"answer": "agree" if is_stopped else "deny", "reason": "It is packed."},
    }
    return replies.get(verb, {}) if number or not key[1] else {"code": "unknown_order"}


async def receive(request):
    body = await request.body()
    try:
        message = Webhook(os.environ["ERP_SECRET"]).verify(body, dict(request.headers))
    except WebhookVerificationError:
        return JSONResponse({}, 401)
    with closing(sqlite3.connect("erp.sqlite3", timeout=10)) as erp, erp:
        erp.executescript(SQL)
        reply = answer(erp, message["type"], message["data"], body.decode())
    return JSONResponse(reply, 422 if "code" in reply else 200)


app = Starlette()
app.add_route("/", receive, methods=["POST"])
