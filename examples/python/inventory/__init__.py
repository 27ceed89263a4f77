"""The inventory domain as a service that Angzarr calls."""
