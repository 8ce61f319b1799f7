"""The way from VTEX to the ERP: poll, fetch, hand over, start handling, acknowledge."""
