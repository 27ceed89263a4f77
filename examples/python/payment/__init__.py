"""The payment domain as a service that Angzarr calls."""
