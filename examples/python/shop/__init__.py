"""What the services of the shop have in common: how Angzarr calls them."""
