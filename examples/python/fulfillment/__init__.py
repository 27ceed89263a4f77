"""The saga "order-fulfillment": what is ordered is reserved."""
