"""`python -m orders_sync_tryton`: sets a Tryton database up for orders_sync."""

import argparse
import datetime as dt
import logging
import os
import secrets
import sys
from importlib.metadata import entry_points
from pathlib import Path

from trytond import config


def main():
    """Read the command line, and make what is missing."""
    parser = argparse.ArgumentParser(prog="orders_sync_tryton", description=__doc__)
    parser.add_argument("-c", "--config", help="Tryton's configuration file")
    parser.add_argument("-d", "--database", required=True)
    parser.add_argument("--account", required=True, help="the account's name at VTEX")
    parser.add_argument("--language", default="pt", help="of Tryton's screens, beside English")
    parser.add_argument("--company", default="Loja", help="name of the company that sells")
    parser.add_argument("--login", default="orders_sync", help="the user that orders_sync is")
    parser.add_argument(
        "--password-file",
        type=Path,
        required=True,
        help="has that user's password, and is made with a new one if it is not there",
    )
    parser.add_argument(
        "--admin-password-file", type=Path, required=True, help="has the administrator's, likewise"
    )
    parser.add_argument(
        "--product-code",
        choices=("ref_id", "seller_sku", "sku"),
        default="ref_id",
        help="which of an item's codes at VTEX is the code of the product",
    )
    parser.add_argument("--products", type=Path, help="CSV with the columns code,name,unit,type")
    parser.add_argument(
        "--clerk-password-file",
        type=Path,
        help="makes a user `clerk` who sells, ships and invoices, for trying it out",
    )
    options = parser.parse_args()
    _check_offers()
    logging.basicConfig(level=logging.WARNING)
    config.update_etc(options.config)
    _password(options.admin_password_file)
    # https://docs.tryton.org/latest/server/topics/setup_database.html
    os.environ["TRYTONPASSFILE"] = str(options.admin_password_file)  # noqa: TID251 -- Tryton reads it
    # What is set up reads Tryton's configuration when it is imported.
    from orders_sync_tryton.set_up import Store, set_up  # noqa: PLC0415 -- as above

    clerk = options.clerk_password_file
    store = Store(
        account=options.account,
        company=options.company,
        login=options.login,
        password=_password(options.password_file),
        language=options.language,
        product_code=options.product_code,
        products=options.products,
        clerk=_password(clerk) if clerk else None,
    )
    set_up(options.database, store, dt.date.today())  # noqa: DTZ011 -- the machine's own year
    print(  # noqa: T201 -- a command says what it did
        f"Database {options.database} takes the orders of {options.account} "
        f"from user {options.login}, whose password is in {options.password_file}."
    )


def _check_offers():
    """End where two packages offer the module: Tryton then finds none of them."""
    offers = entry_points(group="trytond.modules", name="orders_sync")
    if len({offer.dist.name for offer in offers}) > 1:
        sys.exit(
            "Both orders-sync and orders-sync-tryton are installed here, and Tryton takes one "
            "module orders_sync only. Run: pip uninstall orders-sync-tryton"
        )


def _password(path):
    """Return the password that a file has; write a new one where there is none."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    main()
