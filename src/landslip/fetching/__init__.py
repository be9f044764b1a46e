"""Files from public servers: listed with their checksums, downloaded, gone on with after a break, verified."""
