"""The way from the ERP to VTEX: commands accepted, sent once, and answered."""
