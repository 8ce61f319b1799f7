"""The plug-in boundary: what an ERP adapter is, how it is found, and the adapters shipped here."""
