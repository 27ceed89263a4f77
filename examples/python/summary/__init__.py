"""The projector "order-summary": a table with a row for each order."""
