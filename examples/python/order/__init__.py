"""The order domain as a service that Angzarr calls."""
